"""Box formats, clipping, letterbox scaling and polygon-to-box reduction.

Formats, all with four numbers in the last axis: `xyxy` corners, `xywh` centre and size, `ltwh` left-top corner and
size; a trailing `n` means divided by image width and height. Every function takes numpy arrays or tensors of any
leading shape and returns a new one; the arguments are never changed. Image sizes are `(height, width)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ultralytics.ops.common import Array, as_float, empty_like, make_divisible, stack_last

__all__ = [
    "clip_boxes",
    "clip_coords",
    "empty_like",
    "letterbox_geometry",
    "ltwh2xywh",
    "ltwh2xyxy",
    "make_divisible",
    "resample_segments",
    "scale_boxes",
    "scale_coords",
    "segment2box",
    "segments2boxes",
    "xywh2ltwh",
    "xywh2xyxy",
    "xywhn2xyxy",
    "xyxy2ltwh",
    "xyxy2xywh",
    "xyxy2xywhn",
]

RatioPad = tuple[Sequence[float], Sequence[float]]


# Conversions ----------------------------------------------------------------------------------------------------------
def _columns(x: Array) -> tuple[Array, Array, Array, Array]:
    """Split `(..., 4)` into its four columns as floating-point numbers."""
    if x.shape[-1] != 4:
        raise ValueError(f"a box has 4 numbers in its last axis; got an array of shape {tuple(x.shape)}.")
    x = as_float(x)
    return x[..., 0], x[..., 1], x[..., 2], x[..., 3]


def xyxy2xywh(x: Array) -> Array:
    """Corners `(..., 4)` to centre and size."""
    x1, y1, x2, y2 = _columns(x)
    return stack_last([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


def xywh2xyxy(x: Array) -> Array:
    """Centre and size `(..., 4)` to corners."""
    cx, cy, w, h = _columns(x)
    half_w, half_h = w / 2, h / 2
    return stack_last([cx - half_w, cy - half_h, cx + half_w, cy + half_h])


def xywhn2xyxy(x: Array, w: float = 640, h: float = 640, padw: float = 0, padh: float = 0) -> Array:
    """Normalised centre and size `(..., 4)` to corners in pixels.

    Args:
        x: boxes relative to an image of size `w` times `h`.
        w: image width, px.
        h: image height, px.
        padw: shift of the image inside its canvas to the right, px.
        padh: shift downwards, px.
    """
    x1, y1, x2, y2 = _columns(xywh2xyxy(x))
    return stack_last([w * x1 + padw, h * y1 + padh, w * x2 + padw, h * y2 + padh])


def xyxy2xywhn(x: Array, w: float = 640, h: float = 640, clip: bool = False, eps: float = 0.0) -> Array:
    """Corners in pixels `(..., 4)` to centre and size relative to an image of size `w` times `h`.

    Args:
        x: boxes, px.
        w: image width, px.
        h: image height, px.
        clip: cut the boxes to the image first.
        eps: distance from the right and lower border that clipping keeps, px.
    """
    inside = clip_boxes(x, (h - eps, w - eps)) if clip else x
    cx, cy, bw, bh = _columns(xyxy2xywh(inside))
    return stack_last([cx / w, cy / h, bw / w, bh / h])


def xywh2ltwh(x: Array) -> Array:
    """Centre and size `(..., 4)` to left-top corner and size."""
    cx, cy, w, h = _columns(x)
    return stack_last([cx - w / 2, cy - h / 2, w, h])


def ltwh2xywh(x: Array) -> Array:
    """Left-top corner and size `(..., 4)` to centre and size."""
    left, top, w, h = _columns(x)
    return stack_last([left + w / 2, top + h / 2, w, h])


def xyxy2ltwh(x: Array) -> Array:
    """Corners `(..., 4)` to left-top corner and size."""
    x1, y1, x2, y2 = _columns(x)
    return stack_last([x1, y1, x2 - x1, y2 - y1])


def ltwh2xyxy(x: Array) -> Array:
    """Left-top corner and size `(..., 4)` to corners."""
    left, top, w, h = _columns(x)
    return stack_last([left, top, left + w, top + h])


# Clipping and letterbox scaling ---------------------------------------------------------------------------------------
def _limit(x: Array, upper: float) -> Array:
    return x.clamp(0, upper) if isinstance(x, torch.Tensor) else x.clip(0, upper)


def _limit_columns(x: Array, upper: Sequence[float]) -> Array:
    """Limit the first columns of `x` to 0 .. `upper` and keep the others."""
    columns = [x[..., i] for i in range(x.shape[-1])]
    return stack_last([*map(_limit, columns, upper), *columns[len(upper) :]])


def clip_boxes(boxes: Array, shape: Sequence[float]) -> Array:
    """Return corner boxes `(..., 4 or more)` cut to an image of `shape` (height, width, ...); further columns stay."""
    return _limit_columns(boxes, (shape[1], shape[0]) * 2)


def clip_coords(coords: Array, shape: Sequence[float]) -> Array:
    """Return points `(..., 2 or more)`, x and y first, cut to an image of `shape` (height, width, ...)."""
    return _limit_columns(coords, (shape[1], shape[0]))


def letterbox_geometry(
    input_hw: Sequence[int], image_hw: Sequence[int], ratio_pad: RatioPad | None = None
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return how an image was placed in a letterboxed input.

    The letterbox rounds the resized sides to whole pixels, so that the two axes have slightly different gains. Undoing
    it with one common gain would shift boxes by up to half a pixel.

    Args:
        input_hw: size of the network input.
        image_hw: size of the image before letterboxing.
        ratio_pad: `((gain_y, gain_x), (left, top))` as the loader recorded it; worked out from the sizes when None.

    Returns:
        `(gain_x, gain_y)` input pixels per image pixel, and `(left, top)` border in input pixels.
    """
    if ratio_pad is not None:
        (gain_y, gain_x), (left, top) = ratio_pad[0], ratio_pad[1]
        return (float(gain_x), float(gain_y)), (float(left), float(top))
    gain = min(input_hw[0] / image_hw[0], input_hw[1] / image_hw[1])
    resized_h, resized_w = max(round(image_hw[0] * gain), 1), max(round(image_hw[1] * gain), 1)
    left = round((input_hw[1] - resized_w) / 2 - 0.1)
    top = round((input_hw[0] - resized_h) / 2 - 0.1)
    return (resized_w / image_hw[1], resized_h / image_hw[0]), (left, top)


