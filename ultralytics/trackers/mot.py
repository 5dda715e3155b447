"""Tracks of `model.track` as MOT-Challenge rows: collected from results, written whole or not at all.

    results = model.track("film.mp4", stream=True)
    write_tracks(results, "out.csv")                 # frame, id, left, top, width, height, confidence, class, -1

The format is described in `data.mot`; frames and classes count from 1, so COCO's person is class 1 as in MOT-Challenge.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from ultralytics.data.mot import COLUMNS, write_rows
from ultralytics.engine.results import Results

__all__ = ["TrackLog", "recorded", "track_rows", "write_tracks"]


class TrackLog:
    """Rows of tracks, collected result by result.

    Args:
        stride: `vid_stride` of the call, so that frames get their number in the film.
    """

    def __init__(self, stride: int = 1) -> None:
        self.stride = stride
        self._rows = [np.zeros((0, len(COLUMNS)))]
        self._sources: dict[str, None] = {}
        self._count = 0

    def add(self, result: Results) -> None:
        """Take the tracks of the next frame; boxes without ids are left out, rotated ones give their upright bounds.

        Raises:
            ValueError: it is a frame of another film, which would be mixed with the first.
        """
        frame = 1 + self._count * self.stride
        self._count += 1
        self._sources[str(result.path)] = None
        self._check_sources()
        found = result.boxes if result.obb is None else result.obb
        if found is None or found.id is None:
            return
        parts = (found.xyxy, found.id, found.conf, found.cls)
        box, ids, conf, cls = (torch.as_tensor(part).cpu().numpy().astype(float) for part in parts)
        frames, unknown = np.full(len(ids), frame), np.full(len(ids), -1)
        self._rows.append(np.column_stack((frames, ids, box[:, :2], box[:, 2:] - box[:, :2], conf, cls + 1, unknown)))

    def rows(self) -> np.ndarray:
        """Return the rows (N, 9) of `data.mot.COLUMNS`."""
        return np.concatenate(self._rows)

    def _check_sources(self) -> None:
        if 1 < len(self._sources) < self._count:  # a film that is a folder of pictures has a name for each frame
            first, second = list(self._sources)[:2]
            raise ValueError(
                f"the results are of several sources, '{first}' and '{second}'; tracks are those of one film."
            )


def track_rows(results: Iterable[Results], stride: int = 1) -> np.ndarray:
    """Return the tracks of a film's results, one for each frame, as rows (N, 9) of `data.mot.COLUMNS`.

    Raises:
        ValueError: the results are of several films.
    """
    log = TrackLog(stride)
    for result in results:
        log.add(result)
    return log.rows()


def write_tracks(results: Iterable[Results], file: str | os.PathLike, stride: int = 1) -> Path:
    """Write the tracks of a film's results as MOT-Challenge rows; the file appears whole or not at all.

    Args:
        results: of `model.track`, a list or a stream, which is run to its end.
        file: file to write.
        stride: `vid_stride` of the call.

    Returns:
        The file.

    Raises:
        ValueError: the results are of several films.
        OSError: the file cannot be written.
    """
    return write_rows(file, track_rows(results, stride))


def recorded(results: Iterable[Results], file: str | os.PathLike, stride: int = 1) -> Iterator[Results]:
    """Hand results on, and write their tracks when the last one has passed.

    A stream that fails or is left before its end writes nothing.

    Raises:
        ValueError: the results are of several films.
        OSError: the file cannot be written.
    """
    if Path(file).is_dir():
        raise IsADirectoryError(f"'{file}' is a folder; tracks go into a file.")
    log = TrackLog(stride)
    for result in results:
        log.add(result)
        yield result
    write_rows(file, log.rows())
