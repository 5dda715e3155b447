"""BoT-SORT: ByteTrack with boxes filtered by width and height, the motion of the camera, and appearance.

Source: Aharon et al. 2022, arXiv:2206.14651.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.trackers.byte_tracker import BYTETracker, STrack
from ultralytics.trackers.seeing import SeeingTrack, SeeingTracker
from ultralytics.trackers.utils.kalman_filter import KalmanFilterXYWH
from ultralytics.trackers.utils.reid import smooth_feature
from ultralytics.utils.lazy import offer

__all__ = ["BOTSORT", "BOTrack"]

KEPT_SHARE = 0.9  # of the old in a track's appearance


class BOTrack(SeeingTrack, STrack):
    """A track with width, height and appearance.

    Args:
        xywh, score, cls: see `STrack`.
        feat: (D,) appearance.

    Attributes: see `SeeingTrack`.
    """

    shared_kalman = KalmanFilterXYWH()
    growth = (6, 7)

    def __init__(self, xywh: Sequence[float], score: float, cls: Any, feat: np.ndarray | None = None) -> None:
        super().__init__(xywh, score, cls)
        if feat is not None:
            self.update_features(feat)

    def update_features(self, feat: np.ndarray) -> None:
        """Take over the appearance (D,) of a detection."""
        self.curr_feat, self.smooth_feat = smooth_feature(feat, self.smooth_feat, KEPT_SHARE)

    @staticmethod
    def tlwh_to_xywh(tlwh: np.ndarray) -> np.ndarray:
        """Return left, top, width, height as centre and size."""
        box = np.asarray(tlwh, dtype=np.float64)
        return np.concatenate((box[:2] + box[2:] / 2, box[2:]))


class BOTSORT(SeeingTracker, BYTETracker):
    """Links detections by overlap and appearance, seen from a camera that moves. See `BYTETracker`."""

    tracker_type = "botsort"
    track_class = BOTrack


__getattr__, __dir__ = offer(__name__)