def scale_boxes(
    img1_shape: Sequence[int],
    boxes: Array,
    img0_shape: Sequence[int],
    ratio_pad: RatioPad | None = None,
    padding: bool = True,
    xywh: bool = False,
) -> Array:
    """Map boxes from a letterboxed input back to the original image.

    Args:
        img1_shape: input size (height, width).
        boxes: `(..., 4)` corners in input pixels, or centre and size with `xywh`. Further columns are kept as they are.
        img0_shape: original size (height, width).
        ratio_pad: see `letterbox_geometry`.
        padding: the input has a border that must be taken off.
        xywh: the boxes are centre and size; such boxes are not clipped.

    Returns:
        New boxes in original pixels; corners are cut to the image.
    """
    boxes = as_float(boxes)
    (gain_x, gain_y), (left, top) = letterbox_geometry(img1_shape, img0_shape, ratio_pad)
    if not padding:
        left = top = 0
    x, y, far_x, far_y = boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]
    if not xywh:
        far_x, far_y = far_x - left, far_y - top
    moved = [(x - left) / gain_x, (y - top) / gain_y, far_x / gain_x, far_y / gain_y]
    if not xywh:
        limits = (img0_shape[1], img0_shape[0]) * 2
        moved = [_limit(value, upper) for value, upper in zip(moved, limits, strict=True)]
    return stack_last([*moved, *(boxes[..., i] for i in range(4, boxes.shape[-1]))])


