"""Moving pictures and their objects: affine and projective maps, mirroring, visibility.

Pure functions. Matrices are 3 x 3 and map source pixels to target pixels, sizes are (h, w), boxes are pixel corners.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from ultralytics.data.images.canvas import FILL, Canvas, Picture, Scaled, painted
from ultralytics.data.labels.outlines import Outlines
from ultralytics.data.labels.polygons import clipped_bounds, refit_rotated
from ultralytics.data.sample import Sample

__all__ = [
    "GridMap",
    "affine_matrix",
    "flip_objects",
    "flip_picture",
    "grid_map",
    "map_boxes",
    "map_keypoints",
    "map_points",
    "map_polygons",
    "scaled",
    "survivors",
    "warp_picture",
]


def affine_matrix(
    source_hw: tuple[int, int],
    perspective: tuple[float, float],
    degrees: float,
    scale: float,
    shear_degrees: tuple[float, float],
    position: tuple[float, float],
) -> np.ndarray:
    """Compose T S R P C: centre, perspective, rotation with scale, shear, placement.

    Args:
        source_hw: Size of the picture, whose centre goes to `position`.
        perspective: Entries (x, y) of the last row.
        degrees: Rotation, counter-clockwise.
        scale: Factor of both axes.
        shear_degrees: Angles of the shear along x and along y.
        position: (x, y) of the picture's centre in the target, pixels.

    Returns:
        `(3, 3)` float64.
    """
    centre = np.array([[1, 0, -source_hw[1] / 2], [0, 1, -source_hw[0] / 2], [perspective[0], perspective[1], 1]])
    centre[2, 2] += perspective[0] * centre[0, 2] + perspective[1] * centre[1, 2]
    cos, sin = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    tan_x, tan_y = (math.tan(math.radians(angle)) for angle in shear_degrees)
    # Shear times rotation, written out; the placement adds `position` times the last coordinate.
    linear = np.array(
        [[cos - tan_x * sin, sin + tan_x * cos, 0.0], [tan_y * cos - sin, tan_y * sin + cos, 0.0], [0, 0, 1.0]]
    )
    linear[:2, 2] = position
    return linear @ centre


@dataclass(frozen=True, slots=True)
class GridMap:
    """A scaling whose sampling points coincide with those of `cv2.resize`, several times faster than a warp.

    Source rows and columns from `start` up to `stop` fill the target from `first` on; all pairs are (y, x).
    """

    scale: float
    start: tuple[int, int]
    stop: tuple[int, int]
    first: tuple[int, int]

    def matrix(self) -> np.ndarray:
        """The `(3, 3)` map: pixel j of the target shows source position (j - first + 1/2) / scale + start - 1/2."""
        s = self.scale
        shift = [first - 0.5 + 0.5 * s - start * s for first, start in zip(self.first, self.start, strict=True)]
        return np.array([[s, 0.0, shift[1]], [0.0, s, shift[0]], [0.0, 0.0, 1.0]])


def grid_map(matrix: np.ndarray, source_hw: tuple[int, int], target_hw: tuple[int, int]) -> GridMap | None:
    """The grid map nearest to `matrix`, at most half a pixel (of the coarser grid) away from it.

    Returns None when the matrix does more than scale and shift, or when it shows nothing of the source.
    """
    scale = float(matrix[0, 0])
    if scale <= 0 or scale != matrix[1, 1] or matrix[0, 1] or matrix[1, 0] or matrix[2, 0] or matrix[2, 1]:
        return None
    shift_yx = float(matrix[1, 2]), float(matrix[0, 2])
    grid = _fit_grid(scale, shift_yx, source_hw, target_hw)
    if grid is None or scale == 1:
        return grid
    sides = [stop - start for start, stop in zip(grid.start, grid.stop, strict=True)]
    if all(round(side * scale) == side for side in sides):
        # So near to 1 that `cv2.resize` copies: make it 1, keeping the middle of what is seen where it is.
        spans = zip(grid.first, sides, target_hw, shift_yx, strict=True)
        middles = [((first + min(first + side, target)) / 2, shift) for first, side, target, shift in spans]
        kept = [middle - (middle - shift) / scale for middle, shift in middles]
        return _fit_grid(1.0, (kept[0], kept[1]), source_hw, target_hw)
    return grid


def _fit_grid(
    scale: float, shift_yx: tuple[float, float], source_hw: tuple[int, int], target_hw: tuple[int, int]
) -> GridMap | None:
    """The grid map of a scale whose shift is nearest to the one given; None when it shows nothing."""
    axes = []
    for shift, source, target in zip(shift_yx, source_hw, target_hw, strict=True):
        lead = shift + 0.5 - 0.5 * scale
        first, start = (round(lead), 0) if lead >= 0 else (0, round(-lead / scale))
        stop = min(source, start + math.ceil((target - first) / scale) + 1)  # the last pixel mixes with one more
        if first >= target or round((stop - start) * scale) < 1:
            return None
        axes.append((start, stop, first))
    starts, stops, firsts = zip(*axes, strict=True)
    return GridMap(scale, starts, stops, firsts)


def scaled(image: Picture, grid: GridMap, size_hw: tuple[int, int]) -> Scaled:
    """The picture that a grid map shows, not painted yet."""
    (y0, x0), (y1, x1) = grid.start, grid.stop
    part = image.paint((y0, x0, y1, x1)) if isinstance(image, Canvas) else painted(image)[y0:y1, x0:x1]
    return Scaled(part, grid.scale, grid.first, size_hw)


def _window(matrix: np.ndarray, source_hw: tuple[int, int], size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the part of the source that an affine map shows, with a margin of two pixels."""
    corners = np.array([[0, 0, 1], [size_hw[1], 0, 1], [0, size_hw[0], 1], [size_hw[1], size_hw[0], 1]], np.float64)
    seen = corners @ np.linalg.inv(matrix)[:2].T
    low, high = np.floor(seen.min(axis=0)) - 2, np.ceil(seen.max(axis=0)) + 3
    x0, y0 = (int(min(max(v, 0), side - 1)) for v, side in zip(low, source_hw[::-1], strict=True))
    x1, y1 = (int(min(max(v, 1), side)) for v, side in zip(high, source_hw[::-1], strict=True))
    return y0, x0, max(y1, y0 + 1), max(x1, x0 + 1)


