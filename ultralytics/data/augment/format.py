"""`Format`: from a sample to the tensors of a batch item."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch

from ultralytics.data.augment.base import BaseTransform, Labels, SampleTransform
from ultralytics.data.augment.masks import polygons2masks, polygons2masks_overlap
from ultralytics.data.augment.rng import GlobalRng, Rng
from ultralytics.data.images.canvas import painted
from ultralytics.data.labels.instances import Instances
from ultralytics.data.sample import Sample
from ultralytics.ops.rotated import xyxyxyxy2xywhr
from ultralytics.utils.overrides import bypassed

__all__ = ["INTERNAL", "Format", "planes"]

INTERNAL = frozenset({"mix", "ref", "rect_shape"})


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


class Format(SampleTransform):
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

    steps = (*SampleTransform.steps, "_format_img")

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

    @bypassed
    def __call__(self, labels: Labels) -> Labels:
        """Format a label dictionary."""
        if self.native:
            return self.run(Sample.from_labels(labels), GlobalRng())
        item = BaseTransform.__call__(self, dict(labels))
        return {key: value for key, value in item.items() if key not in INTERNAL}

    def draw(self, rng: Rng, sample: Sample) -> dict[str, Any]:
        """Decide on the channel order."""
        return {"rgb": rng.uniform(0, 1) > self.bgr}

    def run(self, sample: Sample, rng: Rng) -> Labels:
        """Return the item of a sample."""
        rgb = self.draw(rng, sample)["rgb"]
        item = {key: value for key, value in sample.meta.items() if key not in INTERNAL}
        item["img"] = torch.from_numpy(planes(painted(sample.image), rgb, sample.order or (0, 1, 2)))
        instances = Instances(sample.boxes, sample.segments, sample.keypoints, "xyxy", normalized=False)
        instances.convert_bbox(self.bbox_format)
        item.update(self._tensors(instances, sample.cls, *sample.size_hw))
        return item

    @bypassed
    def get_params(self, labels: Labels) -> dict[str, Any]:
        """Take the objects out of the labels.

        Returns:
            Height `h` and width `w` of the picture, `instances` in pixels and the format asked for, `cls`, and their
            number `nl`.
        """
        h, w = labels["img"].shape[:2]
        instances = labels.pop("instances")[:]  # a copy: the methods below change it
        instances.convert_bbox(self.bbox_format)
        instances.denormalize(w, h)
        return {"h": h, "w": w, "cls": labels.pop("cls"), "instances": instances, "nl": len(instances)}

    @bypassed
    def apply_image(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with `img` as a tensor `(C, H, W)`."""
        return {**labels, "img": self._format_img(labels["img"])}

    @bypassed
    def apply_instances(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels with the tensors that are made of the objects."""
        return {**labels, **self._tensors(params["instances"], params["cls"], params["h"], params["w"])}

    @bypassed
    def _format_img(self, img: np.ndarray) -> torch.Tensor:
        """Return a picture `(H, W, C)` or `(H, W)` as a tensor `(C, H, W)`, in RGB order unless `bgr` hits."""
        image = img[..., None] if img.ndim == 2 else img
        return torch.from_numpy(planes(image, GlobalRng().uniform(0, 1) > self.bgr))

    def _tensors(self, instances: Instances, cls: np.ndarray, h: int, w: int) -> dict[str, torch.Tensor]:
        """The tensors of N objects, which are in pixels and in the format asked for."""
        item: dict[str, torch.Tensor] = {}
        if self.return_mask:
            masks, instances, cls = self._format_segments(instances, cls, w, h)
            item["masks"] = torch.from_numpy(masks)
            item["sem_masks"] = torch.from_numpy(self._classes_seen(masks, cls))
        item["cls"] = torch.from_numpy(np.ascontiguousarray(cls, np.float32))
        item["bboxes"] = torch.from_numpy(self._boxes(instances, h, w))
        if self.return_keypoint:
            item["keypoints"] = torch.from_numpy(self._keypoints(instances, h, w))
        if self.batch_idx:
            item["batch_idx"] = torch.zeros(len(instances))
        return item

    def _boxes(self, instances: Instances, h: int, w: int) -> np.ndarray:
        if self.return_obb:
            polygons = instances.segments
            boxes = xyxyxyxy2xywhr(polygons) if len(polygons) else np.zeros((0, 5), np.float32)
        else:
            boxes = instances.bboxes.astype(np.float32)
        if self.normalize:
            boxes[:, :4] /= np.array([w, h, w, h], np.float32)
        return boxes

    def _keypoints(self, instances: Instances, h: int, w: int) -> np.ndarray:
        if instances.keypoints is None:
            return np.zeros((0, 3), np.float32)
        keypoints = instances.keypoints.astype(np.float32)
        if self.normalize:
            keypoints[..., :2] /= np.array([w, h], np.float32)
        return keypoints

    def _format_segments(
        self, instances: Instances, cls: np.ndarray, w: int, h: int
    ) -> tuple[np.ndarray, Instances, np.ndarray]:
        """Return the masks of N objects, and the objects and their classes in the order of the masks.

        The masks are one index map `(1, h, w)` with `mask_overlap`, largest object first, else `(N, h, w)`, at the size
        of the picture divided by `mask_ratio`.
        """
        polygons = instances.segments
        if not self.mask_overlap:
            return polygons2masks((h, w), polygons, 1, self.mask_ratio), instances, cls
        index_map, largest_first = polygons2masks_overlap((h, w), polygons, self.mask_ratio)
        if len(polygons):
            instances, cls = instances[largest_first], cls[largest_first]
        return index_map[None], instances, cls

    def _classes_seen(self, masks: np.ndarray, cls: np.ndarray) -> np.ndarray:
        """The class `(h, w)` of the object in front, 0 for background."""
        if self.mask_overlap:
            front = masks[0].astype(np.int64) - 1  # -1 for background
        else:
            ranks = np.arange(1, len(masks) + 1)[:, None, None]
            front = (masks * ranks).max(axis=0, initial=0) - 1
        return np.append(cls[:, 0], 0).astype(np.float32)[front]  # -1 picks the appended 0
