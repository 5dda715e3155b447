"""FastTracker: ByteTrack that knows when an object is hidden by another, and waits for it longer.

Source: Hashempoor and Hwang 2025, arXiv:2508.14370.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.ops.iou import bbox_ioa
from ultralytics.trackers.basetrack import BaseTrack, TrackState
from ultralytics.trackers.byte_tracker import BYTETracker, STrack
from ultralytics.trackers.observations import Observations, corners_of
from ultralytics.trackers.utils.matching import iou_distance, strongest
from ultralytics.trackers.utils.motion import boxes_of
from ultralytics.utils.lazy import offer

__all__ = ["FASTTracker", "FastSTrack"]

PATIENCE = 2  # frames without an object that is not hidden, after which it is lost


class FastSTrack(STrack):
    """A track that knows its last states, and whether something hides it.

    Args:
        xywh, score, cls: see `STrack`.
        history_len: number of states that are kept.

    Attributes:
        history: means and covariances of the filter in frames in which it was seen, the last ones at the end.
        misses: frames since it was seen.
        hidden: whether another object has covered it since.
        hidden_at: frame in which it was found hidden; 0 where it never was.
    """

    def __init__(self, xywh: Sequence[float], score: float, cls: Any, history_len: int = 16) -> None:
        super().__init__(xywh, score, cls)
        self.history: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=history_len)
        self.misses = self.hidden_at = 0
        self.hidden = False

    def note(self) -> None:
        """Remember the state, now that it was seen."""
        self.history.append((self.mean, self.covariance))
        self.misses, self.hidden = 0, False

    def mark_removed(self) -> None:
        """Note that the track has ended."""
        super().mark_removed()
        self.history.clear()

    def hide(self, frame_id: int, place_back: int, speed_back: int, growth: float, damping: float) -> None:
        """Go back to before the other object spoiled what was seen, and wait there.

        Args:
            frame_id: number of the frame.
            place_back: states back from which position and size are taken.
            speed_back: states back from which the velocity is taken.
            growth: factor on the height.
            damping: factor on the velocity.
        """
        self.hidden, self.hidden_at = True, frame_id
        (place, spread), (speed, _) = self._back(place_back), self._back(speed_back)
        self.mean, self.covariance = np.concatenate((place[:4], damping * speed[4:])), spread
        self.mean[3] *= growth

    def _back(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the state so many frames back, or that of now where not so much is known."""
        return self.history[-count] if 0 < count <= len(self.history) else (self.mean, self.covariance)


class FASTTracker(BYTETracker):
    """Links detections by overlap, and keeps objects in mind that others hide."""

    tracker_type = "fasttrack"
    track_class = FastSTrack

    def note(self, tracks: Sequence[STrack], seen: Observations) -> None:
        """Let tracks remember their states."""
        for track in tracks:
            track.note()

    def started(self, found: Observations) -> list[STrack]:
        """Find out who is hidden, and return tracks that start at detections that no track has taken."""
        known = [track for track in self.tracked_stracks if track.is_activated]
        active = [track for track in known if track.frame_id == self.frame_id]
        missing = [track for track in known if track.frame_id != self.frame_id]
        for track, covered in zip(missing, self.covered(missing, active), strict=True):
            track.misses += 1
            if covered and not track.hidden:
                options = self.args
                back = options.reset_pos_offset_occ, options.reset_velocity_offset_occ
                track.hide(self.frame_id, *back, options.enlarge_bbox_occ, options.dampen_motion_occ)
        return super().started(found)

    def born(self, found: Observations) -> list[STrack]:
        """Start tracks, but not where an object is or is waited for, nor beside a better detection."""
        known = [*self.tracked_stracks, *self.lost_stracks]
        active = [track for track in known if track.frame_id == self.frame_id or self.awaited(track)]
        if active and len(found):
            found = found[1 - iou_distance(active, found).min(0) < self.args.init_iou_suppress]
        if len(found) > 1:
            found = found[strongest(found.score, 1 - iou_distance(found, found) >= self.args.init_iou_suppress)]
        return super().born(found)

    def covered(self, tracks: Sequence[STrack], by: Sequence[STrack]) -> list[bool]:
        """Return of which tracks so much is behind others that they are hidden."""
        if not tracks or not by:
            return [False] * len(tracks)
        share = bbox_ioa(corners_of(boxes_of(by)), corners_of(boxes_of(tracks))).max(0)
        return (share > self.args.occ_cover_thresh).tolist()

    def awaited(self, track: BaseTrack) -> bool:
        """Whether a track that was not seen is to stay among those in sight."""
        if track.state != TrackState.Tracked or not track.is_activated:
            return False
        if track.hidden:
            return self.frame_id - track.hidden_at < self.args.active_occ_to_lost_thresh
        return track.misses <= PATIENCE

    def miss(self, track: BaseTrack) -> None:
        """Say what becomes of a track that was not seen: it stays in sight for a while, a hidden one for longer."""
        if self.awaited(track):
            return
        if track.state == TrackState.Tracked and track.is_activated:
            track.mark_lost()
            return
        waits = self.frame_id - track.hidden_at <= self.args.occ_reappear_window
        if not (track.hidden_at and waits and track.is_activated):
            super().miss(track)

    def given_out(self) -> list[STrack]:
        """Return the tracks that were seen."""
        return [track for track in super().given_out() if track.frame_id == self.frame_id]


__getattr__, __dir__ = offer(__name__)
