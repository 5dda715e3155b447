"""Tracks and frames for tests of the video applications, made up: no network, no tracker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from ultralytics.data.generators.drawing import CLASSES
from ultralytics.engine.results import Results

NAMES = dict(enumerate(CLASSES))


def row(x: float, y: float, track: int, cls: int = 0, side: float = 20, conf: float = 0.9) -> list[float]:
    """One tracked box by its middle."""
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2, track, conf, cls]


def found(rows: Sequence[Sequence[float]], frame: np.ndarray, **parts: Any) -> Results:
    """Results of tracked boxes; without any, boxes that have no tracks, as trackers give them."""
    boxes = torch.tensor(rows).reshape(-1, 7) if len(rows) else torch.zeros(0, 6)
    return Results(frame, path="frame.jpg", names=NAMES, boxes=boxes, **parts)


class FakeModel:
    """Answers `track` and `predict` with rows that are known, frame by frame."""

    def __init__(self, frames: Iterable[Sequence[Sequence[float]]] = (), **parts: Any) -> None:
        self.frames, self.names, self.calls, self.parts = iter(frames), NAMES, [], parts
        self.predictor = None

    def track(self, source: np.ndarray, **kwargs: Any) -> list[Results]:
        self.calls.append(kwargs)
        parts = {name: next(values) for name, values in self.parts.items()}
        return [found(next(self.frames), source, **parts)]

    predict = __call__ = track


def frame(height: int = 200, width: int = 200) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def film(solution: Any, count: int, **size: int) -> list[Any]:
    """Run a solution over so many empty frames."""
    return [solution(frame(**size)) for _ in range(count)]