def warp_picture(
    image: Picture, matrix: np.ndarray, size_hw: tuple[int, int], fill: float = FILL, nearest: bool = False
) -> np.ndarray:
    """Show `image` through `matrix` on a target of `size_hw`; grey where the picture does not reach.

    Args:
        image: `(H, W, C)` array, or a canvas of which only the visible part is painted.
        matrix: `(3, 3)` map from source to target pixels.
        size_hw: Target size.
        fill: Another value than grey.
        nearest: Take the value of the nearest pixel, with the middles of pixels on whole numbers, instead of mixing.

    Returns:
        `(h, w, C)` array; new unless the map is the identity.
    """
    projective = bool(matrix[2, 0] or matrix[2, 1])
    if isinstance(image, Canvas) and not projective:
        window = _window(matrix, image.size_hw, size_hw)
        image = image.paint(window)
        matrix = matrix @ np.array([[1, 0, window[1]], [0, 1, window[0]], [0, 0, 1]], np.float64)
    image = painted(image)
    if image.shape[:2] == tuple(size_hw) and np.array_equal(matrix, np.eye(3)):
        return image
    channels = image.shape[2]
    if channels > 4:  # OpenCV's border value has four entries
        groups = [warp_picture(image[..., i : i + 3], matrix, size_hw, fill, nearest) for i in range(0, channels, 3)]
        return np.concatenate(groups, axis=2)
    # OpenCV warps four channels twice as fast as three, with the same result.
    padded = channels == 3 and image.dtype == np.uint8
    source = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA) if padded else image
    warp, map_ = (cv2.warpPerspective, matrix) if projective else (cv2.warpAffine, matrix[:2])
    flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    picture = warp(source, map_, dsize=(size_hw[1], size_hw[0]), flags=flags, borderValue=(fill,) * 4)
    if padded:
        return cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR)
    return picture[..., None] if picture.ndim == 2 else picture


def map_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Map points `(..., 2)`."""
    moved = points @ matrix[:2, :2].T + matrix[:2, 2]
    if matrix[2, 0] or matrix[2, 1]:
        moved /= (points @ matrix[2, :2] + matrix[2, 2])[..., None]
    return moved.astype(np.float32, copy=False)


def map_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Upright boxes `(N, 4)` around the mapped corners of boxes `(N, 4)`."""
    if matrix[2, 0] or matrix[2, 1]:
        corners = map_points(boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2), matrix)
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    # Affine: the centre moves like a point, half the diagonal by the absolute values.
    linear = matrix[:2, :2]
    half = (boxes[:, 2:] - boxes[:, :2]) * 0.5
    centre = (boxes[:, :2] + half) @ linear.T + matrix[:2, 2]
    reach = half @ np.abs(linear).T
    return np.concatenate([centre - reach, centre + reach], axis=1).astype(np.float32, copy=False)


