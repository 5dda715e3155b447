"""What was found in one frame, as arrays: the one form in which trackers take detections.

`read_detections` makes it of whatever a caller has: results of a model, their boxes, arrays or tensors of rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ultralytics.engine.results.boxes import Boxes
from ultralytics.engine.results.tensors import TrackedRows
from ultralytics.ops.rotated import xywhr2xyxyxyxy
from ultralytics.utils.log import LOGGER

__all__ = ["Observations", "corners_of", "read_detections"]

FORMS = (
    "Results, Boxes or OBB, or rows: (N, 6) x1, y1, x2, y2, conf, cls, or (N, 7) centre x, centre y, width, height, "
    "angle, conf, cls"
)
# Centre and size to corners: one product, instead of six small operations that take longer than the numbers do.
_TO_CORNERS = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], dtype=np.float32)


@dataclass
class Observations:
    """Detections of one frame, in pixels.

    Attributes:
        boxes: (N, 4) centre x, centre y, width, height.
        score: (N,) in 0..1.
        cls: (N,) class indices.
        index: (N,) row of every one in what the caller gave.
        angle: (N,) radians, of oriented boxes, else None.
        features: (N, D) appearance, or None.
        given: how many the caller gave.
    """

    boxes: np.ndarray
    score: np.ndarray
    cls: np.ndarray
    index: np.ndarray
    angle: np.ndarray | None = None
    features: np.ndarray | None = None
    given: int = 0

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def conf(self) -> np.ndarray:
        """(N,) `score`, by its name in `Boxes`."""
        return self.score

    @property
    def xywh(self) -> np.ndarray:
        """(N, 4) `boxes`, by their name in `Boxes`."""
        return self.boxes

    def __getitem__(self, rows: Any) -> Observations:
        """Return the ones that a mask or an index array selects."""
        angle = None if self.angle is None else self.angle[rows]
        features = None if self.features is None else self.features[rows]
        columns = self.boxes[rows], self.score[rows], self.cls[rows], self.index[rows]
        return Observations(*columns, angle, features, self.given)

    def starts(self) -> Iterator[tuple[list[float], float, float]]:
        """Yield for every one what a track is made of: centre, size, angle of oriented boxes, row; score; class."""
        angles = [()] * len(self) if self.angle is None else self.angle[:, None].tolist()
        columns = (self.boxes.tolist(), angles, self.index.tolist(), self.score.tolist(), self.cls.tolist())
        for box, angle, row, score, cls in zip(*columns, strict=True):
            yield [*box, *angle, row], score, cls

    def joined(self, others: Observations) -> Observations:
        """Return these and others, whose rows are counted on from these."""
        mine = (self.boxes, self.score, self.cls, self.index, self.angle)
        theirs = (others.boxes, others.score, others.cls, others.index + self.given, others.angle)
        both = (None if a is None or b is None else np.concatenate((a, b)) for a, b in zip(mine, theirs, strict=True))
        return Observations(*both, given=self.given + others.given)

    @cached_property
    def xyxy(self) -> np.ndarray:
        """(N, 4) corners; of oriented boxes those of the box before it is turned."""
        return corners_of(self.boxes)

    @property
    def hulls(self) -> np.ndarray:
        """(N, 4) corners of upright boxes around the detections."""
        if self.angle is None:
            return self.xyxy
        corners = xywhr2xyxyxyxy(self.shapes)
        return np.concatenate((corners.min(1), corners.max(1)), 1)

    @property
    def shapes(self) -> np.ndarray:
        """What overlaps are computed of: (N, 4) corners, or (N, 5) centre, size and angle."""
        return self.xyxy if self.angle is None else np.column_stack((self.boxes, self.angle))

    def with_features(self, features: Any) -> Observations:
        """Return the same with a vector for every detection of the caller (M, D), of which some may be left out."""
        table = np.asarray(features, dtype=np.float32)
        return replace(self, features=table[self.index])


def corners_of(boxes: np.ndarray) -> np.ndarray:
    """Return boxes (N, 4) centre, width, height as corners (N, 4)."""
    return boxes @ _TO_CORNERS


def read_detections(detections: Any, oriented: bool = False) -> Observations:
    """Return the detections of a frame; those that are no boxes (NaN, no area) are left out, with a warning.

    Args:
        detections: `Results`, `Boxes` or `OBB`; rows as an array, a tensor or a list; or any object with `conf`, `cls`
            and one of `xywhr`, `xywh`, `xyxy`.
        oriented: whether no detections at all are of oriented boxes.

    Raises:
        TypeError: something else.
        ValueError: rows of another width.
    """
    boxes, score, cls = _columns(detections)
    if not len(boxes):
        told = boxes.ndim == 2 and boxes.shape[1] in (4, 5)
        boxes = np.zeros((0, boxes.shape[1] if told else 4 + oriented), np.float32)
    count, angle = len(boxes), None
    index = np.arange(count)
    if not (np.isfinite(boxes.sum() + score.sum() + cls.sum()) and (boxes[:, 2:4] > 0).all()):
        index = _sound(boxes, score, cls)
        boxes, score, cls = boxes[index], score[index], cls[index]
    if boxes.shape[1] == 5:  # the longer side is the width, so that a box looks the same from frame to frame
        high = boxes[:, 2] < boxes[:, 3]
        angle = boxes[:, 4] + high * (math.pi / 2)
        boxes = np.where(high[:, None], boxes[:, [0, 1, 3, 2]], boxes[:, :4])
    return Observations(boxes, score, cls, index, angle, given=count)


def _sound(boxes: np.ndarray, score: np.ndarray, cls: np.ndarray) -> np.ndarray:
    """Return which detections are boxes, and say how many are no numbers."""
    finite = np.isfinite(boxes).all(1) & np.isfinite(score) & np.isfinite(cls)
    if not finite.all():
        LOGGER.warning(f"{(~finite).sum()} of {len(finite)} detections are not finite numbers; they are left out.")
    return np.flatnonzero(finite & (boxes[:, 2:4] > 0).all(1))


def _columns(detections: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return boxes (N, 4 or 5) with their centre, scores (N,) and classes (N,) of what a caller gave."""
    found = detections
    for name in ("boxes", "obb"):  # of results
        if _has(detections, name) and getattr(detections, name) is not None:
            found = getattr(detections, name)
    if isinstance(found, (np.ndarray, torch.Tensor, list, tuple)):
        return _columns_of_rows(_array(found))
    if isinstance(found, TrackedRows):  # a track's number, where there is one, is not looked at
        rows, upright = _array(found.data), isinstance(found, Boxes)
        return _centred(rows[:, :4]) if upright else rows[:, :5], rows[:, -2], rows[:, -1]
    name = next((name for name in ("xywhr", "xywh", "xyxy") if _has(found, name)), None)
    if name is None or not _has(found, "conf") or not _has(found, "cls"):
        raise TypeError(f"detections are {FORMS}; got {type(detections).__name__}.")
    boxes = _array(getattr(found, name))
    return _centred(boxes) if name == "xyxy" else boxes, _array(found.conf).reshape(-1), _array(found.cls).reshape(-1)


