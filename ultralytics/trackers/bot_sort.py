"""BoT-SORT: ByteTrack with boxes filtered by width and height, the motion of the camera, and appearance.

Source: Aharon et al. 2022, arXiv:2206.14651.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.trackers.byte_tracker import USUAL_RATE, BYTETracker, STrack
from ultralytics.trackers.observations import Observations
from ultralytics.trackers.utils.appearance import Appearance, with_features
from ultralytics.trackers.utils.gmc import GMC
from ultralytics.trackers.utils.kalman_filter import KalmanFilterXYWH
from ultralytics.trackers.utils.matching import fuse_score, iou_distance
from ultralytics.trackers.utils.reid import smooth_feature
from ultralytics.trackers.utils.stracks import multi_gmc
from ultralytics.utils.lazy import offer

__all__ = ["BOTSORT", "BOTrack"]

KEPT_SHARE = 0.9  # of the old in a track's appearance


class BOTrack(STrack):
    """A track with width, height and appearance.

    Args:
        xywh, score, cls: see `STrack`.
        feat: (D,) appearance.

    Attributes:
        curr_feat: appearance when it was last seen, of length 1; None where none is known.
        smooth_feat: running average of it.
    """

    shared_kalman = KalmanFilterXYWH()
    growth = (6, 7)

    def __init__(self, xywh: Sequence[float], score: float, cls: Any, feat: np.ndarray | None = None) -> None:
        super().__init__(xywh, score, cls)
        self.curr_feat: np.ndarray | None = None
        self.smooth_feat: np.ndarray | None = None
        if feat is not None:
            self.update_features(feat)

    def update_features(self, feat: np.ndarray) -> None:
        """Take over the appearance (D,) of a detection."""
        self.curr_feat, self.smooth_feat = smooth_feature(feat, self.smooth_feat, KEPT_SHARE)

    def update(self, new_track: STrack, frame_id: int) -> None:
        """Take over the detection that another track holds."""
        super().update(new_track, frame_id)
        if (feature := getattr(new_track, "curr_feat", None)) is not None:
            self.update_features(feature)

    @staticmethod
    def tlwh_to_xywh(tlwh: np.ndarray) -> np.ndarray:
        """Return left, top, width, height as centre and size."""
        box = np.asarray(tlwh, dtype=np.float64)
        return np.concatenate((box[:2] + box[2:] / 2, box[2:]))


class BOTSORT(BYTETracker):
    """Links detections by overlap and appearance, seen from a camera that moves. See `BYTETracker`."""

    tracker_type = "botsort"
    track_class = BOTrack

    def __init__(self, args: Any = None, frame_rate: float = USUAL_RATE) -> None:
        super().__init__(args, frame_rate)
        self.looks = Appearance(self.args)

    def reset(self) -> None:
        """Forget everything, as before the first frame."""
        super().reset()
        self.gmc = GMC(self.args.gmc_method)

    def init_track(self, results: Any, img: np.ndarray | None = None) -> Observations:
        """Return the detections of a frame, with their appearance where it is compared."""
        return self.looks.described(super().init_track(results, img), img)

    def follow_camera(self, tracks: Sequence[STrack], found: Observations, img: np.ndarray | None) -> None:
        """Move tracks as the camera makes them seem to move."""
        if img is not None and self.gmc.method != "none":
            multi_gmc(tracks, self.gmc.apply(img, found.hulls))

    def get_dists(self, tracks: Sequence[STrack], detections: Observations) -> np.ndarray:
        """Return the costs (N, M): the better of overlap and, for what is near, appearance."""
        overlap = iou_distance(tracks, detections)
        distance = fuse_score(overlap, detections) if self.args.fuse_score else overlap
        return self.looks.better(distance, overlap, tracks, detections)

    def note(self, tracks: Sequence[STrack], seen: Observations) -> None:
        """Let tracks know how what was found of them looks."""
        for track, feature in with_features(tracks, seen):
            track.update_features(feature)


__getattr__, __dir__ = offer(__name__)
