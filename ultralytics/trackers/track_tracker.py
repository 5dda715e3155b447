"""TrackTrack: every detection, weak or suppressed, in one cost, and tracks and detections that prefer each other first.

Source: Shim et al., "Focusing on Tracks for Online Multi-Object Tracking", CVPR 2025.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.trackers.basetrack import BaseTrack, TrackState
from ultralytics.trackers.bot_sort import BOTSORT, BOTrack
from ultralytics.trackers.byte_tracker import STrack
from ultralytics.trackers.features import Recovered, recovered
from ultralytics.trackers.observations import Observations, read_detections
from ultralytics.trackers.utils import motion
from ultralytics.trackers.utils.matching import embedding_distance, mutual, overlaps, strongest
from ultralytics.trackers.utils.reid import smooth_feature
from ultralytics.utils.lazy import offer
from ultralytics.utils.overrides import ignores

__all__ = ["TRACKTRACK", "TTSTrack", "attach_raw_preds_hook", "compute_dets_del"]

KEPT_SHARE = 0.95  # of the old in a track's appearance
LEAST_OVERLAP = 0.1  # pairs that overlap less are not linked
UNLINKED = 1.0  # their cost
BACK = 3  # frames over which the direction of corners is taken
REPEAT_IOU = 0.95  # of the second suppression, which keeps nearly everything
INSTEAD = "override get_dists(), as strong and weak detections are linked together, or prefer()"
SAME_IOU = 0.97  # above it, what that one keeps was there already


class TTSTrack(BOTrack):
    """A track that knows where its corners were, and how its score changes.

    Args:
        xywh, score, cls, feat: see `BOTrack`.

    Attributes:
        hits: frames in which it was seen.
        corners: frame to upright box (4,) x1, y1, x2, y2 of what was seen, of the last frames.
        direction: (4, 2) in which its corners move: the mean of the unit vectors from where they were 1, 2 and 3 frames
            before, divided by 1, 2 and 3. So it is the shorter, and says the less, the less steadily or long the track
            moves; zeros are no direction.
        projected: score that is expected next, if it goes on changing as it did.
    """

    min_track_len = 3
    weighs_scores = True

    def __init__(self, xywh: Sequence[float], score: float, cls: Any, feat: np.ndarray | None = None) -> None:
        super().__init__(xywh, score, cls, feat)
        self.hits = 0
        self.corners: dict[int, np.ndarray] = {}
        self.direction = np.zeros((4, 2))
        self.projected = self._score_before = float(score)

    def update_features(self, feat: np.ndarray) -> None:
        """Take over the appearance (D,) of a detection."""
        self.curr_feat, self.smooth_feat = smooth_feature(feat, self.smooth_feat, KEPT_SHARE)

    def note(self, corners: np.ndarray) -> None:
        """Remember what was seen in this frame; the track counts as real from `min_track_len` frames on."""
        self.hits += 1
        self.corners[self.frame_id] = corners
        self.corners = {at: box for at, box in self.corners.items() if at >= self.frame_id - BACK}
        self.projected, self._score_before = 2 * self.score - self._score_before, self.score
        real = self.hits >= self.min_track_len
        self.state = TrackState.Tracked if real else TrackState.New
        self.is_activated = real or self.start_frame == 1

    def mark_removed(self) -> None:
        """Note that the track has ended."""
        super().mark_removed()
        self.corners = {at: box.copy() for at, box in self.corners.items()}

    def get_history_box(self, frame_id: int, dt: int) -> np.ndarray:
        """Return the upright box (4,) that was seen `dt` frames before a frame, or else the last one."""
        at = frame_id - dt
        return self.corners[at if at in self.corners else self.frame_id]


@ignores(
    **dict.fromkeys(("_split_detections", "_post_first_association", "_second_association", "second_chance"), INSTEAD)
)
class TRACKTRACK(BOTSORT):
    """Links all detections of a frame at once; see the module."""

    tracker_type = "tracktrack"
    track_class = TTSTrack

    @classmethod
    def setup_predictor(cls, predictor: Any) -> None:
        """Prepare a predictor for `compute_frame_extras`."""
        attach_raw_preds_hook(predictor)

    @classmethod
    def compute_frame_extras(cls, predictor: Any) -> list[dict[str, Any]]:
        """Return for every picture of a batch what `update` takes: detections that suppression had dropped."""
        return [{"dets_del": found} for found in compute_dets_del(predictor)]

    def update(
        self, results: Any, img: np.ndarray | None = None, dets_del: Any = None, feats: Any = None, **kwargs: Any
    ) -> np.ndarray:
        """Take the next frame; see `BYTETracker.update`.

        Args:
            results: detections.
            img: (H, W, 3) the frame, BGR.
            dets_del: detections that suppression had dropped, in any form that `results` may have. They are counted on
                from the N others: their first row is N.
            feats: (N, D) appearance of the detections, or (N + M, D) with that of the dropped ones.
            **kwargs: not used.
        """
        self._dropped = dets_del.rows if isinstance(dets_del, Recovered) else dets_del
        return super().update(results, img, feats)

    def reset(self) -> None:
        """Forget everything, as before the first frame."""
        super().reset()
        self._dropped: Any = None

    def init_track(self, results: Any, img: np.ndarray | None = None) -> Observations:
        """Return the detections of a frame, those that were dropped last."""
        found, dropped, self._dropped = super().init_track(results, None), self._dropped, None
        self._first_dropped = found.given
        if dropped is not None:
            found = found.joined(read_detections(dropped, self.oriented))
        return self.looks.described(found, img)

    def new_track(self, start: Sequence[float], score: float, cls: float) -> STrack:
        """Return a track of a detection."""
        track = super().new_track(start, score, cls)
        track.min_track_len = self.args.min_track_len
        return track

    def step(self, found: Observations, img: np.ndarray | None) -> None:
        """Link the detections of a frame and bring the lists of tracks up to date."""
        options = self.args
        found = found[found.score > options.track_low_thresh]
        tentative, sure = self._split_tracked()
        known = [*sure, *self.lost_stracks]
        self.multi_predict([*known, *tentative])
        self._pre_first_associate(known, tentative, img, found)
        _, found = self.prefer(known, found)
        found = found[(found.score >= options.track_high_thresh) & (found.index < self._first_dropped)]
        _, found = self.prefer(tentative, found)
        self.settle(self.started(self.apart(found)))

    def _split_tracked(self) -> tuple[list[STrack], list[STrack]]:
        """Return the tracks that were not seen often enough to count, and the others."""
        kinds = TrackState.New, TrackState.Tracked
        tentative, sure = ([track for track in self.tracked_stracks if track.state == kind] for kind in kinds)
        return tentative, sure

    def prefer(self, tracks: list[STrack], found: Observations) -> tuple[list[STrack], Observations]:
        """Link tracks and detections that prefer each other, the clearest pairs first; return what is left over."""

        def in_rounds(cost: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
            return mutual(cost, limit, self.args.reduce_step)

        return self.link(tracks, found, self.get_dists, assign=in_rounds)

    def get_dists(self, tracks: Sequence[STrack], detections: Observations) -> np.ndarray:
        """Return the costs (N, M): overlap, appearance, change of score and direction, and how weak a detection is."""
        options, shapes = self.args, motion.shapes_of(tracks)
        overlap = overlaps(shapes, detections.shapes)
        rows, columns = np.nonzero(overlap > LEAST_OVERLAP)
        cost = np.full(overlap.shape, UNLINKED)
        score = detections.score[columns]
        apart = 1 - overlap[rows, columns] * _same_height(shapes[rows], detections.shapes[columns])
        if self.looks.compared(detections):
            looks = embedding_distance(tracks, detections)[rows, columns]
            apart = options.iou_weight * apart + options.reid_weight * looks
        projected = np.array([track.projected for track in tracks])[rows]
        apart += options.conf_weight * np.abs(projected - score)
        apart += options.angle_weight * score * turns(tracks, detections, self.frame_id, rows, columns)
        weak = score < options.track_high_thresh
        dropped = detections.index[columns] >= self._first_dropped
        cost[rows, columns] = apart + np.where(dropped, options.penalty_q, options.penalty_p * weak)
        return cost

    def note(self, tracks: Sequence[STrack], seen: Observations) -> None:
        """Let tracks remember where they were seen, and how they look."""
        super().note(tracks, seen)
        for track, corners in zip(tracks, seen.hulls, strict=True):
            track.note(corners)
        renew_directions(tracks)

    def apart(self, found: Observations) -> Observations:
        """Return the detections that may start tracks: not beside one that was seen, nor beside a better detection."""
        found = found[found.score > self.args.new_track_thresh]
        seen = [track for track in [*self.tracked_stracks, *self.lost_stracks] if track.frame_id == self.frame_id]
        beside = overlaps(motion.shapes_of(seen), found.shapes).max(0, initial=0) > self.args.tai_thr
        found = found[~beside]
        return found[strongest(found.score, overlaps(found.shapes, found.shapes) > self.args.tai_thr)]

    def miss(self, track: BaseTrack) -> None:
        """Say what becomes of a track that was not seen; one that was not sure yet was a false alarm."""
        if track.state == TrackState.New:
            track.mark_removed()
        else:
            super().miss(track)


def renew_directions(tracks: Sequence[TTSTrack]) -> None:
    """Tell tracks in which direction their corners move, now that they were seen; one found again keeps what it had."""
    known = [track for track in tracks if track.frame_id - 1 in track.corners]
    if not known:
        return
    ago = np.arange(1, BACK + 1)
    boxes = [[track.get_history_box(track.frame_id, dt) for dt in (0, *ago.tolist())] for track in known]
    places = _four(np.array(boxes))
    directions = (_unit(places[:, :1] - places[:, 1:]) / ago[:, None, None]).sum(1) / BACK
    for track, direction in zip(known, directions, strict=True):
        track.direction = direction


def turns(
    tracks: Sequence[TTSTrack], detections: Observations, frame_id: int, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Return by what share of a half turn (K,) the corners of tracks would turn on their way to detections.

    Args:
        tracks: N tracks.
        detections: M detections.
        frame_id: number of the frame of the detections.
        rows, columns: (K,) which pairs.
    """
    if not len(rows):
        return np.zeros(0)
    start = _four(np.array([track.get_history_box(frame_id, BACK) for track in tracks]))
    before = np.array([track.direction for track in tracks])
    after = _unit(_four(detections.hulls)[columns] - start[rows])
    cosine = (before[rows] * after).sum(-1)
    return np.arccos(np.clip(cosine, -1, 1)).sum(-1) / (4 * np.pi)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (..., 2) of length 1; those of no length stay."""
    length = np.hypot(vectors[..., :1], vectors[..., 1:])
    return vectors / np.where(length > 0, length, 1)


def _four(boxes: np.ndarray) -> np.ndarray:
    """Return the corners (..., 4, 2) of upright boxes (..., 4)."""
    return boxes[..., [[0, 1], [0, 3], [2, 1], [2, 3]]]


def _same_height(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the share (K,) of height that corner boxes (K, 4) have in common; 1 for boxes with an angle."""
    if a.shape[1] == 5 or b.shape[1] == 5:
        return np.ones(len(a))
    common = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    return np.maximum(common, 0) / (np.maximum(a[:, 3], b[:, 3]) - np.minimum(a[:, 1], b[:, 1]))


def attach_raw_preds_hook(predictor: Any) -> None:
    """Make sure that a predictor keeps what its network gave; those of this package do by themselves.

    Raises:
        TypeError: it does not.
    """
    if not hasattr(predictor, "outputs"):
        raise TypeError(f"{type(predictor).__name__} keeps no 'outputs' of its network; derive it from BasePredictor.")


def compute_dets_del(predictor: Any) -> list[Recovered | None]:
    """Return for every picture of a batch the detections that suppression had dropped and that may be objects.

    Args:
        predictor: at the end of its postprocessing. None of tasks with masks or keypoints, nor of models that suppress
            nothing.
    """
    return recovered(predictor, REPEAT_IOU, SAME_IOU)


__getattr__, __dir__ = offer(__name__)
