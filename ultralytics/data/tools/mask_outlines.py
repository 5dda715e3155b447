"""Binary masks as polygons that give the same mask when they are filled, and COCO's run lengths as masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from ultralytics.data.labels.polygons import have_area
from ultralytics.ops.masks import join_outlines

__all__ = ["decode_rle", "mask_outlines"]

MAX_PIXELS = 1 << 28  # of a mask that run lengths describe
NEXT, PARENT = 0, 3  # columns of OpenCV's tree of contours
NEARLY_HALF = 0.49  # of a pixel: what rounds and what is cut off goes to the same pixel


def mask_outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Return the outline (P, 2) of every connected part of a mask (H, W), in pixels.

    Holes are joined to the outline around them by seams of no width. Filling an outline with OpenCV, which colours the
    outline's own pixels too, gives the part again. A part that is a straight line of pixels, or one pixel, gets a width
    that rounds to nothing, since objects without area are no objects.
    """
    contours, tree = cv2.findContours(np.ascontiguousarray(mask, np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outlines = []
    for i, contour in enumerate(contours):
        if tree[0, i, PARENT] < 0:
            holes = [contours[k].reshape(-1, 2) for k in np.flatnonzero(tree[0, :, PARENT] == i)]
            outline = _with_holes(contour.reshape(-1, 2), holes)
            outlines.append(outline if have_area([outline])[0] else _widened(outline))
    return outlines


def _widened(line: np.ndarray) -> np.ndarray:
    """A rectangle or parallelogram `(4, 2)` beside a straight line `(P, 2)` of pixels, narrower than half a pixel."""
    line = line.astype(np.float64)
    low, high = line.min(0), line.max(0)
    if (high > low).all():  # falling or rising
        first, last = line[line[:, 0].argmin()], line[line[:, 0].argmax()]
        below = np.array([0, NEARLY_HALF])
        return np.stack([first, last, last + below, first + below])
    right, bottom = np.maximum(high, low + NEARLY_HALF)
    return np.array([low, [right, low[1]], [right, bottom], [low[0], bottom]])


def _with_holes(outline: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """Join holes to the outline around them, always the one that is nearest to what is joined already.

    The nearest one's seam crosses no other hole, since that one would be nearer.
    """
    waiting = list(holes)
    while waiting:
        gaps = [((outline[:, None].astype(np.int64) - hole[None]) ** 2).sum(-1).min() for hole in waiting]
        outline = join_outlines([outline, waiting.pop(int(np.argmin(gaps)))])
    return outline


def decode_rle(rle: Mapping[str, Any]) -> np.ndarray:
    """Return the mask (H, W) bool of COCO's run lengths: `size` [H, W] and `counts`, a list or its packed text.

    Runs go down the columns, the first one is background.

    Raises:
        ValueError: where the runs do not add up to the size, or that is too large.
    """
    height, width = (int(side) for side in rle["size"])
    if not 0 < height * width <= MAX_PIXELS:
        raise ValueError(f"run lengths of {height} x {width} pixels; at most {MAX_PIXELS:,} pixels are drawn.")
    counts = rle["counts"]
    runs = _unpacked(counts) if isinstance(counts, (str, bytes)) else [int(run) for run in counts]
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise ValueError(f"run lengths add up to {sum(runs)} pixels, not to {height} x {width}.")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def _unpacked(text: str | bytes) -> Sequence[int]:
    """Return the runs of a packed text.

    A number is a row of characters of 5 bits each, the lowest first, plus 48; a sixth bit says that it goes on, and the
    last one's highest bit is the sign. From the fourth run on the difference to the last but one is stored.
    """
    runs: list[int] = []
    value = shift = 0
    for code in text.encode("ascii") if isinstance(text, str) else text:
        bits = code - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
