"""One training sample inside the package, and its conversion from and to the public label dictionary.

A `Sample` is never changed: transforms return new ones. Boxes are always corners in pixels, so no transform has to ask
for the format. The picture may be one that is not painted yet, and so may its maps: targets with a value for every
pixel, which every step moves like the picture, by nearest pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from ultralytics.data.images.canvas import Picture, painted
from ultralytics.data.labels.instances import Instances, convert_boxes
from ultralytics.data.labels.outlines import Outlines
from ultralytics.data.labels.polygons import resample_polygons

__all__ = ["MAP_FILLS", "Sample", "join"]

MAP_FILLS: dict[str, float] = {"semantic_mask": 255, "depth": 0}
"""Maps by their key in label dictionaries, and the value of pixels that no picture covers: those say nothing."""

_NO_BOXES = np.zeros((0, 4), np.float32)
_NO_CLASSES = np.zeros((0, 1), np.float32)


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture with its objects; N objects, P polygon points, K keypoints.

    Args:
        image: `(H, W, C)` uint8 in BGR order, or a picture still to be painted.
        boxes: `(N, 4)` float32, corners x1, y1, x2, y2 in pixels.
        cls: `(N, 1)` float32 class indices.
        segments: `(N, P, 2)` float32 polygons in pixels, or outlines, which detection has, or None.
        keypoints: `(N, K, 2 or 3)` float32 x, y (pixels) and visibility, or None.
        meta: Everything else of the label dictionary: `im_file`, `ori_shape`, `resized_shape`, `ratio_pad` ...
        order: Where blue, green and red lie among the channels of `image`; None stands for (0, 1, 2). Turning the
            hue by thirds is done here, without touching pixels.
        maps: Targets `(H, W, 1)` of every pixel by name, see `MAP_FILLS`, or None.
    """

    image: Picture
    boxes: np.ndarray = field(default_factory=_NO_BOXES.copy)
    cls: np.ndarray = field(default_factory=_NO_CLASSES.copy)
    segments: np.ndarray | Outlines | None = None
    keypoints: np.ndarray | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    order: tuple[int, int, int] | None = None
    maps: Mapping[str, Picture] | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the picture."""
        image = self.image
        return image.shape[:2] if isinstance(image, np.ndarray) else image.size_hw

    def pixels(self) -> np.ndarray:
        """The picture `(H, W, C)` in BGR order, painted if it was not yet."""
        image = painted(self.image)
        if self.order is None:
            return image
        planes = cv2.split(image)
        return cv2.merge([planes[i] for i in self.order])

    def with_image(self, image: Picture) -> Sample:
        """The same objects on another picture in BGR order."""
        return Sample(image, self.boxes, self.cls, self.segments, self.keypoints, self.meta, None, self.maps)

    def with_maps(self, maps: Mapping[str, Picture] | None) -> Sample:
        """The same picture with other maps."""
        return Sample(
            self.image, self.boxes, self.cls, self.segments, self.keypoints, self.meta, self.order, maps or None
        )

    def with_meta(self, **changes: Any) -> Sample:
        """The same sample with some entries of `meta` replaced."""
        meta = {**self.meta, **changes}
        return Sample(self.image, self.boxes, self.cls, self.segments, self.keypoints, meta, self.order, self.maps)

    def with_objects(
        self, boxes: np.ndarray, cls: np.ndarray, segments: np.ndarray | Outlines | None, keypoints: np.ndarray | None
    ) -> Sample:
        """The same picture with other objects."""
        return Sample(self.image, boxes, cls, segments, keypoints, self.meta, self.order, self.maps)

    def take(self, index: np.ndarray) -> Sample:
        """The same picture with the objects that `index` (mask or positions) selects."""
        return self.with_objects(
            self.boxes[index],
            self.cls[index],
            None if self.segments is None else self.segments[index],
            None if self.keypoints is None else self.keypoints[index],
        )

    @classmethod
    def from_labels(cls, labels: Mapping[str, Any]) -> Sample:
        """Read a public label dictionary (`img`, `cls`, `instances`, maps and whatever else), which stays as it is."""
        meta = dict(labels)
        image = meta.pop("img")
        maps = {name: meta.pop(name)[..., None] for name in MAP_FILLS if _is_map(meta.get(name))} or None
        if image.ndim == 2:
            image = image[..., None]
        instances: Instances | None = meta.pop("instances", None)
        classes = meta.pop("cls", None)
        if instances is None:
            return cls(image, meta=meta, maps=maps)
        h, w = image.shape[:2]
        side = np.array([w, h], np.float32)
        boxes = convert_boxes(instances.bboxes.astype(np.float32, copy=False), instances._bboxes.format, "xyxy")
        segments = instances.held_segments if len(instances.held_segments) else None
        keypoints = instances.keypoints
        if instances.normalized:
            boxes *= np.array([w, h, w, h], np.float32)
            segments = segments * side if segments is not None else None
            if keypoints is not None:
                keypoints = keypoints.copy()
                keypoints[..., :2] *= side
        column = _NO_CLASSES if classes is None else np.asarray(classes, np.float32).reshape(-1, 1)
        return cls(image, boxes, column, segments, keypoints, meta, None, maps)

    def to_labels(self) -> dict[str, Any]:
        """The public label dictionary, with a painted picture and pixel corner boxes."""
        instances = Instances(self.boxes, self.segments, self.keypoints, bbox_format="xyxy", normalized=False)
        maps = {name: painted(one)[..., 0] for name, one in (self.maps or {}).items()}
        return {**self.meta, **maps, "img": self.pixels(), "cls": self.cls, "instances": instances}


def _is_map(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 2


def join(samples: Sequence[Sample], image: Picture, meta: Mapping[str, Any]) -> Sample:
    """The objects of several samples, in order, on one picture."""

    def cat(parts: list[np.ndarray]) -> np.ndarray:
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    parts = [s for s in samples if len(s)] or list(samples[:1])
    points = [s.keypoints for s in parts]
    return Sample(
        image,
        cat([s.boxes for s in parts]),
        cat([s.cls for s in parts]),
        _join_segments(parts),
        None if any(p is None for p in points) else cat(points),
        meta,
    )


def _join_segments(samples: Sequence[Sample]) -> np.ndarray | Outlines | None:
    """The polygons of several samples. Among outlines, objects that have boxes only count as rectangles."""
    polygons = [s.segments for s in samples if s.segments is not None]
    if any(isinstance(part, Outlines) for part in polygons):
        return Outlines.join([_outlines(sample) for sample in samples])
    if len(polygons) < len(samples):
        return None
    longest = max(part.shape[1] for part in polygons)
    same = [part if part.shape[1] == longest else resample_polygons(part, longest) for part in polygons]
    return same[0] if len(same) == 1 else np.concatenate(same)


def _outlines(sample: Sample) -> Outlines:
    if isinstance(sample.segments, Outlines):
        return sample.segments
    return Outlines.pack([()] * len(sample) if sample.segments is None else sample.segments, sample.boxes)
