"""ByteTrack: weak detections are not thrown away, but offered to the tracks that strong ones have left over.

Source: Zhang et al. 2022, arXiv:2110.06864. Other trackers here are this one with steps of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ultralytics.trackers.basetrack import BaseTrack, TrackState
from ultralytics.trackers.observations import Observations, read_detections
from ultralytics.trackers.settings import complete
from ultralytics.trackers.utils import motion
from ultralytics.trackers.utils.kalman_filter import KalmanFilterXYAH
from ultralytics.trackers.utils.matching import assign, fuse_score, iou_distance
from ultralytics.trackers.utils.stracks import merge_track_pools
from ultralytics.utils.lazy import offer
from ultralytics.utils.overrides import bypassed, changed, ignores, warn_of_ignored

__all__ = ["BYTETracker", "STrack"]

WEAK_LIMIT = 0.5  # largest cost of a weak detection
TENTATIVE_LIMIT = 0.7  # and of one for a track that was seen only once
USUAL_RATE = 30  # frames a second that `track_buffer` is meant for


@ignores(
    convert_coords="override encode() and decode() of the filter that the tracker's get_kalmanfilter() returns",
    tlwh_to_xyah="override encode() and decode() of the filter that the tracker's get_kalmanfilter() returns",
)
class STrack(BaseTrack):
    """A track of boxes that move steadily.

    Trackers move and correct all their tracks at once (`utils/motion.py`). The methods here do it for one, and are
    called track by track where a subclass has others.

    Args:
        xywh: centre x, centre y, width, height, then for an oriented box its angle, then the row of the detection.
        score: that of the detection.
        cls: its class.

    Attributes: see `BaseTrack`.
    """

    shared_kalman = KalmanFilterXYAH()
    growth = (7,)  # velocities that are set to 0 while the object is not seen

    def __init__(self, xywh: Sequence[float], score: float, cls: Any) -> None:
        super().__init__()
        warn_of_ignored(self)
        values = [float(value) for value in xywh]
        if len(values) not in (5, 6):
            raise ValueError(f"a track starts with 5 values (centre, size, row) or 6 with an angle; got {len(values)}.")
        self._first = np.array(values[:4])
        self.angle = values[4] if len(values) == 6 else None
        self.idx = int(values[-1])
        self.score, self.cls = score, cls

    # Life -------------------------------------------------------------------------------------------------------------

    def activate(self, kalman_filter: KalmanFilterXYAH | None, frame_id: int, track_id: int | None = None) -> None:
        """Start where the object was found.

        Args:
            kalman_filter: filter of the tracker; the one of the class where None.
            frame_id: number of the frame.
            track_id: number of the object; the next one that is free where None.
        """
        self.kalman_filter = kalman_filter
        self.track_id = self.next_id() if track_id is None else track_id
        if self.mean is None:
            motion.start([self], self.observed())
        self.state = TrackState.Tracked
        self.is_activated = frame_id == 1  # later ones have to be seen again first
        self.frame_id = self.start_frame = frame_id

    @bypassed
    def update(self, new_track: STrack, frame_id: int) -> None:
        """Take over the detection that another track holds."""
        motion.absorb([self], new_track.observed(), frame_id)

    @bypassed
    def re_activate(self, new_track: STrack, frame_id: int, new_id: bool = False) -> None:
        """Go on after the object was lost; with `new_id` as another object."""
        self.update(new_track, frame_id)
        self.tracklet_len = 0
        if new_id:
            self.track_id = self.next_id()

    @bypassed
    def predict(self) -> None:
        """Move on by one frame."""
        motion.advance([self])

    @staticmethod
    def multi_predict(stracks: Sequence[STrack]) -> None:
        """Move tracks on by one frame, all at once."""
        if stracks and changed(type(stracks[0]), "predict"):
            for track in stracks:
                track.predict()
        else:
            motion.advance(stracks)

    def mark_removed(self) -> None:
        """Note that the track has ended. A tracker remembers many that have: what is large goes."""
        super().mark_removed()
        if self.mean is not None:  # rows of arrays that hold the states of all tracks
            self.mean, self.covariance = self.mean.copy(), self.covariance.copy()

    def observed(self) -> Observations:
        """Return the detection that the track was made of."""
        angle = None if self.angle is None else np.array([self.angle])
        rows = np.array([self.score], dtype=np.float32), np.array([self.cls]), np.array([self.idx])
        return Observations(self._first[None], *rows, angle)

    # Geometry ---------------------------------------------------------------------------------------------------------

    @bypassed
    def convert_coords(self, tlwh: np.ndarray) -> np.ndarray:
        """Return a box (4,) left, top, width, height in the coordinates of the filter."""
        box = np.asarray(tlwh, dtype=np.float64)
        return motion.filter_of([self]).encode(np.concatenate((box[:2] + box[2:] / 2, box[2:])))

    @staticmethod
    @bypassed
    def tlwh_to_xyah(tlwh: np.ndarray) -> np.ndarray:
        """Return left, top, width, height as centre x, centre y, width over height, height."""
        left, top, width, height = np.asarray(tlwh, dtype=np.float64)
        return np.array([left + width / 2, top + height / 2, width / height, height])

    @property
    @bypassed
    def xywh(self) -> np.ndarray:
        """(4,) centre, width, height."""
        return self._first.copy() if self.mean is None else motion.filter_of([self]).decode(self.mean)

    @property
    def tlwh(self) -> np.ndarray:
        """(4,) left, top, width, height."""
        box = self.xywh
        return np.concatenate((box[:2] - box[2:] / 2, box[2:]))

    @property
    @bypassed
    def xyxy(self) -> np.ndarray:
        """(4,) corners."""
        box = self.xywh
        return np.concatenate((box[:2] - box[2:] / 2, box[:2] + box[2:] / 2))

    @property
    @bypassed
    def xywha(self) -> np.ndarray:
        """(5,) centre, width, height, angle; that of an upright box is 0."""
        return np.append(self.xywh, self.angle or 0.0)

    @property
    @bypassed
    def result(self) -> list[float]:
        """Row as trackers give it out: box, id, score, class, row of the detection."""
        box = self.xyxy if self.angle is None else self.xywha
        return [*box.tolist(), self.track_id, self.score, self.cls, self.idx]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.track_id}, frames {self.start_frame}-{self.end_frame})"


@ignores(
    _input_for="override init_track(), which gives the detections all that trackers know of them",
    _first_association="override get_dists(), or step() for the whole frame",
    _post_first_association="override second_chance()",
    _second_association="override second_chance()",
    _unconfirmed_association="override get_dists(), or step() for the whole frame",
    _remove_stale_lost="override miss()",
)
class BYTETracker:
    """Links the detections of successive frames of one film.

    Args:
        args: settings, as in `cfg/trackers/*.yaml`: a namespace or mapping; what is missing has its default.
        frame_rate: frames a second of the film; how long lost tracks are kept depends on it.

    Attributes:
        tracked_stracks: tracks seen in the last frame.
        lost_stracks: those that may come back.
        removed_stracks: the last ones that ended.
        frame_id: frames so far.
    """

    tracker_type = "bytetrack"
    track_class: type[STrack] = STrack

    def __init__(self, args: Any = None, frame_rate: float = USUAL_RATE) -> None:
        warn_of_ignored(self)
        self.args = complete(args, self.tracker_type)
        self.frame_rate = frame_rate
        self.kalman_filter = self.get_kalmanfilter()
        if not isinstance(self.kalman_filter, KalmanFilterXYAH):
            kind = type(self.kalman_filter).__name__
            raise TypeError(f"get_kalmanfilter() of {type(self).__name__} must return a KalmanFilterXYAH; got {kind}.")
        self.oriented = False
        self.reset()

    # Calling ----------------------------------------------------------------------------------------------------------

    def update(self, results: Any, img: np.ndarray | None = None, feats: Any = None, **kwargs: Any) -> np.ndarray:
        """Take the next frame.

        Args:
            results: detections of the frame: `Results`, `Boxes`, `OBB`, or rows as `read_detections` takes them.
            img: (H, W, 3) the frame, BGR, for trackers that look at it.
            feats: (N, D) appearance of the detections.
            **kwargs: what other trackers want.

        Returns:
            (M, 8) float32, one row for every object in sight: x1, y1, x2, y2, id, score, class, row of the detection;
            (M, 9) of oriented boxes: centre x, centre y, width, height, angle, and the same.
        """
        found = self.init_track(results, img)
        if feats is not None and found.features is None:
            found = found.with_features(feats)
        self.frame_id += 1
        self.step(found, img)
        return self._format_output()

    def reset(self) -> None:
        """Forget everything, as before the first frame."""
        self.tracked_stracks: list[STrack] = []
        self.lost_stracks: list[STrack] = []
        self.removed_stracks: list[STrack] = []
        self.frame_id = 0
        self.reset_id()

    def reset_id(self) -> None:
        """Number new tracks from 1."""
        self._last_id = 0

    @property
    def frame_rate(self) -> float:
        """Frames a second of the film."""
        return self._frame_rate

    @frame_rate.setter
    def frame_rate(self, value: float) -> None:
        self._frame_rate = value
        self.max_frames_lost = int(value / USUAL_RATE * self.args.track_buffer)

    @property
    def max_time_lost(self) -> int:
        """Frames that a lost track is kept."""
        return self.max_frames_lost

    # Steps that other trackers change ---------------------------------------------------------------------------------

    def get_kalmanfilter(self) -> KalmanFilterXYAH:
        """Return the filter of the tracks, a `KalmanFilterXYAH` or one derived from it."""
        return self.track_class.shared_kalman

    def init_track(self, results: Any, img: np.ndarray | None = None) -> Observations:
        """Return the detections of a frame."""
        found = read_detections(results, self.oriented)
        self.oriented = found.angle is not None
        return found

    def multi_predict(self, tracks: Sequence[STrack]) -> None:
        """Move tracks on by one frame."""
        if tracks:
            tracks[0].multi_predict(tracks)

    def follow_camera(self, tracks: Sequence[STrack], found: Observations, img: np.ndarray | None) -> None:
        """Move tracks as the camera makes them seem to move."""

    def get_dists(self, tracks: Sequence[STrack], detections: Observations) -> np.ndarray:
        """Return the costs (N, M) of strong detections."""
        distance = iou_distance(tracks, detections)
        return fuse_score(distance, detections) if self.args.fuse_score else distance

    def absorb(self, tracks: Sequence[STrack], seen: Observations) -> None:
        """Let tracks take over what was found of them, row by row."""
        if tracks and changed(type(tracks[0]), "update", "re_activate"):
            for track, start in zip(tracks, seen.starts(), strict=True):
                take = track.re_activate if track.state == TrackState.Lost else track.update
                take(self.new_track(*start), self.frame_id)
        else:
            motion.absorb(tracks, seen, self.frame_id)
        self.note(tracks, seen)

    def note(self, tracks: Sequence[STrack], seen: Observations) -> None:
        """Let tracks keep what else they are to know of what was found of them, at their start and later."""

    def step(self, found: Observations, img: np.ndarray | None) -> None:
        """Link the detections of a frame and bring the lists of tracks up to date."""
        strong, weak, *_ = self._split_detections(found)
        tentative, sure = self._split_tracked()
        pool = [*sure, *self.lost_stracks]
        self.multi_predict(pool)
        self._pre_first_associate(pool, tentative, img, found)
        missed, strong = self.link(pool, strong, self.get_dists)
        strong = self.second_chance(missed, strong, weak)
        _, strong = self.link(tentative, strong, self.get_dists, TENTATIVE_LIMIT)
        self.settle(self.started(strong))

    @bypassed
    def second_chance(self, missed: list[STrack], strong: Observations, weak: Observations) -> Observations:
        """Link what the strong detections have left over; return the strong ones that are free then.

        Weak detections are those of objects that others are about to hide, so they go to tracks that were in sight.
        """
        missed = [track for track in missed if track.state == TrackState.Tracked]
        self.link(missed, weak, iou_distance, WEAK_LIMIT)
        return strong

    def new_track(self, start: Sequence[float], score: float, cls: float) -> STrack:
        """Return a track of a detection: centre, size, angle of oriented boxes, row."""
        return self.track_class(start, score, cls)

    # Parts of a step; those with an underscore have the names and parameters of 8.4 -----------------------------------

    @bypassed
    def _split_detections(self, results: Observations) -> tuple[Observations, Observations, np.ndarray, np.ndarray]:
        """Return the strong and the weak detections, and which of all they are, (N,) each."""
        strong = results.score >= self.args.track_high_thresh
        weak = (results.score > self.args.track_low_thresh) & ~strong
        return results[strong], results[weak], strong, weak

    def _split_tracked(self) -> tuple[list[STrack], list[STrack]]:
        """Return the tracks that have to be seen again before they count, and the others."""
        tracks = self.tracked_stracks
        return [track for track in tracks if not track.is_activated], [track for track in tracks if track.is_activated]

    def _pre_first_associate(
        self, strack_pool: list[STrack], unconfirmed: list[STrack], img: np.ndarray | None, results_high: Observations
    ) -> None:
        """Do what is to be done with predicted tracks before they are linked: move them as the camera does.

        Args:
            strack_pool: tracks that count, those that were lost too.
            unconfirmed: those that have to be seen again first.
            img: (H, W, 3) the frame.
            results_high: the detections, weak ones too, as all of them are objects that move by themselves.
        """
        self.follow_camera([*strack_pool, *unconfirmed], results_high, img)

    def link(
        self,
        tracks: list[STrack],
        found: Observations,
        cost: Callable[[list[STrack], Observations], np.ndarray],
        limit: float | None = None,
        prepare: Callable[[list[STrack], Observations, int], None] | None = None,
        assign: Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]] = assign,
    ) -> tuple[list[STrack], Observations]:
        """Give detections to tracks where that costs less than a limit.

        Args:
            tracks: N tracks.
            found: M detections.
            cost: gives the costs (N, M) of tracks and detections.
            limit: `match_thresh` where None.
            prepare: called with the tracks, the detection of each, and the number of the frame, before they take them.
            assign: chooses the pairs (rows, columns) from costs and limit.

        Returns:
            The tracks and the detections that are left over.
        """
        if not tracks or not len(found):
            return tracks, found
        rows, columns = assign(cost(tracks, found), self.args.match_thresh if limit is None else limit)
        chosen = rows.tolist()
        pairs = [tracks[i] for i in chosen], found[columns]
        if prepare is not None:
            prepare(*pairs, self.frame_id)
        self.absorb(*pairs)
        free = np.ones(len(found), bool)
        free[columns] = False
        taken = set(chosen)
        return [track for i, track in enumerate(tracks) if i not in taken], found[free]

    def started(self, found: Observations) -> list[STrack]:
        """Return tracks that start at detections that no track has taken."""
        tracks: list[STrack] = []
        if len(found):
            self._init_new_tracks(list(range(len(found))), found, tracks)
        return tracks

    def _init_new_tracks(
        self,
        u_detection: Sequence[int],
        detections: Observations,
        activated: list[STrack],
        refind: list[STrack] | None = None,
    ) -> None:
        """Start tracks.

        Args:
            u_detection: rows of the detections that are free.
            detections: what they are rows of.
            activated: gets the tracks.
            refind: not used.
        """
        activated += self.born(detections[np.asarray(u_detection, dtype=int)])

    def born(self, found: Observations) -> list[STrack]:
        """Start tracks at the detections that are strong enough."""
        found = found[found.score >= self.args.new_track_thresh]
        if not len(found):
            return []
        tracks = [self.new_track(*start) for start in found.starts()]
        for track in tracks:
            track.kalman_filter = self.kalman_filter
        motion.start(tracks, found)
        for track in tracks:
            self._last_id += 1
            track.activate(self.kalman_filter, self.frame_id, self._last_id)
        self.note(tracks, found)
        return tracks

    def settle(self, born: Sequence[STrack]) -> None:
        """Say of every track whether it is in sight, lost or over."""
        for track in [*self.tracked_stracks, *self.lost_stracks]:
            if track.frame_id != self.frame_id:
                self.miss(track)
        known = [*self.tracked_stracks, *self.lost_stracks]
        states = {state: [t for t in known if t.state == state] for state in (TrackState.Lost, TrackState.Removed)}
        back = [track for track in self.lost_stracks if track.state == TrackState.Tracked]
        merge_track_pools(self, born, back, states[TrackState.Lost], states[TrackState.Removed])

    def miss(self, track: BaseTrack) -> None:
        """Say what becomes of a track that was not seen: one that was seen only once was a false alarm."""
        patience = self.max_frames_lost + 1  # counted from the first frame without it
        if track.is_activated and self.frame_id - track.end_frame <= patience:
            track.mark_lost()
        else:
            track.mark_removed()

    def given_out(self) -> list[STrack]:
        """Return the tracks that are in sight."""
        return [track for track in self.tracked_stracks if track.is_activated]

    def _format_output(self) -> np.ndarray:
        """Return what `update` gives out."""
        tracks = self.given_out()
        if not tracks:
            return np.zeros((0, 9 if self.oriented else 8), np.float32)
        if changed(type(tracks[0]), "result"):
            return np.array([track.result for track in tracks], dtype=np.float32)
        facts = [(track.track_id, track.score, track.cls, track.idx) for track in tracks]
        return np.concatenate((motion.shapes_of(tracks), np.array(facts)), 1).astype(np.float32)


__getattr__, __dir__ = offer(__name__)
