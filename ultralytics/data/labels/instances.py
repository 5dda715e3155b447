"""Boxes, polygons and keypoints of one image, as the public label dictionaries carry them.

`Bboxes` and `Instances` change their own state (that is their public contract), but never the arrays they were given:
every change binds a new array. Inside the package `ultralytics.data.sample.Sample` is used instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number

import numpy as np

from ultralytics.data.labels.outlines import Outlines
from ultralytics.data.labels.polygons import refit_rotated, resample_polygons

__all__ = ["Bboxes", "Instances", "clip_keypoints", "convert_boxes"]

# Every box format is a linear image of xyxy, so a conversion is one (N, 4) @ (4, 4) product.
_FROM_XYXY: dict[str, np.ndarray] = {
    "xyxy": np.eye(4, dtype=np.float32),
    "xywh": np.array([[0.5, 0, -1, 0], [0, 0.5, 0, -1], [0.5, 0, 1, 0], [0, 0.5, 0, 1]], dtype=np.float32),
    "ltwh": np.array([[1, 0, -1, 0], [0, 1, 0, -1], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float32),
}
FORMATS = tuple(_FROM_XYXY)
_CONVERSIONS: dict[tuple[str, str], np.ndarray] = {
    (source, target): np.linalg.inv(_FROM_XYXY[source]) @ matrix
    for source in FORMATS
    for target, matrix in _FROM_XYXY.items()
}


def _checked_format(name: str) -> str:
    if name not in _FROM_XYXY:
        raise ValueError(f"Unknown box format {name!r}; use one of {', '.join(FORMATS)}.")
    return name


def convert_boxes(boxes: np.ndarray, source: str, target: str) -> np.ndarray:
    """Convert boxes `(N, 4)` between "xyxy", "xywh" (centre) and "ltwh" (top-left corner); returns a new array.

    Raises:
        ValueError: A format is unknown.
    """
    if source == target:
        _checked_format(source)
        return boxes.copy()
    matrix = _CONVERSIONS.get((source, target))
    if matrix is None:
        _checked_format(source)
        _checked_format(target)
    boxes = boxes if boxes.dtype.kind == "f" else boxes.astype(np.float32)
    return boxes @ matrix.astype(boxes.dtype, copy=False)


def _per_column(value: float | Sequence[float] | np.ndarray, what: str) -> np.ndarray:
    """Four numbers from one number or from four."""
    if isinstance(value, Number):
        return np.full(4, value, dtype=np.float32)
    columns = np.asarray(value, dtype=np.float32)
    if columns.shape != (4,):
        raise ValueError(f"{what} must be one number or four, got shape {columns.shape}.")
    return columns


class Bboxes:
    """Boxes `(N, 4)` that know their format.

    Args:
        bboxes: `(N, 4)` or `(4,)` array.
        format: "xyxy", "xywh" (centre) or "ltwh".

    Raises:
        ValueError: The format is unknown or the array does not hold rows of four.
    """

    def __init__(self, bboxes: np.ndarray, format: str = "xyxy") -> None:
        bboxes = np.asarray(bboxes)
        bboxes = bboxes[None] if bboxes.ndim == 1 else bboxes
        if bboxes.ndim != 2 or bboxes.shape[1] != 4:
            raise ValueError(f"Boxes must have shape (N, 4), got {bboxes.shape}.")
        self.bboxes = bboxes
        self.format = _checked_format(format)

    def convert(self, format: str) -> None:
        """Change the format, in place."""
        if _checked_format(format) != self.format:
            self.bboxes = convert_boxes(self.bboxes, self.format, format)
            self.format = format

    def areas(self) -> np.ndarray:
        """Return the areas `(N,)`."""
        boxes = self.bboxes
        sides = boxes[:, 2:] - boxes[:, :2] if self.format == "xyxy" else boxes[:, 2:]
        return sides[:, 0] * sides[:, 1]

    def mul(self, scale: float | Sequence[float]) -> None:
        """Multiply the four columns by one factor or by four."""
        self.bboxes = self.bboxes * _per_column(scale, "scale")

    def add(self, offset: float | Sequence[float]) -> None:
        """Add one number or four to the columns."""
        self.bboxes = self.bboxes + _per_column(offset, "offset")

    def __len__(self) -> int:
        return len(self.bboxes)

    def __repr__(self) -> str:
        return f"Bboxes({len(self)} x {self.format})"

    def __getitem__(self, index: int | slice | np.ndarray) -> Bboxes:
        rows = self.bboxes[index]
        return Bboxes(rows.reshape(-1, 4), self.format)

    @classmethod
    def concatenate(cls, boxes_list: Sequence[Bboxes], axis: int = 0) -> Bboxes:
        """Join several; all must share one format.

        Raises:
            ValueError: The formats differ.
        """
        if not boxes_list:
            return cls(np.zeros((0, 4), np.float32))
        formats = {boxes.format for boxes in boxes_list}
        if len(formats) > 1:
            raise ValueError(f"Cannot join boxes of different formats: {', '.join(sorted(formats))}.")
        return cls(np.concatenate([boxes.bboxes for boxes in boxes_list], axis=axis), boxes_list[0].format)


def clip_keypoints(keypoints: np.ndarray, w: float, h: float) -> np.ndarray:
    """Clamp keypoints `(N, K, 2 or 3)` to the image; those outside get visibility 0."""
    result = keypoints.copy()
    limits = np.array([w, h], dtype=np.float32)
    xy = keypoints[..., :2]
    if keypoints.shape[-1] == 3:
        result[..., 2][((xy < 0) | (xy > limits)).any(axis=-1)] = 0
    result[..., :2] = np.clip(xy, 0, limits)
    return result


class Instances:
    """Boxes, polygons and keypoints of the objects of one image, kept in step.

    Args:
        bboxes: `(N, 4)` boxes.
        segments: `(N, P, 2)` polygons, all resampled to P points, or outlines; None or empty without polygons.
        keypoints: `(N, K, 3)` (x, y, visibility) or `(N, K, 2)`; None without keypoints.
        bbox_format: "xyxy", "xywh" or "ltwh".
        normalized: Whether coordinates are fractions of the image sides.
    """

    def __init__(
        self,
        bboxes: np.ndarray,
        segments: np.ndarray | Outlines | None = None,
        keypoints: np.ndarray | None = None,
        bbox_format: str = "xywh",
        normalized: bool = True,
    ) -> None:
        self._bboxes = Bboxes(bboxes, bbox_format)
        self.keypoints = keypoints
        self.normalized = normalized
        if segments is None or len(segments) == 0:
            shape = getattr(segments, "shape", ())
            segments = segments if len(shape) == 3 else np.zeros((0, 0, 2), np.float32)
        self.held_segments = segments if isinstance(segments, Outlines) else np.asarray(segments)

    @property
    def segments(self) -> np.ndarray:
        """Polygons `(N, P, 2)`; outlines become such an array when they are asked for."""
        if isinstance(self.held_segments, Outlines):
            self.held_segments = self.held_segments.dense()
        return self.held_segments

    @segments.setter
    def segments(self, value: np.ndarray) -> None:
        self.held_segments = value

    @property
    def bboxes(self) -> np.ndarray:
        """Boxes `(N, 4)` in the current format."""
        return self._bboxes.bboxes

    @property
    def bbox_areas(self) -> np.ndarray:
        """Box areas `(N,)`; asking does not change the format."""
        return self._bboxes.areas()

    def __len__(self) -> int:
        return len(self.bboxes)

    def __repr__(self) -> str:
        points = None if self.keypoints is None else self.keypoints.shape
        kind = "normalized" if self.normalized else "pixels"
        return f"Instances({self._bboxes!r}, segments={self.segments.shape}, keypoints={points}, {kind})"

    def convert_bbox(self, format: str) -> None:
        """Change the box format, in place."""
        self._bboxes.convert(format)

    def scale(self, scale_w: float, scale_h: float, bbox_only: bool = False) -> None:
        """Multiply x by `scale_w` and y by `scale_h`; polygons and keypoints stay when `bbox_only`."""
        self._bboxes.mul((scale_w, scale_h, scale_w, scale_h))
        if not bbox_only:
            self._move((scale_w, scale_h), (0.0, 0.0))

    def denormalize(self, w: float, h: float) -> None:
        """Turn fractions into pixels of a `w` x `h` image; nothing happens on pixels."""
        if self.normalized:
            self.scale(w, h)
            self.normalized = False

    def normalize(self, w: float, h: float) -> None:
        """Turn pixels of a `w` x `h` image into fractions; nothing happens on fractions."""
        if not self.normalized:
            self.scale(1 / w, 1 / h)
            self.normalized = True

    def add_padding(self, padw: float, padh: float) -> None:
        """Shift everything by (`padw`, `padh`) pixels.

        Raises:
            ValueError: The coordinates are normalized.
        """
        if self.normalized:
            raise ValueError("Padding is given in pixels: call denormalize(w, h) first.")
        sized = self._bboxes.format != "xyxy"
        self._bboxes.add((padw, padh, 0, 0) if sized else (padw, padh, padw, padh))
        self._move((1.0, 1.0), (padw, padh))

    def flipud(self, h: float) -> None:
        """Mirror top and bottom of an image of height `h` (1 when normalized)."""
        self._mirror(1, h)

    def fliplr(self, w: float) -> None:
        """Mirror left and right of an image of width `w` (1 when normalized)."""
        self._mirror(0, w)

    def clip(self, w: float, h: float, preserve_obb: bool = False) -> None:
        """Cut everything to [0, w] x [0, h]; keypoints outside lose their visibility.

        Args:
            w: Image width, 1 when normalized.
            h: Image height, 1 when normalized.
            preserve_obb: Polygons are rotated boxes. One that crosses the border becomes the rectangle of the same
                angle around its visible part; its points are not clamped one by one.
        """
        form = self._bboxes.format
        limits = np.array([w, h, w, h], dtype=np.float32)
        boxes = np.clip(convert_boxes(self.bboxes, form, "xyxy"), 0, limits)
        if preserve_obb and len(self.segments):
            self.segments, boxes = refit_rotated(self.segments, boxes, (h, w))
        elif len(self.segments):
            self.segments = np.clip(self.segments, 0, limits[:2])
        self._bboxes = Bboxes(convert_boxes(boxes, "xyxy", form), form)
        if self.keypoints is not None:
            self.keypoints = clip_keypoints(self.keypoints, w, h)

    def remove_zero_area_boxes(self) -> np.ndarray:
        """Drop objects whose box has no area; returns the mask `(N,)` of those kept."""
        good = self.bbox_areas > 0
        if not good.all():
            kept = self[good]
            self._bboxes, self.segments, self.keypoints = kept._bboxes, kept.segments, kept.keypoints
        return good

    def update(
        self, bboxes: np.ndarray, segments: np.ndarray | None = None, keypoints: np.ndarray | None = None
    ) -> None:
        """Replace the boxes, and polygons or keypoints where given."""
        self._bboxes = Bboxes(bboxes, self._bboxes.format)
        self.segments = self.segments if segments is None else segments
        self.keypoints = self.keypoints if keypoints is None else keypoints

    def __getitem__(self, index: int | slice | list[int] | np.ndarray) -> Instances:
        def rows(array: np.ndarray) -> np.ndarray:
            taken = array[index]
            return taken[None] if taken.ndim < array.ndim else taken

        return Instances(
            rows(self.bboxes),
            rows(self.segments) if len(self.segments) else self.segments,
            None if self.keypoints is None else rows(self.keypoints),
            self._bboxes.format,
            self.normalized,
        )

    @classmethod
    def concatenate(cls, instances_list: Sequence[Instances], axis: int = 0) -> Instances:
        """Join the objects of several; polygons are resampled to the longest.

        Raises:
            ValueError: Box formats, normalization or the presence of keypoints differ.
        """
        if not instances_list:
            return cls(np.zeros((0, 4), np.float32))
        first = instances_list[0]
        if len(instances_list) == 1:
            return first
        if len({item.normalized for item in instances_list}) > 1:
            raise ValueError("Cannot join normalized and pixel coordinates.")
        if len({item.keypoints is None for item in instances_list}) > 1:
            raise ValueError("Cannot join objects with keypoints and objects without.")
        polygons = [item.segments for item in instances_list if len(item.segments)]
        points = max((p.shape[1] for p in polygons), default=0)
        boxes = Bboxes.concatenate([item._bboxes for item in instances_list], axis=axis)
        return cls(
            boxes.bboxes,
            np.concatenate([resample_polygons(p, points) for p in polygons], axis=axis) if polygons else first.segments,
            None if first.keypoints is None else np.concatenate([i.keypoints for i in instances_list], axis=axis),
            boxes.format,
            first.normalized,
        )

    def _move(self, factor: tuple[float, float], shift: tuple[float, float]) -> None:
        """Apply `factor * xy + shift` to polygons and keypoints."""
        factor_xy, shift_xy = np.asarray(factor, np.float32), np.asarray(shift, np.float32)
        self.segments = self.segments * factor_xy + shift_xy
        if self.keypoints is not None:
            keypoints = self.keypoints.copy()
            keypoints[..., :2] = keypoints[..., :2] * factor_xy + shift_xy
            self.keypoints = keypoints

    def _mirror(self, axis: int, side: float) -> None:
        """Mirror one axis of an image whose side along it is `side`."""
        boxes = self.bboxes.copy()
        if self._bboxes.format == "xyxy":
            boxes[:, axis], boxes[:, axis + 2] = side - self.bboxes[:, axis + 2], side - self.bboxes[:, axis]
        else:
            size = self.bboxes[:, axis + 2] if self._bboxes.format == "ltwh" else 0
            boxes[:, axis] = side - self.bboxes[:, axis] - size
        self._bboxes = Bboxes(boxes, self._bboxes.format)
        signs, shifts = np.ones(2), np.zeros(2)
        signs[axis], shifts[axis] = -1, side
        self._move(tuple(signs), tuple(shifts))
