"""Drawn films whose every frame is known: shapes that move, cross, hide, turn and change size under a moving camera.

    film = Film(seed=3)                              # 10 s of 640 x 360 pixels at 30 frames a second
    for number, picture in enumerate(film):          # (H, W, 3) uint8 BGR
        truth = film.truth(number).seen()            # ids, classes, centres, boxes, corners, visibility
    film.write("film.mp4")

A film depends on its arguments only, frame by frame: any frame can be drawn alone. For exact paths, as tests of
counting need them, lay them out by hand and leave the camera still; the world's pixels are then those of the picture:

    film = Film(movers=[along("circle", [(0, 20, 90), (59, 300, 90)])], posts=0, moving_camera=False, seconds=2)
    film.truth(30).centres                           # (1, 2)
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from ultralytics.data.generators.drawing import (
    CLASSES,
    Shape,
    background,
    paint,
    pixels_of,
    turned,
)
from ultralytics.data.generators.movers import Mover, along, camera_path, random_movers
from ultralytics.utils.opencv import open_video_writer

__all__ = ["MIN_VISIBLE", "Film", "Mover", "Truth", "along"]

MIN_VISIBLE = 0.25  # what of a shape has to be seen to count as seen
MARGIN = 0.35  # of the picture's sides: how far the ground reaches beyond the picture
GRAIN = 32  # pixels by which the pattern of the sensor's noise is larger than the picture


@dataclass(frozen=True)
class Truth:
    """What a frame holds, one row a shape that takes part in it, hindmost first.

    Attributes:
        ids: (N,) numbers of the tracks, from 1.
        cls: (N,) classes.
        centres: (N, 2) x, y in pixels of the picture, also outside it.
        boxes_xyxy: (N, 4) bounds of the whole outline inside the picture, hidden parts included, in pixels.
        corners: (N, 4, 2) corners of the rectangle around the shape that is turned with it, in pixels.
        visibility: (N,) part of the shape that is seen, 0..1: neither hidden by others nor outside.
    """

    ids: np.ndarray
    cls: np.ndarray
    centres: np.ndarray
    boxes_xyxy: np.ndarray
    corners: np.ndarray
    visibility: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def seen(self, least: float = MIN_VISIBLE) -> Truth:
        """Return the rows of shapes of which at least so much is seen."""
        rows = self.visibility >= least
        return Truth(*(getattr(self, field.name)[rows] for field in fields(self)))


class Film:
    """A film and its truth.

    Args:
        seed: of everything that is drawn at random.
        size_hw: height and width in pixels.
        seconds: length.
        fps: frames a second.
        movers: the shapes, hindmost first, or how many to draw at random; track ids are 1, 2, 3 ... in this order.
        posts: number of grey posts that stand in the world, in front of everything, for shapes to hide behind.
        moving_camera: whether it pans, zooms and rolls; a still one shows the world pixel by pixel.
        names: kinds of shapes to draw at random, in the order of their classes.

    Raises:
        ValueError: for a film without frames, or a shape that is not among `names`.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        size_hw: tuple[int, int] = (360, 640),
        seconds: float = 10.0,
        fps: float = 30.0,
        movers: int | Sequence[Mover] = 14,
        posts: int = 2,
        moving_camera: bool = True,
        names: Sequence[str] = CLASSES,
    ) -> None:
        self.seed, self.size_hw, self.fps, self.names = seed & 0xFFFFFFFF, size_hw, fps, tuple(names)
        self.frames = round(seconds * fps)
        if self.frames < 1:
            raise ValueError(f"a film of {seconds} seconds at {fps} frames a second has no frame.")
        rng = self._random(0)
        drawn = isinstance(movers, int)
        self.movers = random_movers(rng, movers, size_hw, self.frames, fps, self.names) if drawn else list(movers)
        if unknown := {mover.name for mover in self.movers} - set(self.names):
            raise ValueError(f"shapes {sorted(unknown)} are not among the film's names: {', '.join(self.names)}.")
        still = np.tile(np.eye(2, 3), (self.frames, 1, 1))
        self.camera = camera_path(self._random(1), size_hw, self.frames, fps) if moving_camera else still
        self._posts = _random_posts(self._random(2), posts, size_hw)

    def __len__(self) -> int:
        return self.frames

    def __iter__(self) -> Iterator[np.ndarray]:
        """Draw all frames."""
        return (self.image(number) for number in range(self.frames))

    def _random(self, *subject: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, *subject))

    def shapes(self, number: int) -> list[tuple[int, Shape]]:
        """Return the shapes of frame `number`, hindmost first, with their track ids, in pixels of the picture.

        Raises:
            IndexError: there is no such frame.
        """
        if not 0 <= number < self.frames:
            raise IndexError(f"frame {number}: the film has frames 0 to {self.frames - 1}.")
        found = []
        for track, mover in enumerate(self.movers, 1):
            if mover.alive(number):
                at = number - mover.start
                outline, corners = turned(mover.name, mover.path[at], mover.radius[at], mover.angle_rad[at])
                centre = mover.path[at][None]
                outline, corners, centre = (
                    _moved(points, self.camera[number]) for points in (outline, corners, centre)
                )
                if mover.name in {"circle", "ring"}:  # they have no angle
                    low, high = outline.min(0), outline.max(0)
                    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
                found.append((track, Shape(mover.name, outline, corners, centre[0], mover.color, mover.shade)))
        return found

    def truth(self, number: int) -> Truth:
        """Return what is true of frame `number`, from 0: a row for every shape that takes part in it, seen or not."""
        shapes = self.shapes(number)
        height, width = self.size_hw
        outlines = [shape.outline for _, shape in shapes]
        bounds = [(*outline.min(0), *outline.max(0)) for outline in outlines]
        return Truth(
            np.array([track for track, _ in shapes], int),
            np.array([self.names.index(shape.name) for _, shape in shapes], int),
            np.array([shape.centre for _, shape in shapes]).reshape(-1, 2),
            np.clip(np.array(bounds).reshape(-1, 4), 0, (width, height, width, height)),
            np.array([shape.rectangle for _, shape in shapes]).reshape(-1, 4, 2),
            _visibility([*outlines, *self._post_outlines(number)], self.size_hw)[: len(outlines)],
        )

    def image(self, number: int) -> np.ndarray:
        """Draw frame `number`, from 0: (H, W, 3) uint8 BGR."""
        height, width = self.size_hw
        shapes = [shape for _, shape in self.shapes(number)]
        picture = self._ground_seen(number)
        for shape in shapes:
            paint(picture, shape)
        for outline, post in zip(self._post_outlines(number), self._posts, strict=True):
            paint(picture, Shape(post.name, outline, outline, outline.mean(0), post.color, post.shade))
        row, column = self._random(3, number).integers(0, GRAIN, 2)
        noise = self._noise[row : row + height, column : column + width]
        return cv2.add(picture, noise, dtype=cv2.CV_8U)

    def write(self, path: str | os.PathLike) -> Path:
        """Write the film as an mp4, which appears under its name when it is complete.

        Raises:
            OSError: it cannot be written.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.stem[:40]}", dir=target.parent) as folder:
            draft = Path(folder) / "film.mp4"
            writer = open_video_writer(draft, self.size_hw[::-1], self.fps)
            for picture in self:
                writer.write(picture)
            writer.release()
            os.replace(draft, target)
        return target

    def _post_outlines(self, number: int) -> list[np.ndarray]:
        return [_moved(post.outline, self.camera[number]) for post in self._posts]

    @cached_property
    def _ground(self) -> np.ndarray:
        """The world without shapes, larger than the picture, with grains and pebbles that a camera can be told by."""
        rng = self._random(4)
        height, width = (round(side * (1 + 2 * MARGIN)) for side in self.size_hw)
        ground = background(rng, (height, width))
        grains = rng.normal(0, 12, (height // 2 + 1, width // 2 + 1)).astype(np.float32)
        grains = cv2.resize(grains, (width, height), interpolation=cv2.INTER_LINEAR)
        ground = np.clip(ground + grains[..., None], 0, 255).astype(np.uint8)
        for x, y, radius, grey in rng.integers((0, 0, 1, 30), (width, height, 5, 220), (height * width // 2500, 4)):
            cv2.circle(ground, (int(x), int(y)), int(radius), (int(grey),) * 3, -1, cv2.LINE_AA)
        return ground

    @cached_property
    def _noise(self) -> np.ndarray:
        height, width = self.size_hw
        return self._random(5).integers(-6, 7, (height + GRAIN, width + GRAIN, 3), dtype=np.int16)

    def _ground_seen(self, number: int) -> np.ndarray:
        """Return the ground as the camera of a frame shows it."""
        origin = -np.round(np.array(self.size_hw[::-1]) * MARGIN)
        turn, shift = self.camera[number][:, :2], self.camera[number][:, 2]
        shift = turn @ (origin + 0.5) + shift - 0.5  # OpenCV counts from the middle of the first pixel
        matrix = np.column_stack((turn, shift))
        return cv2.warpAffine(self._ground, matrix, self.size_hw[::-1], borderMode=cv2.BORDER_REFLECT_101)


def _moved(points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Return points (P, 2) of the world as the camera (2, 3) shows them."""
    return points @ camera[:, :2].T + camera[:, 2]


