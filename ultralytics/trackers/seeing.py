"""What trackers share that look at the frame: for the motion of the camera, and for how things look.

Both classes stand before the others among the bases of a track and of a tracker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.trackers.byte_tracker import USUAL_RATE, STrack
from ultralytics.trackers.observations import Observations
from ultralytics.trackers.utils.appearance import Appearance, with_features
from ultralytics.trackers.utils.gmc import GMC
from ultralytics.trackers.utils.matching import fuse_score, iou_distance
from ultralytics.trackers.utils.stracks import multi_gmc
from ultralytics.utils.overrides import bypassed

__all__ = ["SeeingTrack", "SeeingTracker"]


class SeeingTrack:
    """A track with appearance, which `update_features` of the class takes over.

    Attributes:
        curr_feat: (D,) appearance when it was last seen, of length 1; None where none is known.
        smooth_feat: (D,) running average of it.
    """

    curr_feat: np.ndarray | None = None
    smooth_feat: np.ndarray | None = None

    @bypassed
    def update(self, new_track: STrack, frame_id: int) -> None:
        """Take over the detection that another track holds."""
        super().update(new_track, frame_id)
        if (feature := getattr(new_track, "curr_feat", None)) is not None:
            self.update_features(feature)

    @staticmethod
    def multi_gmc(stracks: Sequence[STrack], H: np.ndarray) -> None:
        """Move tracks with the camera, by an affine map (2, 3) of points."""
        multi_gmc(stracks, H)


class SeeingTracker:
    """Steps of a tracker with `gmc_method` and `with_reid` among its settings."""

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
            self.track_class.multi_gmc(tracks, self.gmc.apply(img, found.hulls))

    def get_dists(self, tracks: Sequence[STrack], detections: Observations) -> np.ndarray:
        """Return the costs (N, M): the better of overlap and, for what is near, appearance."""
        overlap = iou_distance(tracks, detections)
        distance = fuse_score(overlap, detections) if self.args.fuse_score else overlap
        return self.looks.better(distance, overlap, tracks, detections)

    def note(self, tracks: Sequence[STrack], seen: Observations) -> None:
        """Let tracks know how what was found of them looks, besides what else they are to know."""
        super().note(tracks, seen)
        for track, feature in with_features(tracks, seen):
            track.update_features(feature)
