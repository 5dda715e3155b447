"""Random transforms of a single sample: `RandomPerspective`, `RandomHSV`, `RandomFlip`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ultralytics.data.augment import geometry
from ultralytics.data.augment.base import Labels, SampleTransform
from ultralytics.data.augment.color import channel_order, shift_hsv
from ultralytics.data.augment.rng import GlobalRng, Rng
from ultralytics.data.images.canvas import Picture, Scaled, painted
from ultralytics.data.labels.instances import clip_keypoints
from ultralytics.data.sample import MAP_FILLS, Sample
from ultralytics.utils.overrides import bypassed, ignores, warn_of_ignored

__all__ = ["RandomFlip", "RandomHSV", "RandomPerspective"]


@ignores(affine_transform="override get_params() or _compute_affine_matrix(), which draw the map, or apply_image()")
class RandomPerspective(SampleTransform):
    """Rotate, scale, shear, shift and tilt a picture with its objects.

    Args:
        degrees: Rotation in [-degrees, degrees].
        translate: The centre goes to 0.5 +- translate of the target's sides.
        scale: Scale in [1 - scale, 1 + scale], or in a given (low, high).
        shear: Both shear angles in [-shear, shear] degrees.
        perspective: Both entries of the last row in [-perspective, perspective].
        size: Target (width, height); the size of the picture when None.
        preserve_obb: Polygons stand for rotated boxes and are refitted, not clamped, at the border.
        snap: Move a pure scaling by up to half a pixel, objects included, onto the grid of `cv2.resize`, which is three
            times faster than a warp. Off by default, so that a seed gives the public picture.
    """

    steps = (*SampleTransform.steps, "_compute_affine_matrix")

    def __init__(
        self,
        degrees: float = 0.0,
        translate: float = 0.1,
        scale: float | Sequence[float] = 0.5,
        shear: float = 0.0,
        perspective: float = 0.0,
        size: tuple[int, int] | None = None,
        preserve_obb: bool = False,
        *,
        snap: bool = False,
    ) -> None:
        self.degrees, self.translate, self.scale = degrees, translate, scale
        self.shear, self.perspective, self.preserve_obb, self.snap = shear, perspective, preserve_obb, snap
        self.size = size if size is None else tuple(size)
        warn_of_ignored(self)

    def draw(self, rng: Rng, sample: Sample) -> Mapping[str, Any]:
        """Draw the map, and find its grid where pictures may snap to one."""
        h, w = sample.size_hw
        size = self.size or (w, h)
        matrix, scale = self._draw_map(rng, (h, w), size)
        grid = geometry.grid_map(matrix, (h, w), size[::-1]) if self.snap else None
        return {
            "M": (matrix if grid is None else grid.matrix()).astype(np.float32),
            "scale": scale,
            "orig_shape": (h, w),
            "size": size,
            "grid": grid,
        }

    def _draw_map(self, rng: Rng, source_hw: tuple[int, int], size: tuple[int, int]) -> tuple[np.ndarray, float]:
        """Draw the map and its scale, in the order perspective (x, y), angle, scale, shear (x, y), position (x, y)."""
        width, height = size
        tilt, shear, translate = self.perspective, self.shear, self.translate
        low, high = self.scale if isinstance(self.scale, Sequence) else (1 - self.scale, 1 + self.scale)
        perspective = rng.uniform(-tilt, tilt), rng.uniform(-tilt, tilt)
        degrees, scale = rng.uniform(-self.degrees, self.degrees), rng.uniform(low, high)
        angles = rng.uniform(-shear, shear), rng.uniform(-shear, shear)
        near, far = 0.5 - translate, 0.5 + translate
        position = rng.uniform(near, far) * width, rng.uniform(near, far) * height
        return geometry.affine_matrix(source_hw, perspective, degrees, scale, angles, position), scale

    @bypassed
    def _compute_affine_matrix(self, img: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, float]:
        """Draw a map `(3, 3)` of a picture to (width, height) `size`, and its scale."""
        matrix, scale = self._draw_map(GlobalRng(), img.shape[:2], size)
        return matrix.astype(np.float32), scale

    @bypassed
    def get_params(self, labels: Labels) -> dict[str, Any]:
        """Draw the parameters: the map `M` and its `scale`, `orig_shape` (height, width), `size` (width, height)."""
        image = labels["img"]
        size = self.size or image.shape[1::-1]
        matrix, scale = self._compute_affine_matrix(image, size)
        return {"M": matrix, "scale": scale, "orig_shape": image.shape[:2], "size": size}

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the picture seen through the map."""
        size_hw = params["size"][::-1]
        grid = params.get("grid")
        if grid is None:
            picture: Picture = geometry.warp_picture(sample.image, params["M"], size_hw)
        else:
            picture = geometry.scaled(sample.image, grid, size_hw)
        return sample.with_image(picture).with_meta(resized_shape=size_hw)

    def move_map(self, name: str, sample: Sample, params: Mapping[str, Any]) -> np.ndarray:
        """Return a map of the sample seen through the same map as the picture, a grid's included."""
        size_hw = params["size"][::-1]
        return geometry.warp_picture(sample.maps[name], params["M"], size_hw, MAP_FILLS[name], nearest=True)

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the objects seen through the map, cut to the target, without those that are hardly visible any more.

        Areas are compared with those of the source times the square of the scale that was drawn.
        """
        if not len(sample):
            return sample
        matrix, (w, h) = params["M"], params["size"]
        segments, keypoints = sample.segments, sample.keypoints
        if segments is None:
            boxes = self.apply_bboxes(sample.boxes, matrix)
        else:
            boxes, segments = self.apply_segments(segments, matrix, (w, h))
        if keypoints is not None:
            keypoints = clip_keypoints(self.apply_keypoints(keypoints, matrix, (w, h)), w, h)
        boxes = np.minimum(np.maximum(boxes, 0), np.array([w, h, w, h], np.float32))
        before = sample.boxes * np.float32(params["scale"])
        kept = self.box_candidates(box1=before.T, box2=boxes.T, area_thr=0.1 if segments is None else 0.01)
        return sample.with_objects(boxes, sample.cls, segments, keypoints).take(kept)

    def apply_bboxes(self, bboxes: np.ndarray, M: np.ndarray) -> np.ndarray:
        """Return upright boxes `(N, 4)` around mapped boxes."""
        return geometry.map_boxes(bboxes, M)

    def apply_segments(
        self, segments: np.ndarray, M: np.ndarray, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes `(N, 4)` and polygons `(N, P, 2)` mapped and cut to (width, height) `size`."""
        return geometry.map_polygons(segments, M, size[::-1], self.preserve_obb)

    def apply_keypoints(self, keypoints: np.ndarray, M: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return keypoints `(N, K, 3)` mapped; those outside (width, height) `size` get visibility 0."""
        return geometry.map_keypoints(keypoints, M, size[::-1])

    @staticmethod
    def box_candidates(
        box1: np.ndarray,
        box2: np.ndarray,
        wh_thr: float = 2,
        ar_thr: float = 100,
        area_thr: float = 0.1,
        eps: float = 1e-16,
    ) -> np.ndarray:
        """Return which boxes `box2` `(4, N)`, once `box1` `(4, N)`, are worth keeping."""
        return geometry.survivors(box1.T, box2.T, wh_thr, ar_thr, area_thr, eps)


class RandomHSV(SampleTransform):
    """Shift the hue and scale saturation and value.

    Args:
        hgain: Largest hue shift as a part of the circle.
        sgain: Saturation is multiplied by a number in [1 - sgain, 1 + sgain].
        vgain: The same for the value.
    """

    def __init__(self, hgain: float = 0.5, sgain: float = 0.5, vgain: float = 0.5) -> None:
        self.hgain, self.sgain, self.vgain = hgain, sgain, vgain

    def draw(self, rng: Rng, sample: Sample) -> Mapping[str, Any] | None:
        """Draw the three gains, unless all limits are zero."""
        limits = self.hgain, self.sgain, self.vgain
        if not any(limits):
            return None
        return {"gains": [draw * limit for draw, limit in zip(rng.hsv3(), limits, strict=True)]}

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the recoloured picture; anything but three channels of bytes stays as it is."""
        if params is None or "gains" not in params:
            return sample
        gains = params["gains"]
        image = sample.image if sample.order is None else sample.pixels()
        if not (isinstance(image, Scaled) and image.scale > 1):
            image = painted(image)
        pixels = image.part if isinstance(image, Scaled) else image
        if pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            return sample
        # An enlarged picture has fewer pixels before than after, so it is recoloured before.
        if isinstance(image, Scaled):
            recoloured: Picture = image.recolor(lambda part: shift_hsv(part, gains))
        else:
            recoloured = shift_hsv(image, gains)
        return replace(sample, image=recoloured, order=channel_order(gains[0]))


class RandomFlip(SampleTransform):
    """Mirror the picture with probability `p`.

    Called with a label dictionary, it returns boxes in "xywh", as the public class does.

    Args:
        p: Probability.
        direction: "horizontal" (left-right) or "vertical" (top-bottom).
        flip_idx: Keypoint that takes each keypoint's place in a mirrored picture.

    Raises:
        ValueError: The direction is unknown or the probability is not in [0, 1].
    """

    box_format = "xywh"

    def __init__(self, p: float = 0.5, direction: str = "horizontal", flip_idx: list[int] | None = None) -> None:
        if direction not in ("horizontal", "vertical"):
            raise ValueError(f"RandomFlip: direction={direction!r} is not supported, use 'horizontal' or 'vertical'.")
        if not 0 <= p <= 1:
            raise ValueError(f"RandomFlip: the probability must be in [0, 1], got {p}.")
        self.p, self.direction, self.flip_idx = p, direction, flip_idx

    def draw(self, rng: Rng, sample: Sample) -> Mapping[str, Any] | None:
        """Decide whether to mirror."""
        if rng.random() >= self.p:
            return None
        h, w = sample.size_hw
        return {"side": w if self.direction == "horizontal" else h}

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the mirrored picture."""
        flipped = geometry.flip_picture(sample.image, self.direction == "horizontal")
        return replace(sample, image=flipped)

    def move_map(self, name: str, sample: Sample, params: Mapping[str, Any]) -> np.ndarray:
        """Return a map mirrored."""
        return geometry.flip_picture(sample.maps[name], self.direction == "horizontal")

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the mirrored objects."""
        order = list(self.flip_idx) if self.flip_idx is not None and len(self.flip_idx) else None
        return geometry.flip_objects(sample, params["side"], self.direction == "horizontal", order)
