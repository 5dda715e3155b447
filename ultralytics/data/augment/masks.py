"""Polygons drawn as masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

__all__ = ["paint_by_size", "polygon2mask", "polygons2masks", "polygons2masks_overlap"]


def polygon2mask(
    imgsz: tuple[int, int], polygons: Sequence[np.ndarray], color: int = 1, downsample_ratio: int = 1
) -> np.ndarray:
    """Draw polygons into one mask.

    Args:
        imgsz: (height, width) at which to draw.
        polygons: Each `(P, 2)` or flat `(2 P,)`, pixels.
        color: Value inside.
        downsample_ratio: The mask is scaled down by this after drawing.

    Returns:
        `(height / ratio, width / ratio)` uint8.
    """
    mask = np.zeros(imgsz, np.uint8)
    cv2.fillPoly(mask, [np.asarray(p).reshape(-1, 2).astype(np.int32) for p in polygons], color=color)
    if downsample_ratio == 1:
        return mask
    return cv2.resize(mask, (imgsz[1] // downsample_ratio, imgsz[0] // downsample_ratio))


def polygons2masks(
    imgsz: tuple[int, int], polygons: Sequence[np.ndarray], color: int, downsample_ratio: int = 1
) -> np.ndarray:
    """Draw every polygon into a mask of its own: `(N, height / ratio, width / ratio)` uint8, see `polygon2mask`."""
    masks = [polygon2mask(imgsz, [polygon], color, downsample_ratio) for polygon in polygons]
    return np.stack(masks) if masks else np.zeros((0, *(side // downsample_ratio for side in imgsz)), np.uint8)


def polygons2masks_overlap(
    imgsz: tuple[int, int], segments: Sequence[np.ndarray], downsample_ratio: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Draw all polygons into one index map, small objects on top of large ones.

    Args:
        imgsz: (height, width) at which to draw.
        segments: N polygons `(P, 2)`, pixels.
        downsample_ratio: The masks are scaled down by this before they are laid on top of each other.

    Returns:
        The map `(height / ratio, width / ratio)`, uint8 or int32 above 255 objects: 0 is background and k the k-th
        largest object; and the positions `(N,)` of the objects from the largest to the smallest.
    """
    masks = polygons2masks(imgsz, segments, 1, downsample_ratio)
    order = np.argsort(-masks.sum(axis=(1, 2), dtype=np.int64))
    index_map = np.zeros(masks.shape[1:], np.int32 if len(segments) > 255 else np.uint8)
    for rank, i in enumerate(order, start=1):
        index_map[masks[i] > 0] = rank
    return index_map, order


def paint_by_size(
    size_hw: tuple[int, int], polygons: Sequence[np.ndarray], values: np.ndarray, ground: int, dtype: Any = np.uint8
) -> np.ndarray:
    """Draw polygons with a value each into one map, small objects on top of large ones as in `polygons2masks_overlap`.

    Args:
        size_hw: (height, width) of the map.
        polygons: N polygons `(P, 2)`, pixels.
        values: `(N,)`.
        ground: Value where there is none.
        dtype: Type of the map.

    Returns:
        `(height, width)`.
    """
    size_xy, parts = size_hw[::-1], []
    for polygon, value in zip(polygons, values, strict=True):
        points = np.asarray(polygon).reshape(-1, 2).astype(np.int32)
        low, high = np.clip(points.min(0), 0, size_xy), np.clip(points.max(0) + 1, 0, size_xy)
        (left, top), (width, height) = low, high - low
        if width > 0 and height > 0:
            part = np.zeros((height, width), np.uint8)
            cv2.fillPoly(part, [points - low], color=1)
            parts.append((int(part.sum()), (slice(top, top + height), slice(left, left + width)), part > 0, value))
    drawn = np.full(size_hw, ground, dtype)
    for _, window, part, value in sorted(parts, key=lambda one: -one[0]):
        drawn[window][part] = value
    return drawn