def map_polygons(
    polygons: np.ndarray | Outlines, matrix: np.ndarray, size_hw: tuple[int, int], rotated: bool = False
) -> tuple[np.ndarray, np.ndarray | Outlines]:
    """Map polygons `(N, P, 2)` or outlines and cut them to the picture.

    Args:
        polygons: Polygons in source pixels.
        matrix: `(3, 3)` map.
        size_hw: Target size.
        rotated: Polygons stand for rotated boxes and stay rectangles.

    Returns:
        Boxes `(N, 4)` around the visible parts, and the polygons: outlines are cut, others clamped to these boxes.
    """
    if isinstance(polygons, Outlines):
        cut = polygons.mapped(matrix).cut((0, 0), size_hw[::-1])
        return cut.bounds(), cut
    moved = map_points(polygons, matrix)
    boxes = clipped_bounds(moved, size_hw)
    if rotated:
        moved, boxes = refit_rotated(moved, boxes, size_hw)
        return boxes, moved
    return boxes, np.clip(moved, boxes[:, None, :2], boxes[:, None, 2:])


def map_keypoints(keypoints: np.ndarray, matrix: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Map keypoints `(N, K, 2 or 3)`; those that leave the picture get visibility 0."""
    moved = keypoints.copy()
    moved[..., :2] = xy = map_points(keypoints[..., :2], matrix)
    if keypoints.shape[-1] == 3:
        outside = ((xy < 0) | (xy > np.array([size_hw[1], size_hw[0]], np.float32))).any(axis=-1)
        moved[..., 2][outside] = 0
    return moved


def survivors(
    before: np.ndarray,
    after: np.ndarray,
    min_side: float = 2,
    max_aspect: float = 100,
    min_area_share: float = 0.1,
    eps: float = 1e-16,
) -> np.ndarray:
    """Which boxes are still worth having: mask `(N,)`.

    Args:
        before: `(N, 4)` boxes as they would be if nothing had been cut off.
        after: `(N, 4)` boxes after cutting.
        min_side: Both sides must be longer, pixels.
        max_aspect: Ratio of the sides must be smaller.
        min_area_share: The area left must be a larger share of the area before.
        eps: Keeps divisions finite.
    """
    w, h = (after[:, 2:] - after[:, :2]).T
    w_before, h_before = (before[:, 2:] - before[:, :2]).T
    share = w * h / (w_before * h_before + eps)
    aspect = np.maximum(w / (h + eps), h / (w + eps))
    return (w > min_side) & (h > min_side) & (share > min_area_share) & (aspect < max_aspect)


def flip_picture(image: Picture, horizontal: bool) -> np.ndarray:
    """Mirror a picture left-right (`horizontal`) or top-bottom."""
    pixels = painted(image)
    if pixels.shape[2] > 4:
        return np.ascontiguousarray(pixels[:, ::-1] if horizontal else pixels[::-1])
    flipped = cv2.flip(pixels, 1 if horizontal else 0)
    return flipped[..., None] if flipped.ndim == 2 else flipped


def flip_objects(sample: Sample, side: float, horizontal: bool, keypoint_order: list[int] | None = None) -> Sample:
    """Mirror boxes, polygons and keypoints.

    Args:
        sample: The sample; its picture is not looked at.
        side: Width (horizontal) or height of the picture, pixels.
        horizontal: Left-right rather than top-bottom.
        keypoint_order: Which keypoint takes which place, for instance left eye for right eye; None changes nothing.
    """
    axis = 0 if horizontal else 1
    boxes = sample.boxes.copy()
    boxes[:, axis], boxes[:, axis + 2] = side - sample.boxes[:, axis + 2], side - sample.boxes[:, axis]
    segments, keypoints = sample.segments, sample.keypoints
    if segments is not None:
        signs, shifts = np.ones(2, np.float32), np.zeros(2, np.float32)
        signs[axis], shifts[axis] = -1, side
        segments = segments * signs + shifts
    if keypoints is not None:
        keypoints = keypoints[:, keypoint_order] if keypoint_order else keypoints.copy()
        keypoints[..., axis] = side - keypoints[..., axis]
    return sample.with_objects(boxes, sample.cls, segments, keypoints)