def scale_coords(
    img1_shape: Sequence[int],
    coords: Array,
    img0_shape: Sequence[int],
    ratio_pad: RatioPad | None = None,
    normalize: bool = False,
    padding: bool = True,
) -> Array:
    """Map points from a letterboxed input back to the original image and cut them to it.

    Args:
        img1_shape: input size (height, width).
        coords: `(..., 2 or more)` x and y in input pixels first; further columns (visibility) are kept as they are.
        img0_shape: original size (height, width).
        ratio_pad: see `letterbox_geometry`.
        normalize: divide by the original width and height.
        padding: the input has a border that must be taken off.
    """
    coords = as_float(coords)
    (gain_x, gain_y), (left, top) = letterbox_geometry(img1_shape, img0_shape, ratio_pad)
    if not padding:
        left = top = 0
    h, w = img0_shape[:2]
    x, y = _limit((coords[..., 0] - left) / gain_x, w), _limit((coords[..., 1] - top) / gain_y, h)
    if normalize:
        x, y = x / w, y / h
    return stack_last([x, y, *(coords[..., i] for i in range(2, coords.shape[-1]))])


# Polygons -------------------------------------------------------------------------------------------------------------
def _clip_half_plane(points: np.ndarray, axis: int, bound: float, keep_below: bool) -> np.ndarray:
    """Cut the closed polygon `points` (P, 2) to one side of an axis-parallel line (Sutherland and Hodgman 1974)."""
    if not len(points):
        return points
    depth = bound - points[:, axis] if keep_below else points[:, axis] - bound  # >= 0 inside
    following, next_depth = np.roll(points, -1, 0), np.roll(depth, -1)
    crosses = (depth >= 0) != (next_depth >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(crosses, depth / (depth - next_depth), 0)[:, None]
    meeting = points + share * (following - points)
    meeting[:, axis] = np.where(crosses, bound, meeting[:, axis])
    # Every vertex is followed by the crossing of the edge that leaves it, where there is one.
    both = np.stack([points, meeting], 1).reshape(-1, 2)
    return both[np.stack([depth >= 0, crosses], 1).reshape(-1)]


def segment2box(segment: np.ndarray, width: int = 640, height: int = 640) -> np.ndarray:
    """Return the corner box `(4,)` of the part of a polygon that lies inside the image, zeros where there is none.

    Args:
        segment: `(P, 2)` polygon in pixels.
        width: image width, px.
        height: image height, px.
    """
    points = np.asarray(segment, dtype=np.float64).reshape(-1, 2)
    for axis, upper in ((0, width), (1, height)):
        points = _clip_half_plane(points, axis, 0.0, keep_below=False)
        points = _clip_half_plane(points, axis, float(upper), keep_below=True)
    out = np.concatenate([points.min(0), points.max(0)]) if len(points) else np.zeros(4)
    return out.astype(np.asarray(segment).dtype if np.asarray(segment).dtype.kind == "f" else np.float32)


def segments2boxes(segments: Sequence[np.ndarray]) -> np.ndarray:
    """Return centre and size `(N, 4)` of the hulls of N polygons `(P, 2)`, zeros for one without points."""
    corners = [np.concatenate([np.min(s, 0), np.max(s, 0)]) if len(s) else np.zeros(4) for s in segments]
    return xyxy2xywh(np.asarray(corners, dtype=np.float32).reshape(-1, 4))


def resample_segments(segments: Sequence[np.ndarray], n: int = 1000) -> list[np.ndarray]:
    """Return every closed polygon with exactly `n` points spread evenly over its vertex numbers.

    Where `n` allows, the original vertices stay among the points, so corners are not cut off. A polygon without points
    gives zeros.

    Args:
        segments: polygons `(P, 2)`; the last point joins the first.
        n: number of points of every result.

    Returns:
        New float32 arrays `(n, 2)`.
    """
    out = []
    for polygon in segments:
        if not len(polygon):
            out.append(np.zeros((n, 2), np.float32))
            continue
        closed = np.concatenate([polygon, polygon[:1]], 0).astype(np.float64)
        knots = np.arange(len(closed))
        spare = n - len(closed)
        even = np.linspace(0, len(closed) - 1, spare if spare >= 0 else n)
        at = np.sort(np.concatenate([even, knots])) if spare >= 0 else even
        out.append(np.stack([np.interp(at, knots, closed[:, i]) for i in range(2)], 1).astype(np.float32))
    return out
