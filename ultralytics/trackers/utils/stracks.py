"""Lists of tracks: joining them, telling which are left, and where each goes at the end of a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.trackers.basetrack import BaseTrack, TrackState
from ultralytics.trackers.observations import read_detections
from ultralytics.trackers.utils.matching import iou_distance
from ultralytics.trackers.utils.motion import filter_of
from ultralytics.utils.lazy import offer

__all__ = [
    "joint_stracks",
    "merge_track_pools",
    "multi_gmc",
    "parse_bboxes",
    "remove_duplicate_stracks",
    "sub_stracks",
]

KEPT = 1000  # ended tracks that a tracker remembers
TWIN = 0.15  # IoU distance below which two tracks are of one object


def joint_stracks(atracks: Sequence[BaseTrack], btracks: Sequence[BaseTrack]) -> list[BaseTrack]:
    """Return the tracks of both lists, each id once."""
    known: dict[int, BaseTrack] = {}
    if not btracks:
        return list(atracks)
    for track in (*atracks, *btracks):
        known.setdefault(track.track_id, track)
    return list(known.values())


def sub_stracks(atracks: Sequence[BaseTrack], btracks: Sequence[BaseTrack]) -> list[BaseTrack]:
    """Return the tracks of the first list whose ids the second one has not."""
    taken = {track.track_id for track in btracks} if atracks else ()
    return [track for track in atracks if track.track_id not in taken]


def remove_duplicate_stracks(
    atracks: Sequence[BaseTrack], btracks: Sequence[BaseTrack], dup_thresh: float = TWIN
) -> tuple[list[BaseTrack], list[BaseTrack]]:
    """Return both lists without tracks of an object that the other list follows too: the longer followed one stays.

    Args:
        atracks: of two that were followed equally long, the one in this list goes.
        btracks: the other tracks.
        dup_thresh: IoU distance below which two tracks are of one object.
    """
    if not len(atracks) or not len(btracks):
        return list(atracks), list(btracks)
    twins = iou_distance(atracks, btracks) < dup_thresh
    if not twins.any():
        return list(atracks), list(btracks)
    pairs = np.argwhere(twins).tolist()
    age = [[track.frame_id - track.start_frame for track in tracks] for tracks in (atracks, btracks)]
    younger = [(i, None) if age[0][i] <= age[1][j] else (None, j) for i, j in pairs]
    gone = [{pair[side] for pair in younger} for side in (0, 1)]
    first, second = (
        [track for k, track in enumerate(tracks) if k not in out]
        for tracks, out in zip((atracks, btracks), gone, strict=True)
    )
    return first, second


def merge_track_pools(
    tracker: Any,
    activated: Sequence[BaseTrack],
    refind: Sequence[BaseTrack],
    lost: Sequence[BaseTrack],
    removed: Sequence[BaseTrack],
    removed_buffer: int = KEPT,
) -> None:
    """Put the tracks of a frame into a tracker's lists.

    Args:
        tracker: object with `tracked_stracks`, `lost_stracks` and `removed_stracks`, which are replaced.
        activated: seen in this frame, and in the last one or for the first time.
        refind: seen again.
        lost: not seen any more.
        removed: ended.
        removed_buffer: how many ended tracks to remember.
    """
    over = (TrackState.Lost, TrackState.Removed)
    followed = [track for track in tracker.tracked_stracks if track.state not in over]
    tracked = joint_stracks(joint_stracks(followed, activated), refind)
    waiting = sub_stracks(joint_stracks(sub_stracks(tracker.lost_stracks, tracked), lost), removed)
    tracker.tracked_stracks, tracker.lost_stracks = remove_duplicate_stracks(tracked, waiting)
    if removed:
        tracker.removed_stracks = joint_stracks(tracker.removed_stracks, removed)[-removed_buffer:]


def multi_gmc(stracks: Sequence[BaseTrack], H: np.ndarray) -> None:
    """Move tracks with the camera.

    Args:
        stracks: tracks with `mean` and `covariance`.
        H: (2, 3) affine map of points from the last frame to this one.
    """
    if not len(stracks):
        return
    oriented = stracks[0].angle is not None
    states = (np.array([getattr(track, part) for track in stracks]) for part in ("mean", "covariance"))
    means, covariances = carried(filter_of(stracks), *states, H, oriented)
    angle = camera_motion(H, oriented)[3]
    for track, mean, covariance in zip(stracks, means, covariances, strict=True):
        track.mean, track.covariance = mean, covariance
        track.angle = track.angle + angle if oriented else None


def carried(
    motion: Any, means: np.ndarray, covariances: np.ndarray, H: np.ndarray, oriented: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return states of a filter, (N, 8) and (N, 8, 8), after the camera has moved by an affine map (2, 3) of points."""
    turn, shift, sides, _ = camera_motion(H, oriented)
    whole = np.zeros((len(means), 8, 8))
    whole[:, :4, :4] = whole[:, 4:, 4:] = motion.camera(means, turn, sides)
    later = (whole @ means[..., None])[..., 0]
    later[:, :2] += shift
    return later, whole @ covariances @ whole.transpose(0, 2, 1)


def camera_motion(H: np.ndarray, oriented: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return how points are turned (2, 2) and shifted (2,), what becomes of sides (2, 2), and the turn in radians.

    Both sides of an upright box grow by what the turned box extends along an axis; those of an oriented box are turned
    with it, and only scaled.
    """
    whole = np.asarray(H, dtype=np.float64)
    turn = whole[:, :2]
    sides = np.diag(np.linalg.norm(turn, axis=0)) if oriented else np.abs(turn)
    return turn, whole[:, 2], sides, float(np.arctan2(turn[1, 0], turn[0, 0]))


def parse_bboxes(results: Any) -> np.ndarray:
    """Return boxes (N, 5) centre, size, row of the detection, or (N, 6) with the angle before the row."""
    found = read_detections(results)
    angle = [] if found.angle is None else [found.angle]
    return np.column_stack((found.boxes, *angle, found.index)).astype(np.float32)


__getattr__, __dir__ = offer(__name__)
