"""Combining several samples into one: mosaic, blending, cut-and-paste of areas and of objects.

Pure functions over samples; the draws are made in `ultralytics.data.augment.blend`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from ultralytics.data.images.canvas import FILL, Canvas, Tile, painted
from ultralytics.data.labels.outlines import Outlines
from ultralytics.data.labels.polygons import refit_rotated
from ultralytics.data.sample import MAP_FILLS, Sample, join

__all__ = [
    "blend_pictures",
    "cut_objects",
    "fill_polygons",
    "mosaic4_corners",
    "mosaic9_corners",
    "paint_layout",
    "paste_masked",
    "placed",
    "tile",
    "tile_map",
    "tile_objects",
]

_ROUND_DOWN = -0.4995
Corner = tuple[int, int]


def mosaic4_corners(sizes_hw: Sequence[tuple[int, int]], centre_yx: Corner) -> list[Corner]:
    """(top, left) of four pictures that meet in a point: top left, top right, bottom left, bottom right."""
    yc, xc = centre_yx
    return [
        (yc if bottom else yc - h, xc if right else xc - w)
        for (h, w), (bottom, right) in zip(sizes_hw, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True)
    ]


def mosaic9_corners(sizes_hw: Sequence[tuple[int, int]], side: int) -> list[Corner]:
    """(top, left) of nine pictures on a canvas of twice `side`: one in the middle, eight clockwise around it.

    The middle one has its corner at (`side` / 2, `side` / 2). The others, from the top on, touch it or the one before
    them on the same edge of the ring.
    """
    h, w = zip(*sizes_hw, strict=True)
    near = side // 2
    bottom, right = near + h[0], near + w[0]
    return [
        (near, near),
        (near - h[1], near),
        (near - h[2], near + w[1]),
        (near, right),
        (near + h[3], right),
        (bottom, right - w[5]),
        (bottom, right - w[5] - w[6]),
        (bottom - h[7], near - w[7]),
        (bottom - h[7] - h[8], near - w[8]),
    ]


def placed(size_hw: tuple[int, int], corner: Corner, canvas_hw: tuple[int, int]) -> dict[str, Any]:
    """What `Mosaic.get_params` tells of a picture of `size_hw` at `corner` (top, left) of a canvas."""
    (h, w), (top, left) = size_hw, corner
    y1, x1 = max(top, 0), max(left, 0)
    y2, x2 = max(min(top + h, canvas_hw[0]), y1), max(min(left + w, canvas_hw[1]), x1)
    seen = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    inside = {"x1": x1 - left, "y1": y1 - top, "x2": x2 - left, "y2": y2 - top}
    marks = {f"{side}a": at for side, at in seen.items()} | {f"{side}b": at for side, at in inside.items()}
    return {**marks, "padw": left, "padh": top, "img_shape": (h, w)}


def paint_layout(
    layout: Sequence[Mapping[str, Any]], size_hw: tuple[int, int], key: str = "img", fill: float = FILL
) -> np.ndarray:
    """A canvas with the pictures, or under another `key` the maps, of `Mosaic.get_params`' layout."""
    first = layout[0]["labels_patch"][key]
    canvas = np.full((*size_hw, *first.shape[2:]), fill, first.dtype)
    for one in layout:
        seen = one["labels_patch"][key][one["y1b"] : one["y2b"], one["x1b"] : one["x2b"]]
        canvas[one["y1a"] : one["y2a"], one["x1a"] : one["x2a"]] = seen
    return canvas


def tile(samples: Sequence[Sample], corners: Sequence[Corner], size_hw: tuple[int, int]) -> Canvas:
    """A canvas with the samples' pictures at their corners, not painted yet."""
    return Canvas(tuple(Tile(s.pixels(), *corner) for s, corner in zip(samples, corners, strict=True)), size_hw)


