"""Polygons of many objects at once: resampling, what is visible of them inside a picture, refitting rotated boxes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

__all__ = ["clipped_bounds", "have_area", "refit_rotated", "resample_polygons"]

LEAST_WIDTH = 3e-5  # of a polygon, as a share of its length: one pixel on a picture of 30,000


def have_area(polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Return which polygons `(P, 2)` of some have points that are not all on one line: mask `(N,)`."""
    counts = np.array([len(polygon) for polygon in polygons])
    points = np.concatenate(polygons).astype(np.float64)
    starts = np.cumsum(counts) - counts
    points -= np.repeat(np.add.reduceat(points, starts) / counts[:, None], counts, 0)
    xx, yy = np.add.reduceat(points * points, starts).T
    xy = np.add.reduceat(points[:, 0] * points[:, 1], starts)
    # Product and sum of the squared extents along and across the polygon's longest direction.
    return xx * yy - xy * xy > (LEAST_WIDTH * (xx + yy)) ** 2


def resample_polygons(polygons: np.ndarray, points: int) -> np.ndarray:
    """Resample closed polygons `(N, P, 2)` to `(N, points, 2)`.

    Positions are evenly spaced along the vertex index; when there is room every vertex is kept, so corners stay sharp.
    """
    count, length, _ = polygons.shape
    if length == points:
        return polygons
    if not count or not length:
        return np.zeros((count, points, 2), np.float32)
    ring = np.concatenate([polygons, polygons[:, :1]], axis=1)
    spare = points - length - 1
    if spare >= 0:
        position = np.sort(np.concatenate([np.linspace(0, length, spare), np.arange(length + 1.0)]))
    else:
        position = np.linspace(0, length, points)
    left = np.minimum(position.astype(np.int64), length - 1)
    weight = (position - left)[:, None].astype(polygons.dtype)
    return ring[:, left] * (1 - weight) + ring[:, left + 1] * weight


def _reaches_out(polygons: np.ndarray, size_wh: np.ndarray) -> np.ndarray:
    """Positions of the polygons with a vertex outside the picture."""
    return np.flatnonzero(((polygons < 0) | (polygons > size_wh)).any(axis=(1, 2)))


def _visible_points(polygons: np.ndarray, size_wh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points among which the extreme ones of the visible parts are.

    These are the vertices inside the picture, the crossings of edges with its border, and the corners of the picture
    that lie inside the polygon.

    Returns:
        Points `(M, Q, 2)` and whether each counts `(M, Q)`.
    """
    start = polygons.astype(np.float64)
    end = np.roll(start, -1, axis=1)
    points, counts = [start], [((start >= 0) & (start <= size_wh)).all(axis=2)]
    for axis in (0, 1):
        step = end[..., axis] - start[..., axis]
        safe_step = np.where(step == 0, 1, step)
        for limit in (0.0, float(size_wh[axis])):
            share = (limit - start[..., axis]) / safe_step
            crossing = np.empty_like(start)
            crossing[..., axis] = limit
            crossing[..., 1 - axis] = start[..., 1 - axis] + share * (end[..., 1 - axis] - start[..., 1 - axis])
            on_border = (crossing[..., 1 - axis] >= 0) & (crossing[..., 1 - axis] <= size_wh[1 - axis])
            points.append(crossing)
            counts.append((step != 0) & (share >= 0) & (share <= 1) & on_border)
    corners = np.array([[0, 0], [size_wh[0], 0], [0, size_wh[1]], size_wh], np.float64)
    points.append(np.broadcast_to(corners, (len(start), 4, 2)))
    counts.append(_contains(start, end, corners))
    return np.concatenate(points, axis=1), np.concatenate(counts, axis=1)


def _contains(start: np.ndarray, end: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether points `(K, 2)` lie in polygons given by edges `(M, P, 2)`; `(M, K)`, even-odd rule."""
    x0, y0, x1, y1 = (v[:, None] for v in (start[..., 0], start[..., 1], end[..., 0], end[..., 1]))
    px, py = points[None, :, None, 0], points[None, :, None, 1]
    straddles = (y0 > py) != (y1 > py)
    rise = np.where(y1 == y0, 1, y1 - y0)
    return ((straddles & (px < x0 + (py - y0) / rise * (x1 - x0))).sum(axis=2) % 2).astype(bool)


def clipped_bounds(polygons: np.ndarray, size_hw: tuple[float, float]) -> np.ndarray:
    """Bounds `(N, 4)` of the parts of polygons `(N, P, 2)` inside a picture of `size_hw`; zero where there is none."""
    if not polygons.size:
        return np.zeros((len(polygons), 4), polygons.dtype)
    size_wh = np.array([size_hw[1], size_hw[0]], np.float64)
    bounds = np.concatenate([polygons.min(axis=1), polygons.max(axis=1)], axis=1)
    crossing = _reaches_out(polygons, size_wh)
    if len(crossing):
        points, counts = _visible_points(polygons[crossing], size_wh)
        low = np.where(counts[..., None], points, np.inf).min(axis=1)
        high = np.where(counts[..., None], points, -np.inf).max(axis=1)
        bounds[crossing] = np.where(counts.any(axis=1)[:, None], np.concatenate([low, high], axis=1), 0)
    return bounds


def refit_rotated(
    polygons: np.ndarray, boxes: np.ndarray, size_hw: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Cut rotated boxes, given as polygons, to a picture.

    Args:
        polygons: `(N, P, 2)` in pixels.
        boxes: `(N, 4)` upright corner boxes.
        size_hw: Size of the picture.

    Returns:
        Polygons and boxes. Where a polygon crosses the border it becomes the rectangle of unchanged angle around its
        visible part, and the box bounds that part; both are zero where nothing is visible.
    """
    size_wh = np.array([size_hw[1], size_hw[0]], np.float64)
    crossing = _reaches_out(polygons, size_wh)
    if not len(crossing):
        return polygons, boxes
    angles = {i: np.radians(cv2.minAreaRect(polygons[i].astype(np.float32))[2]) for i in crossing}
    polygons, boxes = polygons.copy(), boxes.copy()
    boxes[crossing] = clipped_bounds(polygons[crossing], size_hw)
    for i, points, counts in zip(crossing, *_visible_points(polygons[crossing], size_wh), strict=True):
        polygons[i] = 0
        if counts.any():
            rectangle = _rectangle_around(points[counts], angle=angles[i])
            polygons[i] = resample_polygons(rectangle[None], polygons.shape[1])[0]
    return polygons, boxes


def _rectangle_around(points: np.ndarray, angle: float) -> np.ndarray:
    """Corners `(4, 2)` of the smallest rectangle with a side along `angle` (radians) around points `(Q, 2)`."""
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    along = points @ axes.T
    (u0, v0), (u1, v1) = along.min(axis=0), along.max(axis=0)
    return (np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1]]) @ axes).astype(np.float32)
