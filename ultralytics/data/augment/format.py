"""`Format`: from a sample to the tensors of a batch item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch

from ultralytics.data.augment.base import Labels, SampleTransform
from ultralytics.data.augment.masks import polygons2masks, polygons2masks_overlap
from ultralytics.data.augment.rng import GlobalRng, Rng
from ultralytics.data.images.canvas import painted
from ultralytics.data.labels.instances import convert_boxes
from ultralytics.data.sample import Sample
from ultralytics.ops.rotated import xyxyxyxy2xywhr

__all__ = ["Format", "planes"]

_INTERNAL = ("mix", "ref", "rect_shape")


def planes(image: np.ndarray, rgb: bool, order: tuple[int, int, int] = (0, 1, 2)) -> np.ndarray:
    """Lay a picture out by channel.

    Args:
        image: `(H, W, C)`.
        rgb: Put red first (three channels only).
        order: Where blue, green and red lie among the channels of `image`.

    Returns:
        A new `(C, H, W)` array.
    """
    h, w, channels = image.shape
    if channels != 3:
        return np.ascontiguousarray(image.transpose(2, 0, 1))
    result = np.empty((3, h, w), image.dtype)
    target: list[np.ndarray] = [result] * 3
    for colour, place in enumerate(order):
        target[place] = result[2 - colour if rgb else colour]
    cv2.split(image, target)
    return result


class Format(SampleTransform, native=True):
    """Turn a sample into tensors: `img`, `cls`, `bboxes`, and on request masks, keypoints and rotated boxes.

    Args:
        bbox_format: "xywh", "xyxy" or "ltwh".
        normalize: Coordinates as fractions of the sides.
        return_mask: Add `masks` and `sem_masks`.
        return_keypoint: Add `keypoints`.
        return_obb: `bboxes` are rotated boxes (x, y, w, h, angle in radians), fitted to the polygons in pixels.
        mask_ratio: Masks are smaller than the picture by this.
        mask_overlap: One index map `(1, h, w)` rather than a mask per object `(N, h, w)`.
        batch_idx: Add `batch_idx`, zeros, for collation.
        bgr: Probability that the picture stays in BGR order.
    """

    def __init__(
        self,
        bbox_format: str = "xywh",
        normalize: bool = True,
        return_mask: bool = False,
        return_keypoint: bool = False,
        return_obb: bool = False,
        mask_ratio: int = 4,
        mask_overlap: bool = True,
        batch_idx: bool = True,
        bgr: float = 0.0,
    ) -> None:
        self.bbox_format, self.normalize = bbox_format, normalize
        self.return_mask, self.return_keypoint, self.return_obb = return_mask, return_keypoint, return_obb
        self.mask_ratio, self.mask_overlap, self.batch_idx, self.bgr = mask_ratio, mask_overlap, batch_idx, bgr

    def __call__(self, labels: Labels) -> Labels:
        """Format a label dictionary."""
        if self.native:
            return self.run(Sample.from_labels(labels), GlobalRng())
        params = self.get_params(labels)
        return self.apply_instances(self.apply_image(labels, params), params)

    def draw(self, rng: Rng, sample: Sample) -> dict[str, Any]:
        """Decide on the channel order, and note the size for the objects."""
        h, w = sample.size_hw
        return {"h": h, "w": w, "rgb": rng.uniform(0, 1) > self.bgr}

    def run(self, sample: Sample, rng: Rng) -> Labels:
        """Return the item of a sample."""
        params = self.draw(rng, sample)
        item = {key: value for key, value in sample.meta.items() if key not in _INTERNAL}
        item["img"] = self._picture(sample, params["rgb"])
        item.update(self._objects(sample, params["h"], params["w"]))
        return item

    def apply_image(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with `img` as a tensor `(C, H, W)`."""
        params = self.get_params(labels) if params is None else params
        return {**labels, "img": self._picture(Sample.from_labels(labels), params["rgb"])}

    def apply_instances(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with `instances` and `cls` replaced by the tensors made of them."""
        image = np.empty((params["h"], params["w"], 0), np.uint8)
        tensors = self._objects(Sample.from_labels({**labels, "img": image}), params["h"], params["w"])
        kept = {key: value for key, value in labels.items() if key not in (*_INTERNAL, "instances", "cls")}
        return {**kept, **tensors}

    def _picture(self, sample: Sample, rgb: bool) -> torch.Tensor:
        return torch.from_numpy(planes(painted(sample.image), rgb, sample.order or (0, 1, 2)))

    def _objects(self, sample: Sample, h: int, w: int) -> dict[str, torch.Tensor]:
        """The tensors of N objects."""
        item: dict[str, torch.Tensor] = {}
        if self.return_mask:
            sample, masks = self._masks(sample, h, w)
            item.update(masks)
        item["cls"] = torch.from_numpy(np.ascontiguousarray(sample.cls, np.float32))
        item["bboxes"] = torch.from_numpy(self._boxes(sample, h, w))
        if self.return_keypoint:
            item["keypoints"] = torch.from_numpy(self._keypoints(sample, h, w))
        if self.batch_idx:
            item["batch_idx"] = torch.zeros(len(sample))
        return item

    def _boxes(self, sample: Sample, h: int, w: int) -> np.ndarray:
        if self.return_obb:
            empty = sample.segments is None or not len(sample)
            boxes = np.zeros((0, 5), np.float32) if empty else xyxyxyxy2xywhr(sample.segments)
        else:
            boxes = convert_boxes(sample.boxes, "xyxy", self.bbox_format)
        if self.normalize:
            boxes[:, :4] /= np.array([w, h, w, h], np.float32)
        return boxes

    def _keypoints(self, sample: Sample, h: int, w: int) -> np.ndarray:
        if sample.keypoints is None:
            return np.zeros((0, 3), np.float32)
        keypoints = sample.keypoints.astype(np.float32)
        if self.normalize:
            keypoints[..., :2] /= np.array([w, h], np.float32)
        return keypoints

    def _masks(self, sample: Sample, h: int, w: int) -> tuple[Sample, Mapping[str, torch.Tensor]]:
        """The masks, and the sample with its objects in their order."""
        polygons = sample.segments if sample.segments is not None else np.zeros((0, 0, 2), np.float32)
        if self.mask_overlap:
            index_map, largest_first = polygons2masks_overlap((h, w), polygons, self.mask_ratio)
            sample = sample.take(largest_first) if len(polygons) else sample
            masks = index_map[None]
            front = index_map.astype(np.int64) - 1  # the visible object, -1 for background
        else:
            masks = polygons2masks((h, w), polygons, 1, self.mask_ratio)
            ranks = np.arange(1, len(masks) + 1)[:, None, None]
            front = (masks * ranks).max(axis=0, initial=0) - 1
        classes = np.append(sample.cls[:, 0], 0).astype(np.float32)  # -1 picks the appended 0
        return sample, {"masks": torch.from_numpy(masks), "sem_masks": torch.from_numpy(classes[front])}
