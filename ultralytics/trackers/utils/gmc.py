"""Motion of the camera between successive frames, found with OpenCV in pictures of half size.

What does not move by itself is most of a picture. A partial affine map (shift, turn, scale) that many points agree on
is therefore that of the camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["GMC"]

FEW_POINTS = 4  # a map is only taken from more than so many
FLOW_CORNERS = {"maxCorners": 400, "qualityLevel": 0.01, "minDistance": 0, "blockSize": 3, "k": 0.04}
ECC_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 5000, 1e-6)
RATIO = 0.9  # a match must be so much better than the second best
LARGEST_SHIFT = 0.25  # of the picture's sides
BORDER = 0.02  # share of the picture at each side where no features are taken
DEVIATIONS = 2.5  # from the mean shift, beyond which a match is taken for a mistake


@dataclass(frozen=True)
class _View:
    """What is kept of a frame: grey picture, and points (N, 2) with descriptors where the method uses them."""

    grey: np.ndarray
    points: np.ndarray | None = None
    descriptors: np.ndarray | None = None


class GMC:
    """Tells by what map points of the last frame have come to where they are now.

    Args:
        method: `sparseOptFlow`, `orb`, `sift`, `ecc` or `none`.
        downscale: by how much frames are made smaller.

    Raises:
        ValueError: another method.
    """

    def __init__(self, method: str = "sparseOptFlow", downscale: int = 2) -> None:
        ways: dict[str, Callable[..., np.ndarray]] = {
            "sparseOptFlow": self.apply_sparseoptflow,
            "orb": self.apply_features,
            "sift": self.apply_features,
            "ecc": self.apply_ecc,
        }
        name = "none" if method is None else method
        if name not in {*ways, "none"}:
            raise ValueError(f"gmc_method='{method}' is not known; it is one of {', '.join(ways)}, none.")
        self.method = name
        self.downscale = max(1, int(downscale))
        self._way = ways.get(name)
        self._tools = _feature_tools(name)
        self.reset_params()

    def reset_params(self) -> None:
        """Forget the last frame."""
        self._last: _View | None = None

    def apply(self, raw_frame: np.ndarray, detections: np.ndarray | None = None) -> np.ndarray:
        """Return the map (2, 3) from the last frame to this one, in pixels of the frame.

        That is no motion for the first frame, for one of another size than the last, and where the method fails.

        Args:
            raw_frame: (H, W, 3) BGR or (H, W) grey.
            detections: (N, 4) corners of things that move by themselves.
        """
        if self._way is None:
            return np.eye(2, 3)
        try:
            return self._way(raw_frame, detections) if self._tools else self._way(raw_frame)
        except cv2.error as error:
            LOGGER.warning(f"the motion of the camera was not found ({str(error).strip()}); taken for none.")
            return np.eye(2, 3)

    # Methods ----------------------------------------------------------------------------------------------------------

    def apply_sparseoptflow(self, raw_frame: np.ndarray) -> np.ndarray:
        """Follow corners of the last frame by their optical flow."""
        grey = self._small(raw_frame)
        before = self._renew(_View(grey, cv2.goodFeaturesToTrack(grey, mask=None, **FLOW_CORNERS)))
        if before is None or before.points is None:
            return np.eye(2, 3)
        moved, found, _ = cv2.calcOpticalFlowPyrLK(before.grey, grey, before.points, None)
        kept = found.ravel() == 1
        return self._fitted(before.points[kept].reshape(-1, 2), moved[kept].reshape(-1, 2))

    def apply_features(self, raw_frame: np.ndarray, detections: np.ndarray | None = None) -> np.ndarray:
        """Match described points of both frames, away from the border and from detections."""
        grey = self._small(raw_frame)
        finder, describer, matcher = self._tools
        points = finder.detect(grey, self._background(grey.shape, detections))
        points, descriptors = describer.compute(grey, points)
        places = np.array([point.pt for point in points], dtype=np.float32).reshape(-1, 2)
        before = self._renew(_View(grey, places, descriptors))
        if before is None or before.descriptors is None or descriptors is None:
            return np.eye(2, 3)
        pairs = [pair for pair in matcher.knnMatch(before.descriptors, descriptors, 2) if len(pair) == 2]
        clear = [(one.queryIdx, one.trainIdx) for one, other in pairs if one.distance < RATIO * other.distance]
        old, new = np.array(clear, dtype=int).reshape(-1, 2).T
        old, new = before.points[old], places[new]
        shift = new - old
        near = (np.abs(shift) < LARGEST_SHIFT * np.array(grey.shape[::-1])).all(1)
        old, new, shift = old[near], new[near], shift[near]
        if len(shift):
            usual = (np.abs(shift - shift.mean(0)) <= DEVIATIONS * shift.std(0) + 1e-6).all(1)
            old, new = old[usual], new[usual]
        return self._fitted(old, new)

    def apply_ecc(self, raw_frame: np.ndarray) -> np.ndarray:
        """Turn and shift the last frame until it correlates best with this one (Evangelidis and Psarakis 2008)."""
        grey = self._small(raw_frame)
        if self.downscale > 1:
            grey = cv2.GaussianBlur(grey, (3, 3), 1.5)
        before = self._renew(_View(grey))
        if before is None:
            return np.eye(2, 3)
        start = np.eye(2, 3, dtype=np.float32)
        _, found = cv2.findTransformECC(before.grey, grey, start, cv2.MOTION_EUCLIDEAN, ECC_STOP, None, 1)
        return self._full_size(found)

    # Steps ------------------------------------------------------------------------------------------------------------

    def _small(self, frame: np.ndarray) -> np.ndarray:
        """Return a frame in grey and made smaller."""
        grey = (
            frame
            if frame.ndim == 2
            else frame[..., 0]
            if frame.shape[2] != 3
            else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        )
        if self.downscale == 1:
            return grey
        height, width = grey.shape
        return cv2.resize(grey, (max(1, width // self.downscale), max(1, height // self.downscale)))

    def _renew(self, view: _View) -> _View | None:
        """Keep a frame for the next time and return the one before, where it has the same size."""
        before, self._last = self._last, view
        return before if before is not None and before.grey.shape == view.grey.shape else None

    def _background(self, size_hw: tuple[int, int], detections: Any) -> np.ndarray:
        """Return a mask (H, W) that is 0 at the border and in detections."""
        height, width = size_hw
        mask = np.zeros(size_hw, np.uint8)
        mask[int(BORDER * height) : int((1 - BORDER) * height), int(BORDER * width) : int((1 - BORDER) * width)] = 255
        for box in [] if detections is None else np.asarray(detections)[:, :4] / self.downscale:
            left, top, right, bottom = np.clip(box, 0, (width, height, width, height)).astype(int).tolist()
            mask[top:bottom, left:right] = 0
        return mask

    def _fitted(self, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        """Return the map that most pairs of points (N, 2) agree on."""
        found = cv2.estimateAffinePartial2D(old, new, method=cv2.RANSAC)[0] if len(old) > FEW_POINTS else None
        if found is None:
            LOGGER.debug("too few points agree on a motion of the camera; it is taken for none.")
            return np.eye(2, 3)
        return self._full_size(found)

    def _full_size(self, found: np.ndarray) -> np.ndarray:
        """Return a map between small pictures as one between frames."""
        out = np.array(found, dtype=np.float64)
        out[:, 2] *= self.downscale
        return out


def _feature_tools(method: str) -> tuple[Any, Any, Any] | None:
    """Return what finds, describes and matches points, for the methods that do."""
    if method == "orb":
        return cv2.FastFeatureDetector_create(20), cv2.ORB_create(), cv2.BFMatcher(cv2.NORM_HAMMING)
    if method == "sift":
        sift = cv2.SIFT_create(nOctaveLayers=3, contrastThreshold=0.02, edgeThreshold=20)
        return sift, sift, cv2.BFMatcher(cv2.NORM_L2)
    return None


__getattr__, __dir__ = offer(__name__)
