"""Moving, correcting and starting many tracks at once: the way between lists of tracks and arrays for their filter.

All tracks of a list are of one class and share one filter (`KalmanFilterXYAH` or another with the same methods). Where
that class has geometry of its own, it is asked track by track.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.trackers.basetrack import BaseTrack, TrackState
from ultralytics.trackers.observations import Observations, corners_of
from ultralytics.utils.overrides import changed

__all__ = ["absorb", "advance", "boxes_of", "filter_of", "shapes_of", "start"]


def boxes_of(tracks: Sequence[BaseTrack]) -> np.ndarray:
    """Return the boxes (N, 4) of tracks: centre, width, height."""
    if not tracks:
        return np.zeros((0, 4))
    return np.array([track.xywh for track in tracks]) if changed(type(tracks[0]), "xywh") else _decoded(tracks)


def shapes_of(tracks: Sequence[BaseTrack]) -> np.ndarray:
    """Return what overlaps are computed of: (N, 4) corners, or (N, 5) centre, size and angle of oriented boxes."""
    if not tracks:
        return np.zeros((0, 4))
    oriented = tracks[0].angle is not None
    shape = "xywha" if oriented else "xyxy"
    if changed(type(tracks[0]), "xywh", shape):
        return np.array([getattr(track, shape) for track in tracks])
    boxes = _decoded(tracks)
    return np.column_stack((boxes, [track.angle for track in tracks])) if oriented else corners_of(boxes)


def _decoded(tracks: Sequence[BaseTrack]) -> np.ndarray:
    """Return the boxes (N, 4) of tracks without geometry of their own."""
    if any(track.mean is None for track in tracks):
        return np.array([track.xywh for track in tracks])
    return filter_of(tracks).decode(np.array([track.mean for track in tracks]))


def filter_of(tracks: Sequence[BaseTrack]) -> Any:
    """Return the filter of tracks."""
    return tracks[0].kalman_filter or tracks[0].shared_kalman


def advance(tracks: Sequence[BaseTrack]) -> None:
    """Move tracks on by one frame. What is not in sight stops growing, and shrinking."""
    if not tracks:
        return
    means, covariances = _gather(tracks)
    unseen = [i for i, track in enumerate(tracks) if track.state != TrackState.Tracked]
    for velocity in tracks[0].growth if unseen else ():
        means[unseen, velocity] = 0
    _store(tracks, *filter_of(tracks).multi_predict(means, covariances))


def start(tracks: Sequence[BaseTrack], seen: Observations) -> None:
    """Begin tracks at what was found, row by row."""
    if tracks:
        motion = filter_of(tracks)
        _store(tracks, *motion.initiate(motion.encode(seen.boxes)))


def absorb(tracks: Sequence[BaseTrack], seen: Observations, frame_id: int) -> None:
    """Let every track take over the detection in its row.

    Args:
        tracks: N tracks.
        seen: N detections.
        frame_id: number of the frame.
    """
    if not tracks:
        return
    motion, sure = filter_of(tracks), (seen.score,) if tracks[0].weighs_scores else ()
    means, covariances = _gather(tracks)
    _store(tracks, *motion.update(means, covariances, motion.encode(seen.boxes), *sure))
    rows = zip(tracks, seen.score.tolist(), seen.cls.tolist(), seen.index.tolist(), strict=True)
    for track, score, cls, index in rows:
        track.tracklet_len = track.tracklet_len + 1 if track.state == TrackState.Tracked else 0
        track.state, track.is_activated = TrackState.Tracked, True
        track.frame_id, track.score, track.cls, track.idx = frame_id, score, cls, index
    if seen.angle is not None:
        for track, angle in zip(tracks, seen.angle.tolist(), strict=True):
            track.angle = nearest_turn(angle, track.angle)


def nearest_turn(angle: float, before: float | None) -> float:
    """Return an angle changed by half turns, which leave a box as it is, so that it is nearest to the one before."""
    return angle if before is None else angle + math.pi * round((before - angle) / math.pi)


def _gather(tracks: Sequence[BaseTrack]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([track.mean for track in tracks]), np.array([track.covariance for track in tracks])


def _store(tracks: Sequence[BaseTrack], means: np.ndarray, covariances: np.ndarray) -> None:
    for track, mean, covariance in zip(tracks, means, covariances, strict=True):
        track.mean, track.covariance = mean, covariance