def _centred(corners: np.ndarray) -> np.ndarray:
    """Return corners (N, 4) as centre and size."""
    low, high = corners[:, :2], corners[:, 2:]
    return np.concatenate(((low + high) / 2, high - low), 1)


def _has(item: Any, name: str) -> bool:
    """Whether an object has an attribute, asked without its `__getattr__`, which looks for the nearest name."""
    return hasattr(type(item), name) or name in getattr(item, "__dict__", ())


def _columns_of_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Do the same for rows of numbers."""
    wide = rows.shape[1] if rows.ndim == 2 else 0
    if wide not in (6, 7) and rows.size:
        raise ValueError(f"detections are {FORMS}; got an array of the shape {rows.shape}.")
    if not rows.size:
        return np.zeros((0, max(wide - 2, 0))), np.zeros(0), np.zeros(0)
    boxes = _centred(rows[:, :4]) if wide == 6 else rows[:, :5]
    return boxes, rows[:, -2], rows[:, -1]


def _array(values: Any) -> np.ndarray:
    """Return numbers as float32, wherever they are."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().float().numpy()
    elif isinstance(values, Sequence) and any(isinstance(row, torch.Tensor) for row in values):
        values = torch.stack(list(values)).detach().cpu().float().numpy()
    return np.asarray(values, dtype=np.float32)