def _random_posts(rng: np.random.Generator, count: int, size_hw: tuple[int, int]) -> list[Shape]:
    """Draw upright grey bars, spread over the width."""
    height, width = size_hw
    posts = []
    for place in range(count):
        middle = np.array([(place + rng.uniform(0.35, 0.65)) / count * width, rng.uniform(0.35, 0.65) * height])
        half = np.array([rng.uniform(0.04, 0.06) * width, rng.uniform(0.3, 0.5) * height])
        outline = middle + half * [[-1, -1], [1, -1], [1, 1], [-1, 1]]
        color = rng.integers(50, 110) + np.zeros(3)
        posts.append(Shape("post", outline, outline, middle, color, color + rng.integers(20, 60)))
    return posts


def _visibility(outlines: Sequence[np.ndarray], size_hw: tuple[int, int]) -> np.ndarray:
    """Return what of each polygon, hindmost first, is seen: neither outside the picture nor behind a later one."""
    owner = np.zeros(size_hw, np.int32)
    for number, outline in enumerate(outlines, 1):
        cv2.fillPoly(owner, [pixels_of(outline)], number)
    seen = np.bincount(owner.ravel(), minlength=len(outlines) + 1)[1:]
    return np.array([count / _pixels(outline) for count, outline in zip(seen, outlines, strict=True)])


def _pixels(outline: np.ndarray) -> int:
    """Return how many pixels a polygon covers, in an endless picture."""
    points = pixels_of(outline)
    points -= points.min(0)
    canvas = np.zeros((points.max(0) + 1)[::-1], np.uint8)
    return max(1, cv2.countNonZero(cv2.fillPoly(canvas, [points], 1)))
