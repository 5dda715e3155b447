"""Scenes of which every pixel is known: its class, or how far away it is.

A pixel belongs to the shape whose colour makes up at least half of its own. In scenes with depth things lie in layers:
a floor that comes nearer from top to bottom, and shapes that stand upright, each at one distance. A shape looks the
smaller the farther away it is, nearer ones hide others, and haze takes the colours of what is far.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from ultralytics.data.generators.drawing import CLASSES, Shape, background, cover, paint, turned, typical_color

__all__ = ["BACKGROUND", "class_map", "class_map_file", "depth_file", "draw_depth_scene"]

BACKGROUND = "background"
HAZE, HAZE_METRES = np.array([205, 200, 195]), 6.0  # BGR, and the distance at which a third of the colour is left
NEAREST, FARTHEST = 1.2, (6.0, 10.0)  # metres: of shapes, and of the floor's upper end
SIZE = 0.36  # radius of a shape one metre away, as a part of the picture's shorter side
MILLIMETRE = 1000


def class_map(shapes: Sequence[Shape], names: Sequence[str], size_hw: tuple[int, int]) -> np.ndarray:
    """Return the class (H, W) uint8 of every pixel.

    Args:
        shapes: what the picture shows, the hindmost first.
        names: classes in the order of their ids; one of them is `background`.
        size_hw: height and width in pixels.
    """
    classes = np.full(size_hw, names.index(BACKGROUND), np.uint8)
    for shape in shapes:
        window, covered = cover(shape.outline, size_hw)
        classes[window][covered >= 128] = names.index(shape.name)
    return classes


def class_map_file(classes: np.ndarray) -> bytes:
    """Return a class map as a PNG whose palette gives every class a colour to look at."""
    hues = np.array([[[id_ * 67 % 180, 200 if id_ else 0, 230 if id_ else 60] for id_ in range(256)]], np.uint8)
    picture = Image.fromarray(classes).convert("P")
    picture.putpalette(cv2.cvtColor(hues, cv2.COLOR_HSV2RGB).tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def draw_depth_scene(
    rng: np.random.Generator, size_hw: tuple[int, int], names: Sequence[str] = CLASSES
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a picture with depth.

    Args:
        rng: source of all random choices.
        size_hw: height and width in pixels.
        names: kinds of shapes to choose from.

    Returns:
        image: (H, W, 3) uint8 BGR.
        depth: (H, W) uint16, millimetres.
    """
    height, width = size_hw
    far = rng.uniform(*FARTHEST)
    rows = np.linspace(far, far * rng.uniform(0.3, 0.6), height)
    depth = np.repeat(_millimetres(rows)[:, None], width, axis=1)
    canvas = _hazy(background(rng, size_hw).astype(np.float64), rows[:, None, None])
    distances = np.exp(rng.uniform(np.log(NEAREST), np.log(0.8 * far), int(rng.integers(2, 8))))
    for distance in sorted(distances, reverse=True):
        shape = _standing(rng, size_hw, names, distance)
        paint(canvas, shape)
        window, covered = cover(shape.outline, size_hw)
        depth[window][covered >= 128] = _millimetres(distance)
    noise = rng.integers(0, 13, canvas.shape, dtype=np.int16) - 6
    return np.clip(canvas + noise, 0, 255).astype(np.uint8), depth


def _millimetres(metres: float | np.ndarray) -> np.ndarray:
    return np.round(np.asarray(metres) * MILLIMETRE).astype(np.uint16)


def _hazy(colors: np.ndarray, metres: float | np.ndarray) -> np.ndarray:
    """Colours (..., 3) as they are seen from a distance."""
    left = np.exp(-np.asarray(metres) / HAZE_METRES)
    return colors * left + HAZE * (1 - left)


def _standing(rng: np.random.Generator, size_hw: tuple[int, int], names: Sequence[str], distance: float) -> Shape:
    name = names[int(rng.integers(len(names)))]
    centre = rng.uniform(0.05, 0.95, 2) * (size_hw[1], size_hw[0])
    angle = 0.0 if name in {"circle", "ring"} else rng.uniform(0, 2 * np.pi)
    outline, rectangle = turned(name, centre, SIZE * min(size_hw) / distance, angle)
    color = typical_color(rng, name, HAZE)
    shade = np.clip(color + rng.integers(-40, 41), 0, 255)
    return Shape(name, outline, rectangle, centre, _hazy(color, distance), _hazy(shade, distance))


def depth_file(depth: np.ndarray, as_array: bool) -> tuple[str, bytes]:
    """Return suffix and bytes of a depth file.

    Args:
        depth: (H, W) millimetres.
        as_array: an array of metres instead of a PNG of millimetres.
    """
    if not as_array:
        return ".png", cv2.imencode(".png", depth)[1].tobytes()
    stream = io.BytesIO()
    np.save(stream, depth / np.float32(MILLIMETRE))
    return ".npy", stream.getvalue()
