"""How shapes and camera of a drawn film move: paths as arrays over time, drawn from a seed or laid out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ultralytics.data.generators.drawing import CLASSES, typical_color

__all__ = ["Mover", "along", "camera_path", "random_movers"]

GREY = np.full(3, 128)


@dataclass(frozen=True)
class Mover:
    """One shape and its way through a film of F frames, in pixels of the world (see `film.Film`).

    Attributes:
        name: kind of shape.
        start: number of its first frame, from 0.
        path: (T, 2) x, y of its centre, frame by frame; it leaves the film after frame `start + T - 1`.
        radius: (T,) half its size.
        angle_rad: (T,) turn.
        color: BGR at one side; fades into `shade` at the other.
        shade: BGR.
    """

    name: str
    start: int
    path: np.ndarray
    radius: np.ndarray
    angle_rad: np.ndarray
    color: np.ndarray
    shade: np.ndarray

    def alive(self, frame: int) -> bool:
        """Return whether it takes part in a frame, seen or not."""
        return self.start <= frame < self.start + len(self.path)


def along(name: str, points: Sequence[tuple[float, float, float]], radius: float = 20, seed: int = 0) -> Mover:
    """Lay out a shape's way by hand: straight lines at constant speed between points.

    Args:
        name: kind of shape.
        points: (frame, x, y) of the centre, frames rising; the first and the last are the ends of its life.
        radius: half its size in pixels.
        seed: of its colours.

    Raises:
        ValueError: fewer than two points, or frames that do not rise.
    """
    at = np.array([point[0] for point in points])
    if len(at) < 2 or (np.diff(at) <= 0).any():
        raise ValueError(f"a way takes two or more points (frame, x, y) with rising frames, not {list(points)}.")
    frames = np.arange(int(at[0]), int(at[-1]) + 1)
    path = np.column_stack([np.interp(frames, at, [point[axis] for point in points]) for axis in (1, 2)])
    ones = np.ones(len(frames))
    return Mover(name, int(at[0]), path, ones * radius, ones * 0, *_colors(np.random.default_rng(seed), name))


def random_movers(
    rng: np.random.Generator, count: int, size_hw: tuple[int, int], frames: int, fps: float, names: Sequence[str]
) -> list[Mover]:
    """Draw the ways of `count` shapes, hindmost first: two of five stay around a place, the others pass through."""
    stay = rng.permutation(np.arange(count) % 5 < 2)
    return [_random_mover(rng, bool(stays), size_hw, frames, fps, names) for stays in stay]


def _random_mover(
    rng: np.random.Generator, stays: bool, size_hw: tuple[int, int], frames: int, fps: float, names: Sequence[str]
) -> Mover:
    height, width = size_hw
    name = names[int(rng.integers(len(names)))]
    if stays:
        start, seconds = 0, np.arange(frames) / fps
        home = rng.uniform(0.2, 0.8, 2) * (width, height)
        path = home + _sway(rng, seconds, rng.uniform(0.1, 0.3, 2) * (width, height), (4.0, 9.0))
    else:
        last = max(1, int(0.7 * frames))
        start = int(rng.integers(-last // 3, last))  # some are on their way when the film begins
        length = max(2, int(rng.uniform(3, 6) * fps))
        seconds = np.arange(length) / fps
        side, slant = rng.choice((-1, 1)), rng.uniform(0.05, 0.95, 2)
        ends = np.array([[0.5 - 0.75 * side, slant[0]], [0.5 + 0.75 * side, slant[1]]])
        if rng.random() < 0.3:  # from above or below
            ends = ends[:, ::-1]
        share = np.linspace(0, 1, length)[:, None]
        path = (ends[0] * (1 - share) + ends[1] * share) * (width, height)
        path += _sway(rng, seconds, np.full(2, 0.03 * height), (1.5, 4.0))
    radius = rng.uniform(0.08, 0.14) * min(size_hw) * (1 + _sway(rng, seconds, np.array([0.3]), (3.0, 8.0))[:, 0])
    angle = rng.uniform(0, 2 * np.pi) + rng.uniform(-1.2, 1.2) * seconds
    angle = np.zeros_like(angle) if name in {"circle", "ring"} else angle
    keep = slice(max(0, -start), max(0, frames - start))
    return Mover(name, max(0, start), path[keep], radius[keep], angle[keep], *_colors(rng, name))


def _sway(rng: np.random.Generator, seconds: np.ndarray, size: np.ndarray, period: tuple[float, float]) -> np.ndarray:
    """Swing to and fro (T, D) by `size` (D,), with periods of so many seconds."""
    turns = seconds[:, None] / rng.uniform(*period, len(size)) + rng.random(len(size))
    return np.sin(2 * np.pi * turns) * size


def _colors(rng: np.random.Generator, name: str) -> tuple[np.ndarray, np.ndarray]:
    color = typical_color(rng, name, GREY) if name in CLASSES else rng.integers(60, 110) + np.zeros(3)
    return color, np.clip(color + rng.integers(-40, 41), 0, 255)


def camera_path(rng: np.random.Generator, size_hw: tuple[int, int], frames: int, fps: float) -> np.ndarray:
    """Draw the camera's way: maps (F, 2, 3) from the world to the picture, of pan, zoom and roll."""
    height, width = size_hw
    seconds = np.arange(frames) / fps
    pan = _sway(rng, seconds, np.array([0.1 * width, 0.1 * height]), (5.0, 9.0))
    pan += _sway(rng, seconds, np.full(2, 0.012 * width), (1.2, 2.0))  # a hand that shakes
    zoom, roll = (_sway(rng, seconds, np.array([size]), (6.0, 10.0))[:, 0] for size in (0.1, 0.04))
    cos, sin = (1 + zoom) * np.cos(roll), (1 + zoom) * np.sin(roll)
    turn = np.stack((cos, -sin, sin, cos), -1).reshape(-1, 2, 2)
    middle = np.array([width, height]) / 2
    shift = middle - np.einsum("fij,fj->fi", turn, middle + pan)
    return np.concatenate((turn, shift[..., None]), -1)
