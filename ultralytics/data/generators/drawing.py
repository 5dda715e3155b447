"""Shapes and grounds: what drawn pictures and films are made of."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

__all__ = [
    "CLASSES",
    "Shape",
    "background",
    "cover",
    "mask_of",
    "paint",
    "pixels_of",
    "polygon_area",
    "turned",
    "typical_color",
    "unit_outline",
]

CLASSES = ("circle", "triangle", "square", "star", "cross", "ring")
SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Shape:
    """One drawn object; coordinates are x, y pixels.

    Attributes:
        name: kind of shape.
        outline: (P, 2) closed outline.
        rectangle: (4, 2) corners of its turned rectangle.
        centre: (2,).
        color: BGR at one side; fades into `shade` at the other.
        shade: BGR.
    """

    name: str
    outline: np.ndarray
    rectangle: np.ndarray
    centre: np.ndarray
    color: np.ndarray
    shade: np.ndarray


def background(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Smooth colours, stripes and thin lines: something to tell shapes from."""
    height, width = size_hw
    grey = rng.integers(40, 216, (int(rng.integers(2, 7)), int(rng.integers(2, 7)), 1))
    coarse = np.clip(grey + rng.integers(-30, 31, (*grey.shape[:2], 3)), 0, 255).astype(np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.03, 0.2) * max(size_hw)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period))
    image += waves[..., None] * rng.uniform(-18, 18, 3).astype(np.float32)
    image = np.clip(image, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 6))):
        start, end = (tuple(int(v) for v in rng.integers(0, (width, height))) for _ in range(2))
        color = tuple(int(c) for c in rng.integers(0, 256, 3))
        cv2.line(image, start, end, color, int(rng.integers(1, 3)), cv2.LINE_AA)
    return image


def unit_outline(name: str) -> np.ndarray:
    """Outline (P, 2) of a shape of radius 1 around the origin."""
    if name == "circle":
        return _polar(np.ones(48))
    if name == "ring":
        outer, inner = _polar(np.ones(49), closed=True), _polar(np.full(49, 0.55), closed=True)
        return np.concatenate((outer, inner[::-1]))
    if name == "triangle":
        return _polar(np.ones(3))
    if name == "square":
        return np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * 0.75
    if name == "star":
        return _polar(np.tile([1.0, 0.42], 5))
    arm = 0.3  # cross
    quarter = np.array([[arm, -1.0], [arm, -arm], [1.0, -arm]])
    turns = [np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in np.arange(4) * np.pi / 2]
    return np.concatenate([quarter @ turn for turn in turns])


def turned(name: str, centre: np.ndarray, radius: float, angle_rad: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the outline (P, 2) of a shape at a place, and the corners (4, 2) of the rectangle that turns with it."""
    turn = np.array([[np.cos(angle_rad), np.sin(angle_rad)], [-np.sin(angle_rad), np.cos(angle_rad)]])
    local = unit_outline(name)
    low, high = local.min(0), local.max(0)
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    return local @ turn * radius + centre, corners @ turn * radius + centre


def _polar(radii: np.ndarray, closed: bool = False) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=closed) - np.pi / 2
    return np.column_stack((radii * np.cos(angles), radii * np.sin(angles)))


def typical_color(rng: np.random.Generator, name: str, behind: np.ndarray) -> np.ndarray:
    """Draw a colour (BGR) that differs from the one behind it and is, mostly, of the hue that this kind tends to have.

    Hues of neighbouring kinds overlap and every fifth shape has any colour, so colour helps to learn fast and does not
    replace looking at the outline.
    """
    hue = (CLASSES.index(name) * 180 / len(CLASSES) + rng.normal(0, 12)) % 180
    for _ in range(20):
        if rng.random() < 0.2:
            hue = rng.uniform(0, 180)
        pixel = np.array([[[hue, rng.integers(150, 256), rng.integers(120, 256)]]]).astype(np.uint8)
        color = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].astype(int)
        if np.abs(color - behind).sum() > 120:
            break
    return color


def mask_of(outline: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Return which pixels (H, W) of a picture a polygon (P, 2) covers."""
    mask = np.zeros(size_hw, np.uint8)
    cv2.fillPoly(mask, [pixels_of(outline)], 1)
    return mask.astype(bool)


def pixels_of(outline: np.ndarray) -> np.ndarray:
    """Return a polygon (P, 2) as OpenCV counts: from the middle of the first pixel, in whole numbers."""
    return np.round(outline - 0.5).astype(np.int32)


def polygon_area(outline: np.ndarray) -> float:
    """Area of a polygon (P, 2) by the shoelace formula, parts outside the picture included."""
    x, y = outline.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def paint(image: np.ndarray, shape: Shape) -> None:
    """Paint a shape into a picture (H, W, 3) of any number type: smooth edges, a colour that fades to the right.

    Only the part of the picture around the shape is touched, so a small shape costs little in a large picture.
    """
    window, covered = cover(shape.outline, image.shape[:2])
    if not covered.size:
        return
    columns, low, high = window[1], shape.outline[:, 0].min(), shape.outline[:, 0].max()
    along = np.clip((np.arange(columns.start, columns.stop) - low) / max(1.0, high - low), 0, 1)[None, :, None]
    fill = shape.color * (1 - along) + shape.shade * along
    alpha = covered[..., None] / 255.0
    part = image[window]
    part[...] = part * (1 - alpha) + fill * alpha


def cover(outline: np.ndarray, size_hw: tuple[int, int]) -> tuple[tuple[slice, slice], np.ndarray]:
    """Return the part of a picture around an outline (P, 2), and how much of its pixels the outline covers, 0 to 255.

    The part is empty where the outline lies outside of the picture.
    """
    low, high = outline.min(0), outline.max(0)
    left, top = np.clip(np.floor(low) - 2, 0, None).astype(int).tolist()
    right, bottom = np.clip(np.ceil(high) + 2, 0, size_hw[::-1]).astype(int).tolist()
    covered = np.zeros((max(bottom - top, 0), max(right - left, 0)), np.uint8)
    if covered.size:
        # Labels count from the picture's edge, OpenCV from the middle of the first pixel.
        points = np.round((outline - 0.5 - (left, top)) * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(covered, [points], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return (slice(top, max(bottom, top)), slice(left, max(right, left))), covered
