"""What every track has: an identity, a state, and when it was seen."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

__all__ = ["BaseTrack", "TrackState"]


class TrackState:
    """Phases in the life of a track."""

    New = 0
    Tracked = 1
    Lost = 2
    Removed = 3


class BaseTrack:
    """A track before it has a position. Trackers give their own ids; `next_id` is for tracks that are used alone.

    Attributes:
        track_id: number of the object, from 1; 0 before the track starts.
        is_activated: whether the object counts as real, and is given out.
        state: one of `TrackState`.
        score, cls, idx: those of the last detection: score, class, and its row in what the tracker was given.
        start_frame, frame_id: first and last frame in which the object was seen.
        tracklet_len: frames in which it was seen one after the other, the first one not counted.
        mean, covariance: state of the Kalman filter, (8,) and (8, 8); None before the track starts.
        angle: radians, of an oriented box, else None.
        kalman_filter: that of its tracker; None for the one of the class.
    """

    shared_kalman: Any = None  # filter of the class
    weighs_scores = False  # whether the filter believes sure detections more
    kalman_filter: Any = None
    growth: tuple[int, ...] = ()  # velocities in the state that are set to 0 while the object is not seen
    _numbers = itertools.count(1)

    def __init__(self) -> None:
        self.track_id = 0
        self.is_activated = False
        self.state = TrackState.New
        self.score = 0.0
        self.cls: Any = None
        self.idx: int | None = None
        self.start_frame = 0
        self.frame_id = 0
        self.tracklet_len = 0
        self.mean: np.ndarray | None = None
        self.covariance: np.ndarray | None = None
        self.angle: float | None = None

    @property
    def end_frame(self) -> int:
        """Last frame in which the object was seen."""
        return self.frame_id

    @staticmethod
    def next_id() -> int:
        """Return a number that no track without a tracker has had."""
        return next(BaseTrack._numbers)

    @staticmethod
    def reset_id() -> None:
        """Start at 1 again."""
        BaseTrack._numbers = itertools.count(1)

    def activate(self, *args: Any) -> None:
        """Start the track."""
        raise NotImplementedError(f"{type(self).__name__} must define activate(kalman_filter, frame_id).")

    def predict(self) -> None:
        """Move on by one frame."""
        raise NotImplementedError(f"{type(self).__name__} must define predict().")

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take over a detection."""
        raise NotImplementedError(f"{type(self).__name__} must define update(new_track, frame_id).")

    def mark_lost(self) -> None:
        """Note that the object was not seen."""
        self.state = TrackState.Lost

    def mark_removed(self) -> None:
        """Note that the track has ended."""
        self.state = TrackState.Removed
