"""`LetterBox`: fit a picture into a given shape without distorting it, grey borders around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from ultralytics.data.augment.base import BaseTransform, Labels, SampleTransform, as_labels
from ultralytics.data.augment.rng import GlobalRng, Rng
from ultralytics.data.images.canvas import FILL, painted
from ultralytics.data.sample import MAP_FILLS, Sample
from ultralytics.utils.overrides import bypassed

__all__ = ["LetterBox", "letterbox_image", "letterbox_params"]


def letterbox_params(
    shape_hw: tuple[int, int],
    target_hw: tuple[int, int],
    auto: bool = False,
    stretch: bool = False,
    scaleup: bool = True,
    center: bool = True,
    stride: int = 32,
) -> dict[str, Any]:
    """Work out how a picture is placed.

    Args:
        shape_hw: Size of the picture.
        target_hw: Size wanted.
        auto: Only pad to the next multiple of `stride`.
        stretch: Fill the target, giving up the aspect ratio.
        scaleup: Allow enlarging.
        center: Share the border between both sides; otherwise it is right and below.
        stride: Multiple of the network's stride.

    Returns:
        `ratio` (x, y), `new_unpad` (width, height) of the scaled picture, borders `top`, `bottom`, `left`, `right`, and
        the two shapes given.
    """
    gain = min(target_hw[0] / shape_hw[0], target_hw[1] / shape_hw[1])
    gain = gain if scaleup else min(gain, 1.0)
    # However thin a picture is, a pixel of it remains.
    ratio_xy, resized_wh = (gain, gain), (max(round(shape_hw[1] * gain), 1), max(round(shape_hw[0] * gain), 1))
    spare_w, spare_h = target_hw[1] - resized_wh[0], target_hw[0] - resized_wh[1]
    if auto:
        spare_w, spare_h = spare_w % stride, spare_h % stride
    elif stretch:
        spare_w = spare_h = 0
        resized_wh = (target_hw[1], target_hw[0])
        ratio_xy = (target_hw[1] / shape_hw[1], target_hw[0] / shape_hw[0])
    # A tenth of a pixel sends the odd pixel of a centred border to the right and below.
    left, top = (round(spare / 2 - 0.1) if center else 0 for spare in (spare_w, spare_h))
    return {
        "orig_shape": tuple(shape_hw),
        "new_shape": tuple(target_hw),
        "ratio": ratio_xy,
        "new_unpad": resized_wh,
        "top": top,
        "bottom": spare_h - top,
        "left": left,
        "right": spare_w - left,
    }


def letterbox_image(
    image: np.ndarray, params: Mapping[str, Any], fill: float = FILL, interpolation: int = cv2.INTER_LINEAR
) -> np.ndarray:
    """Place a picture `(H, W, C)` as `params` says; returns a new array unless nothing changes."""
    w, h = params["new_unpad"]
    top, left, bottom, right = (params[side] for side in ("top", "left", "bottom", "right"))
    if image.shape[:2] != (h, w):
        image = cv2.resize(image, (w, h), interpolation=interpolation).reshape(h, w, image.shape[2])
    if not (top or left or bottom or right):
        return image
    picture = np.full((h + top + bottom, w + left + right, image.shape[2]), fill, image.dtype)
    picture[top : top + h, left : left + w] = image
    return picture


def _with_channels(image: np.ndarray) -> np.ndarray:
    """A grey picture `(H, W)` as `(H, W, 1)`."""
    return image[..., None] if image.ndim == 2 else image


class LetterBox(SampleTransform):
    """Fit a picture and its objects into a shape.

    Args:
        new_shape: (height, width), or one number for both.
        auto: Only pad to the next multiple of `stride`.
        scale_fill: Stretch to the shape instead.
        scaleup: Allow enlarging; validation does without, for better figures.
        center: Centre the picture; otherwise it lies top left.
        stride: See `auto`.
        padding_value: Grey level of the border.
        interpolation: OpenCV flag of the resizing.
        scaleFill: Name of `scale_fill` in version 8.1.
    """

    steps = (*SampleTransform.steps, "_update_labels")

    def __init__(
        self,
        new_shape: int | tuple[int, int] = (640, 640),
        auto: bool = False,
        scale_fill: bool = False,
        scaleup: bool = True,
        center: bool = True,
        stride: int = 32,
        padding_value: int = FILL,
        interpolation: int = cv2.INTER_LINEAR,
        *,
        scaleFill: bool | None = None,
    ) -> None:
        self.new_shape = (new_shape, new_shape) if isinstance(new_shape, int) else tuple(new_shape)
        self.auto, self.scale_fill, self.scaleup = auto, scale_fill if scaleFill is None else scaleFill, scaleup
        self.center, self.stride = center, stride
        self.padding_value, self.interpolation = padding_value, interpolation

    @bypassed
    def __call__(self, labels: Labels | None = None, image: np.ndarray | None = None) -> Labels | np.ndarray:
        """Letterbox a label dictionary, or just a picture `(H, W, C)`, which then is what comes back."""
        if image is not None and not labels:
            if self.native:
                return self._place(image, self._params(image.shape[:2], self.new_shape))
            return BaseTransform.__call__(self, {"img": image})["img"]
        labels = dict(labels or {})
        if image is not None:
            labels["img"] = image
        if self.native and "instances" in labels:
            return as_labels(self.run(Sample.from_labels(labels), GlobalRng()))
        return BaseTransform.__call__(self, labels)

    def _params(self, shape_hw: tuple[int, int], target_hw: tuple[int, int]) -> dict[str, Any]:
        return letterbox_params(shape_hw, target_hw, self.auto, self.scale_fill, self.scaleup, self.center, self.stride)

    def _place(self, image: np.ndarray, params: Mapping[str, Any]) -> np.ndarray:
        if image.ndim == 2:
            return letterbox_image(image[..., None], params, self.padding_value, self.interpolation)[..., 0]
        return letterbox_image(image, params, self.padding_value, self.interpolation)

    def draw(self, rng: Rng, sample: Sample) -> dict[str, Any]:
        """Work out the placement; nothing here is random. A `rect_shape` of the sample overrides the shape."""
        target = sample.meta.get("rect_shape")
        return self._params(sample.size_hw, self.new_shape if target is None else tuple(int(side) for side in target))

    def move_image(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the placed picture, with `resized_shape` and `ratio_pad` brought up to date."""
        picture = self._place(sample.pixels(), params)
        meta = {key: value for key, value in sample.meta.items() if key != "rect_shape"}
        meta["resized_shape"] = picture.shape[:2]
        meta = self._with_ratio_pad(meta, params)
        return replace(sample, image=picture, meta=meta, order=None)

    def move_map(self, name: str, sample: Sample, params: Mapping[str, Any]) -> np.ndarray:
        """Return a map placed like the picture; a border says nothing."""
        return letterbox_image(painted(sample.maps[name]), params, MAP_FILLS[name], cv2.INTER_NEAREST_EXACT)

    @staticmethod
    def _with_ratio_pad(about: dict[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """Bring `ratio_pad`, where there is one, up to date in labels or `meta`."""
        gains = about.get("ratio_pad")
        if gains is None:
            return about
        gains = gains[0] if isinstance(gains[0], (tuple, list)) else gains
        ratio_x, ratio_y = params["ratio"]
        return {**about, "ratio_pad": ((gains[0] * ratio_y, gains[1] * ratio_x), (params["left"], params["top"]))}

    def move_objects(self, sample: Sample, params: Mapping[str, Any]) -> Sample:
        """Return the placed objects."""
        factor = np.array(params["ratio"], np.float32)
        shift = np.array([params["left"], params["top"]], np.float32)
        boxes = (sample.boxes.reshape(-1, 2, 2) * factor + shift).reshape(-1, 4)
        segments, keypoints = sample.segments, sample.keypoints
        if segments is not None:
            segments = segments * factor + shift
        if keypoints is not None:
            keypoints = keypoints.copy()
            keypoints[..., :2] = keypoints[..., :2] * factor + shift
        return sample.with_objects(boxes, sample.cls, segments, keypoints)

    # The same over label dictionaries

    @bypassed
    def get_params(self, labels: Labels) -> dict[str, Any]:
        """Work out the placement, as `letterbox_params` gives it."""
        return self.draw(GlobalRng(), Sample(_with_channels(labels["img"]), meta=labels))

    @bypassed
    def apply_image(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with the placed picture and its `resized_shape`."""
        picture = self._place(labels["img"], params)
        kept = {key: value for key, value in labels.items() if key != "rect_shape"}
        return {**kept, "img": picture, "resized_shape": picture.shape[:2]}

    @bypassed
    def apply_instances(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with the placed objects and `ratio_pad`."""
        labels = self._with_ratio_pad(labels, params)
        if "instances" not in labels:
            return labels
        return self._update_labels(labels, params["ratio"], params["left"], params["top"], params["orig_shape"])

    @staticmethod
    @bypassed
    def _update_labels(
        labels: Labels, ratio: tuple[float, float], padw: float, padh: float, orig_shape: tuple[int, int]
    ) -> Labels:
        """Return the labels with their objects as pixel corners in the placed picture.

        Args:
            labels: Labels with `instances`.
            ratio: Gains (x, y).
            padw: Pixels to the right, after scaling.
            padh: Pixels down.
            orig_shape: (height, width) of the picture before.
        """
        instances = labels["instances"][:]  # a copy: the methods below change it
        instances.convert_bbox("xyxy")
        instances.denormalize(*orig_shape[::-1])
        instances.scale(*ratio)
        instances.add_padding(padw, padh)
        return {**labels, "instances": instances}
