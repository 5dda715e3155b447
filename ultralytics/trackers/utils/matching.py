"""Association: what it costs to say that a detection is a track, and which of them to say it of.

A cost matrix is (N, M), of N tracks and M detections, 0 where they agree and 1 where nothing speaks for the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ultralytics.ops.assignment import linear_sum_assignment as own_solver
from ultralytics.ops.iou import bbox_ioa
from ultralytics.ops.rotated import batch_probiou
from ultralytics.trackers.basetrack import BaseTrack
from ultralytics.trackers.observations import Observations
from ultralytics.trackers.utils.motion import shapes_of
from ultralytics.utils.lazy import offer

__all__ = [
    "assign",
    "embedding_distance",
    "fuse_score",
    "iou_distance",
    "linear_assignment",
    "mutual",
    "overlaps",
    "strongest",
]

FEW_PAIRS = 400  # among which looking for what is certain takes longer than solving


@cache
def _solver() -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return what solves an assignment: scipy's where it is installed, which is faster in crowds, else our own."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        return own_solver
    return linear_sum_assignment


def assign(cost: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs (rows, columns), each (K,), with the largest total of `limit - cost`, none of them above 0.

    A pair that may only be with each other is settled at once; in most frames few others are left for the solver.

    Args:
        cost: (N, M).
        limit: pairs that cost this much, or more, are not made.
    """
    if cost.size < FEW_PAIRS:
        return _solved(cost, limit)
    rows, columns = np.nonzero(cost < limit)
    if not len(rows):
        return rows, columns
    certain = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    if certain.all():
        return rows, columns
    left, right = np.unique(rows[~certain]), np.unique(columns[~certain])
    i, j = _solved(cost[np.ix_(left, right)], limit)
    rows = np.concatenate((rows[certain], left[i]))
    columns = np.concatenate((columns[certain], right[j]))
    order = rows.argsort()
    return rows[order], columns[order]


def _solved(cost: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Do the same by the solver alone."""
    gain = np.minimum(cost - limit, 0)
    rows, columns = _solver()(gain)
    made = gain[rows, columns] < 0
    return rows[made], columns[made]


def mutual(cost: np.ndarray, limit: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs (rows, columns), each (K,), that are the cheapest for both sides, in rounds.

    What is paired leaves, and the next round has a lower limit.

    Args:
        cost: (N, M).
        limit: pairs of the first round cost less.
        step: by how much the limit falls from round to round.
    """
    left, made = np.array(cost, dtype=np.float64), []
    every = np.arange(len(left))
    while left.size:
        best = left.argmin(1)
        rows = np.flatnonzero((left.argmin(0)[best] == every) & (left[every, best] < limit))
        if not len(rows):
            break
        made.append(np.stack((rows, best[rows])))
        left[rows], left[:, best[rows]] = np.inf, np.inf
        limit -= step
    pairs = np.concatenate(made, 1) if made else np.zeros((2, 0), int)
    return pairs[0], pairs[1]


def linear_assignment(
    cost_matrix: np.ndarray, thresh: float, use_lap: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the best pairs (K, 2) of rows and columns, and the rows and columns without one; see `assign`.

    Args:
        cost_matrix: (N, M).
        thresh: largest cost of a pair.
        use_lap: taken for old callers; both values give the same pairs.
    """
    cost = np.asarray(cost_matrix)
    if cost.ndim != 2:
        raise ValueError(f"a cost matrix has two axes; got the shape {cost.shape}.")
    rows, columns = assign(cost, thresh)
    free = [np.setdiff1d(np.arange(n), used) for n, used in zip(cost.shape, (rows, columns), strict=True)]
    return np.column_stack((rows, columns)), *free


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the IoU (N, M) of corner boxes (N, 4) and (M, 4), or the probabilistic one of boxes with an angle (., 5).

    Where only some have an angle, the others are taken to be upright.
    """
    if not len(a) or not len(b):
        return np.zeros((len(a), len(b)), np.float32)
    a, b = np.asarray(a, dtype=np.float32), np.asarray(b, dtype=np.float32)
    if a.shape[1] == 4 and b.shape[1] == 4:
        return bbox_ioa(a, b, iou=True)
    return batch_probiou(_turned(a), _turned(b)).numpy()


def _turned(boxes: np.ndarray) -> np.ndarray:
    """Return boxes as centre, size and angle."""
    if boxes.shape[1] == 5:
        return boxes
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.concatenate(((low + high) / 2, high - low, np.zeros_like(low[:, :1])), 1)


def strongest(score: np.ndarray, close: np.ndarray) -> np.ndarray:
    """Return the rows (K,), in their order, of what is not close to something stronger that is among them itself.

    Args:
        score: (N,); of equal ones the first is the stronger.
        close: (N, N) which are close to each other.
    """
    kept: list[int] = []
    for i in np.argsort(-score, kind="stable").tolist():
        if not close[i, kept].any():
            kept.append(i)
    return np.array(sorted(kept), dtype=int)


def iou_distance(atracks: Any, btracks: Any) -> np.ndarray:
    """Return 1 - IoU (N, M), of oriented boxes 1 - the probabilistic IoU.

    Args:
        atracks: tracks, `Observations`, or boxes (N, 4) x1, y1, x2, y2.
        btracks: the same.
    """
    return 1 - overlaps(_shapes(atracks), _shapes(btracks))


def _shapes(items: Any) -> np.ndarray:
    if isinstance(items, Observations):
        return items.shapes
    if len(items) and isinstance(items[0], BaseTrack):
        return shapes_of(items)
    return np.asarray(items, dtype=np.float32).reshape(len(items), -1) if len(items) else np.zeros((0, 4), np.float32)


def fuse_score(cost_matrix: np.ndarray, detections: Observations | Sequence[BaseTrack]) -> np.ndarray:
    """Return costs (N, M) whose overlap counts in proportion to the score of the detection."""
    own = isinstance(detections, Observations)
    score = detections.score if own else np.array([detection.score for detection in detections])
    return 1 - (1 - cost_matrix) * score if cost_matrix.size else cost_matrix


def embedding_distance(
    tracks: Sequence[BaseTrack], detections: Observations | Sequence[BaseTrack], metric: str = "cosine"
) -> np.ndarray:
    """Return 1 - cosine similarity of appearance (N, M), in 0..2, 1 where a track or a detection has no vector.

    Args:
        tracks: with `smooth_feat`.
        detections: with features.
        metric: `cosine`.

    Raises:
        ValueError: another metric.
    """
    if metric != "cosine":
        raise ValueError(f"metric='{metric}' is not known; take 'cosine'.")
    own = isinstance(detections, Observations)
    theirs = detections.features if own else [detection.curr_feat for detection in detections]
    mine = [getattr(track, "smooth_feat", None) for track in tracks]
    out = np.ones((len(tracks), len(detections)), np.float32)
    if theirs is None:
        return out
    rows = [i for i, vector in enumerate(mine) if vector is not None]
    columns = [j for j, vector in enumerate(theirs) if vector is not None]
    if rows and columns:
        a, b = (_unit(np.array([some[k] for k in at])) for some, at in ((mine, rows), (theirs, columns)))
        out[np.ix_(rows, columns)] = np.maximum(1 - a @ b.T, 0)
    return out


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (N, D) of length 1; those of no length stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length > 0, length, 1)).astype(np.float32)


__getattr__, __dir__ = offer(__name__)
