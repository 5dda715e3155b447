"""OC-SORT: what was observed counts for more than what a filter predicts, which goes astray while nothing is seen.

Source: Cao et al. 2023, arXiv:2203.14360. Three ideas: tracks keep their direction, they are found again where they
were last seen, and when they are, their filter is told of a straight way in between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.trackers.basetrack import TrackState
from ultralytics.trackers.byte_tracker import TENTATIVE_LIMIT, BYTETracker, STrack
from ultralytics.trackers.observations import Observations
from ultralytics.trackers.utils.matching import fuse_score, overlaps
from ultralytics.trackers.utils.motion import filter_of
from ultralytics.utils.lazy import offer
from ultralytics.utils.overrides import bypassed

__all__ = ["OCSORT", "OCSortTrack"]


class OCSortTrack(STrack):
    """A track that remembers where it was seen.

    Args:
        xywh, score, cls: see `STrack`.
        delta_t: frames over which its direction is taken.

    Attributes:
        observations: frame to what was seen (4 or 5,), as `Observations.shapes` has it, the last ones.
        direction: (2,) unit vector of its motion; zeros while it has none.
        known: mean and covariance of the filter when it was last seen.
    """

    def __init__(self, xywh: Sequence[float], score: float, cls: Any, delta_t: int = 3) -> None:
        super().__init__(xywh, score, cls)
        self.delta_t = delta_t
        self.observations: dict[int, np.ndarray] = {}
        self.direction = np.zeros(2)
        self.known: tuple[np.ndarray, np.ndarray] | None = None  # filter when it was last seen

    @property
    def last_seen(self) -> np.ndarray:
        """Where it was seen last."""
        return self.observations[self.end_frame]

    @bypassed
    def update(self, new_track: STrack, frame_id: int) -> None:
        """Take over the detection that another track holds."""
        super().update(new_track, frame_id)
        self.observe(new_track.observed().shapes[0])

    def observe(self, shape: np.ndarray) -> None:
        """Remember what was seen in the last frame, and in which direction that is from before.

        It makes no difference to be told twice.
        """
        frame_id = self.frame_id
        kept = sorted(at for at in self.observations if at < frame_id)[
            -(self.delta_t + 1) :
        ]  # by number: after a gap, the way across it counts
        self.observations = {at: self.observations[at] for at in kept}
        earlier = [at for at in self.observations if at <= frame_id - self.delta_t]
        start = max(earlier) if earlier else min(self.observations, default=None)
        if start is not None:
            (x0, y0), (x1, y1) = _centre(self.observations[start]), _centre(shape)
            length = math.hypot(x1 - x0, y1 - y0) or 1
            self.direction = np.array(((x1 - x0) / length, (y1 - y0) / length))
        self.observations[frame_id] = shape
        self.known = self.mean, self.covariance

    def mark_removed(self) -> None:
        """Note that the track has ended."""
        super().mark_removed()
        self.observations, self.known = {at: shape.copy() for at, shape in self.observations.items()}, None

    def apply_oru(self, new_observation_xyxy: np.ndarray, current_frame_id: int) -> None:
        """Have the filter believe in a straight way from where the object was last seen to where it is now.

        Args:
            new_observation_xyxy: (4,) corners, or (5,) centre, size and angle.
            current_frame_id: number of the frame; the filter is left where it is predicted to be in it.
        """
        away = current_frame_id - self.end_frame
        if self.known is None or away < 2:
            return
        mean, covariance = self.known
        ends = np.stack((self.last_seen, np.asarray(new_observation_xyxy)))[:, :4].astype(np.float64)
        if self.angle is None:
            ends = np.concatenate(((ends[:, :2] + ends[:, 2:]) / 2, ends[:, 2:] - ends[:, :2]), 1)
        motion = filter_of([self])
        for step in range(1, away):
            between = ends[0] + (ends[1] - ends[0]) * (step / away)
            mean, covariance = motion.update(*motion.predict(mean, covariance), motion.encode(between))
        self.mean, self.covariance = motion.predict(mean, covariance)


class OCSORT(BYTETracker):
    """Links detections by overlap and direction, and looks for lost objects where they were last seen."""

    tracker_type = "ocsort"
    track_class = OCSortTrack

    def new_track(self, start: Sequence[float], score: float, cls: float) -> STrack:
        """Return a track of a detection."""
        return self.track_class(start, score, cls, self.args.delta_t)

    def get_dists(self, tracks: Sequence[STrack], detections: Observations) -> np.ndarray:
        """Return the costs (N, M): overlap, and how far a track would turn."""
        return with_turns(super().get_dists(tracks, detections), tracks, detections, self.args)

    def second_chance(self, missed: list[STrack], strong: Observations, weak: Observations) -> Observations:
        """Link what is left where it was last seen: first what was in sight, then what was lost."""
        for state, prepare in ((TrackState.Tracked, None), (TrackState.Lost, replay)):
            some = [track for track in missed if track.state == state]
            _, strong = self.link(some, strong, self.distance_from_last_seen, prepare=prepare)
        if self.args.use_byte:
            super().second_chance([track for track in missed if track.frame_id != self.frame_id], strong, weak)
        return strong

    def distance_from_last_seen(self, tracks: Sequence[OCSortTrack], detections: Observations) -> np.ndarray:
        """Return the costs (N, M) of detections where tracks were last seen."""
        distance = 1 - overlaps(np.array([track.last_seen for track in tracks]), detections.shapes)
        return fuse_score(distance, detections) if self.args.fuse_score else distance

    def note(self, tracks: Sequence[STrack], seen: Observations) -> None:
        """Let tracks remember where they were seen."""
        for track, shape in zip(tracks, seen.shapes, strict=True):
            track.observe(shape)


def replay(tracks: Sequence[OCSortTrack], seen: Observations, frame_id: int) -> None:
    """Tell the filters of tracks that were away of the way in between, row by row."""
    for track, shape in zip(tracks, seen.shapes, strict=True):
        track.apply_oru(shape, frame_id)


def with_turns(distance: np.ndarray, tracks: Sequence[OCSortTrack], detections: Observations, args: Any) -> np.ndarray:
    """Return costs (N, M) with how far a track would turn, 0 to 1 for half a turn, weighed by `args.inertia`.

    Only pairs that may be linked are looked at.
    """
    rows, columns = np.nonzero(distance < max(args.match_thresh, TENTATIVE_LIMIT))
    if not len(rows):
        return distance
    places = np.array([_centre(track.last_seen) for track in tracks])
    directions = np.array([track.direction for track in tracks])[rows]
    way = detections.boxes[columns, :2] - places[rows]
    length = np.hypot(way[:, 0], way[:, 1]) + 1e-9
    angle = np.arccos(np.clip((way * directions).sum(1) / length, -1, 1)) / np.pi
    out = np.array(distance, dtype=np.float64)
    out[rows, columns] += args.inertia * np.where(directions.any(1), angle, 0)
    return out


def _centre(shape: np.ndarray) -> tuple[float, float]:
    """Return the centre of corners (4,) or of a box with an angle (5,)."""
    x, y, right, bottom, *angle = shape.tolist()
    return (x, y) if angle else ((x + right) / 2, (y + bottom) / 2)


__getattr__, __dir__ = offer(__name__)
