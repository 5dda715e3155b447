"""How good tracks are: HOTA, MOTA and IDF1 of found tracks against true ones.

    quality = measure("gt.txt", "out.csv")           # files, rows, or the results of `model.track`
    print(quality.hota, quality.mota, quality.idf1)

The figures are those of the library `trackeval`: HOTA, the mean over overlaps of 0.05 to 0.95, and its parts DetA and
AssA (Luiten et al., HOTA: A higher order metric for evaluating multi-object tracking, IJCV 2020), MOTA with its
counts of misses, false boxes and switches (Bernardin and Stiefelhagen, Evaluating multiple object tracking performance,
2008), IDF1 (Ristani et al., Performance measures and a data set for multi-target, multi-camera tracking, 2016).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ultralytics.cfg.commands import MEASURE
from ultralytics.cfg.errors import ConfigValueError
from ultralytics.data.mot import COLUMNS, read_rows
from ultralytics.engine.results import Results
from ultralytics.ops.iou import bbox_ioa
from ultralytics.trackers.mot import track_rows
from ultralytics.utils.checks import require
from ultralytics.utils.log import LOGGER

__all__ = ["TrackQuality", "main", "measure"]

EXTRA, LIBRARY = "track-quality", "trackeval"
MATCH = 0.5  # overlap from which a found box is a true one, for MOTA, IDF1 and rows that do not count
TINY = np.finfo(float).tiny  # keeps the overlap of boxes without area finite and changes no other
CONFIG = {"THRESHOLD": MATCH, "PRINT_CONFIG": False}

Tracks = str | os.PathLike | np.ndarray | Iterable[Results]


@dataclass(frozen=True)
class TrackQuality:
    """What `measure` found; shares are 0..1, larger is better.

    Attributes:
        hota: higher order tracking accuracy, the geometric mean of detection and association.
        deta: its part of detection.
        assa: its part of association.
        mota: 1 - (misses + false boxes + switches) / true boxes; may be negative.
        idf1: F1 of boxes that have the right id under the best assignment of whole tracks.
        switches: how often a true track changed its id.
        misses: true boxes that were not found.
        false_boxes: found boxes that are none.
        frames: length of the film.
        true_tracks, found_tracks: numbers of tracks.
        true_boxes, found_boxes: numbers of boxes.
    """

    hota: float
    deta: float
    assa: float
    mota: float
    idf1: float
    switches: int
    misses: int
    false_boxes: int
    frames: int
    true_tracks: int
    found_tracks: int
    true_boxes: int
    found_boxes: int

    def __str__(self) -> str:
        shares = "  ".join(f"{name.upper()} {getattr(self, name):.3f}" for name in ("hota", "mota", "idf1"))
        return (
            f"{shares}  ({self.frames} frames, {self.true_tracks} true tracks, {self.found_tracks} found; "
            f"{self.misses} misses, {self.false_boxes} false boxes, {self.switches} switches)"
        )


def measure(truth: Tracks, tracks: Tracks, classes: Sequence[int] | None = None) -> TrackQuality:
    """Compare found tracks with true ones. The class of a box does not matter where it is not asked for.

    Args:
        truth: file of true tracks, rows (N, 9) of `data.mot.COLUMNS`, or results. Rows whose seventh number is 0 do not
            count, and neither do boxes that were found there.
        tracks: the found tracks, in the same forms.
        classes: count only boxes of these classes (from 0, as models number them); None counts all.

    Raises:
        ImportError: the extra is not installed; says what to install.
        FileNotFoundError: a file is missing.
        ConfigValueError: a faulty file, names file and row; no true tracks.
    """
    metrics = require(f"{LIBRARY}.metrics", extra=EXTRA, why="measuring tracks")
    true, found = _rows(truth, classes), _rows(tracks, classes)
    if not len(true):
        raise ConfigValueError(f"no true tracks{' of these classes' if classes else ''} in {_name(truth)}.")
    sequence = _sequence(true, found)
    hota = metrics.HOTA().eval_sequence(sequence)
    clear = metrics.CLEAR(CONFIG).eval_sequence(sequence)
    identity = metrics.Identity(CONFIG).eval_sequence(sequence)
    return TrackQuality(
        *(float(np.mean(hota[key])) for key in ("HOTA", "DetA", "AssA")),
        float(clear["MOTA"]),
        float(identity["IDF1"]),
        *(int(clear[key]) for key in ("IDSW", "CLR_FN", "CLR_FP")),
        *(sequence[f"num_{key}"] for key in ("timesteps", "gt_ids", "tracker_ids", "gt_dets", "tracker_dets")),
    )


def main(args: Mapping[str, Any]) -> TrackQuality:
    """Run `yolo measure gt=... tracks=...`: print the figures and return them.

    Raises:
        ConfigError: an unknown argument, or a missing one.
    """
    given = MEASURE.complete({key: value for key, value in args.items() if key not in {"task", "mode"}})
    for key in ("gt", "tracks"):
        if not given[key]:
            raise ConfigValueError(f"'yolo measure' needs {key}=..., e.g. {MEASURE.examples[0]}")
    quality = measure(given["gt"], given["tracks"], given["classes"])
    for name, value in asdict(quality).items():
        LOGGER.info(f"{name.replace('_', ' '):<12} {f'{value:.4f}' if isinstance(value, float) else value}")
    return quality


def _name(tracks: Tracks) -> str:
    return f"'{os.fspath(tracks)}'" if isinstance(tracks, (str, os.PathLike)) else "the rows"


def _rows(tracks: Tracks, classes: Sequence[int] | None) -> np.ndarray:
    """Return tracks of any form as rows (N, 9), those of other classes left out."""
    if isinstance(tracks, (str, os.PathLike)):
        rows = read_rows(tracks)
    elif isinstance(tracks, np.ndarray):
        rows = tracks.reshape(-1, len(COLUMNS))
    else:
        rows = track_rows(tracks)
    return rows if classes is None else rows[np.isin(rows[:, 7] - 1, classes)]


def _sequence(true: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    """Return the mapping that `trackeval` measures: ids from 0 and overlaps (N, M), frame by frame."""
    frames = int(max(true[:, 0].max(), found[:, 0].max(initial=0)))
    pairs = [_counted(*rows) for rows in zip(_by_frame(true, frames), _by_frame(found, frames), strict=True)]
    gt_ids, gt_number = _numbered([rows[:, 1] for rows, _, _ in pairs])
    ids, number = _numbered([rows[:, 1] for _, rows, _ in pairs])
    return {
        "num_timesteps": frames,
        "num_gt_ids": gt_number,
        "num_tracker_ids": number,
        "num_gt_dets": sum(map(len, gt_ids)),
        "num_tracker_dets": sum(map(len, ids)),
        "gt_ids": gt_ids,
        "tracker_ids": ids,
        "similarity_scores": [overlap for _, _, overlap in pairs],
    }


def _by_frame(rows: np.ndarray, frames: int) -> Iterator[np.ndarray]:
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    ends = np.searchsorted(rows[:, 0], np.arange(1, frames + 1), side="right")
    return iter(np.split(rows, ends)[:frames])


def _counted(true: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a frame's rows that count, and their overlaps: rows marked 0 do not, nor what was found there."""
    overlap = bbox_ioa(_corners(true), _corners(found), iou=True, eps=TINY)
    counts = true[:, 6] != 0
    if counts.all():
        return true, found, overlap
    linear_sum_assignment = require("scipy.optimize", extra=EXTRA, why="measuring tracks").linear_sum_assignment
    rows, columns = linear_sum_assignment(overlap * (overlap >= MATCH), maximize=True)
    there = ~counts[rows] & (overlap[rows, columns] >= MATCH)
    kept = np.delete(np.arange(len(found)), columns[there])
    return true[counts], found[kept], overlap[np.ix_(counts, kept)]


def _corners(rows: np.ndarray) -> np.ndarray:
    return np.concatenate((rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]), 1)


def _numbered(ids: list[np.ndarray]) -> tuple[list[np.ndarray], int]:
    """Number the ids of all frames from 0; return those of each frame, and how many there are."""
    known, numbers = np.unique(np.concatenate(ids), return_inverse=True)
    return np.split(numbers, np.cumsum([len(one) for one in ids])[:-1]), len(known)
