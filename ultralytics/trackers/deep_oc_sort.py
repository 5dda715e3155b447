"""Deep OC-SORT: OC-SORT with the motion of the camera, and with appearance that is trusted as detections are.

Source: Maggiolino et al. 2023, arXiv:2302.11813.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.trackers.byte_tracker import STrack
from ultralytics.trackers.observations import Observations
from ultralytics.trackers.oc_sort import OCSORT, OCSortTrack, with_turns
from ultralytics.trackers.seeing import SeeingTrack, SeeingTracker
from ultralytics.trackers.utils.motion import filter_of
from ultralytics.trackers.utils.reid import smooth_feature
from ultralytics.trackers.utils.stracks import camera_motion, carried, multi_gmc
from ultralytics.utils.lazy import offer

__all__ = ["DeepOCSORT", "DeepOCSortTrack"]


class DeepOCSortTrack(SeeingTrack, OCSortTrack):
    """A track with appearance that remembers where it was seen.

    Args:
        xywh, score, cls, delta_t: see `OCSortTrack`.
        feat: (D,) appearance.
        alpha_fixed_emb: least share of the old in its running average.
        det_thresh: score up to which a detection says nothing about appearance.

    Attributes: see `SeeingTrack`.
    """

    def __init__(
        self,
        xywh: Sequence[float],
        score: float,
        cls: Any,
        delta_t: int = 3,
        feat: np.ndarray | None = None,
        alpha_fixed_emb: float = 0.95,
        det_thresh: float = 0.25,
    ) -> None:
        super().__init__(xywh, score, cls, delta_t)
        self.alpha_fixed_emb, self.det_thresh = alpha_fixed_emb, det_thresh
        if feat is not None:
            self.update_features(feat)

    def update_features(self, feat: np.ndarray, score: float | None = None) -> None:
        """Take over the appearance (D,) of a detection, the more the surer it is; that of the track where None."""
        sure = self.score if score is None else score
        trust = max(0.0, (sure - self.det_thresh) / max(1 - self.det_thresh, 1e-9))
        alpha = self.alpha_fixed_emb + (1 - self.alpha_fixed_emb) * (1 - trust)
        self.curr_feat, self.smooth_feat = smooth_feature(feat, self.smooth_feat, alpha)

    @staticmethod
    def multi_gmc(stracks: Sequence[DeepOCSortTrack], H: np.ndarray) -> None:
        """Move tracks, what they remember and where they are going with the camera; see `stracks.multi_gmc`."""
        multi_gmc(stracks, H)
        for track in stracks:
            track.move_memory(H)

    def move_memory(self, H: np.ndarray) -> None:
        """Move what it remembers with the camera, by an affine map (2, 3) of points."""
        oriented = self.angle is not None
        turn, shift, sides, angle = camera_motion(H, oriented)
        for frame, shape in self.observations.items():
            low, high = shape[:2], shape[2:4]
            centre, size = (low, high) if oriented else ((low + high) / 2, high - low)
            centre, size = turn @ centre + shift, sides @ size
            ends = (centre, size, [shape[4] + angle]) if oriented else (centre - size / 2, centre + size / 2)
            self.observations[frame] = np.concatenate(ends)
        self.direction = turn @ self.direction
        self.direction /= np.linalg.norm(self.direction) or 1
        if self.known is not None:
            means, covariances = carried(filter_of([self]), *(part[None] for part in self.known), H, oriented)
            self.known = means[0], covariances[0]


class DeepOCSORT(SeeingTracker, OCSORT):
    """Links detections by overlap, direction and appearance, seen from a camera that moves."""

    tracker_type = "deepocsort"
    track_class = DeepOCSortTrack

    def new_track(self, start: Sequence[float], score: float, cls: float) -> STrack:
        """Return a track of a detection."""
        options = self.args
        return self.track_class(
            start, score, cls, options.delta_t, None, options.alpha_fixed_emb, options.track_high_thresh
        )

    def get_dists(self, tracks: Sequence[STrack], detections: Observations) -> np.ndarray:
        """Return the costs (N, M): the better of overlap and appearance, and how far a track would turn."""
        return with_turns(super().get_dists(tracks, detections), tracks, detections, self.args)


__getattr__, __dir__ = offer(__name__)