def tile_map(name: str, samples: Sequence[Sample], corners: Sequence[Corner], size_hw: tuple[int, int]) -> Canvas:
    """A canvas with a map of every sample at their corners, not painted yet."""
    tiles = (Tile(painted(s.maps[name]), *corner) for s, corner in zip(samples, corners, strict=True))
    return Canvas(tuple(tiles), size_hw, MAP_FILLS[name])


def cut_objects(sample: Sample, window: tuple[float, float, float, float], rotated: bool = False) -> Sample:
    """Cut objects to a window (x1, y1, x2, y2) and drop those with nothing left; keypoints outside get visibility 0.

    Args:
        sample: The sample; its picture is not looked at.
        window: The window.
        rotated: Polygons stand for rotated boxes and are refitted, not clamped point by point.
    """
    low, high = np.array(window[:2], np.float32), np.array(window[2:], np.float32)
    boxes = np.minimum(np.maximum(sample.boxes.reshape(-1, 2, 2), low), high).reshape(-1, 4)
    segments, keypoints = sample.segments, sample.keypoints
    if isinstance(segments, Outlines):
        segments = segments.cut(low, high)
        boxes = segments.bounds()
    elif segments is not None and rotated:
        w, h = high - low
        corner = np.concatenate([low, low])
        segments, boxes = refit_rotated(segments - low, boxes - corner, (h, w))
        segments, boxes = segments + low, boxes + corner
    elif segments is not None:
        segments = np.minimum(np.maximum(segments, low), high)
    if keypoints is not None:
        keypoints = keypoints.copy()
        xy = keypoints[..., :2]
        if keypoints.shape[-1] == 3:
            keypoints[..., 2][((xy < low) | (xy > high)).any(axis=-1)] = 0
        keypoints[..., :2] = np.clip(xy, low, high)
    cut = sample.with_objects(boxes, sample.cls, segments, keypoints)
    visible = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return cut if visible.all() else cut.take(visible)


def tile_objects(
    samples: Sequence[Sample],
    corners: Sequence[Corner],
    size_hw: tuple[int, int],
    onto: Sample,
    rotated: bool = False,
) -> Sample:
    """Objects of all samples, moved to their corners and cut to the canvas, see `cut_objects`.

    Args:
        samples: The samples; their pictures are not looked at.
        corners: (top, left) of each.
        size_hw: Canvas size.
        onto: Gives picture and `meta` of the result.
        rotated: Polygons stand for rotated boxes.
    """
    joined = join(samples, onto.image, onto.meta)
    if not len(joined):
        return joined
    shift = np.repeat(np.array(corners, np.float32)[:, ::-1], [len(s) for s in samples], axis=0)
    boxes = (joined.boxes.reshape(-1, 2, 2) + shift[:, None]).reshape(-1, 4)
    segments, keypoints = joined.segments, joined.keypoints
    if segments is not None:
        segments = segments + shift[:, None]
    if keypoints is not None:
        keypoints = keypoints.copy()
        keypoints[..., :2] += shift[:, None]
    moved = joined.with_objects(boxes, joined.cls, segments, keypoints)
    return cut_objects(moved, (0, 0, size_hw[1], size_hw[0]), rotated)


def blend_pictures(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """`share` of the first picture and the rest of the second, rounded down.

    Source: H. Zhang et al., "mixup: Beyond empirical risk minimization", 2018.
    """
    return cv2.addWeighted(first, share, second, 1 - share, _ROUND_DOWN).reshape(first.shape)


def paste_masked(picture: np.ndarray, source: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A copy of `picture` `(H, W, C)` with the pixels of `source` where `mask` `(H, W)` is not zero."""
    result = picture.copy()
    np.copyto(result, source, where=mask.astype(bool)[..., None])
    return result


def fill_polygons(polygons: Iterable[np.ndarray], size_hw: tuple[int, int]) -> np.ndarray:
    """A mask `(h, w)` that is 1 inside any of the polygons `(P, 2)`."""
    mask = np.zeros(size_hw, np.uint8)
    for polygon in polygons:
        cv2.drawContours(mask, [polygon.astype(np.int32)], -1, 1, cv2.FILLED)
    return mask
