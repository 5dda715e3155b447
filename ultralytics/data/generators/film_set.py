"""The folder of a drawn film: the film itself, its true tracks as MOT-Challenge rows and as rows of rotated boxes.

    film.mp4
    gt.txt              frame, id, left, top, width, height, 1, class, visibility: every frame from 1 in one file
    obb/film_1.txt      class x1 y1 x2 y2 x3 y3 x4 y4 id: a file a frame from 1, corners in fractions of the picture

Rows are there for shapes of which a quarter or more is seen; a shape that hides and comes back keeps its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ultralytics.data.generators.film import Film, Truth
from ultralytics.data.mot import write_rows

__all__ = ["draw_frame", "mot_rows", "write_film"]


def mot_rows(film: Film) -> np.ndarray:
    """Return the true tracks of a film as rows (N, 9) of `data.mot.COLUMNS`."""
    return np.concatenate([_rows(film.truth(number).seen(), number + 1) for number in range(len(film))])


def write_film(film: Film, folder: Path) -> None:
    """Write a film and its true tracks into a folder."""
    film.write(folder / "film.mp4")
    write_rows(folder / "gt.txt", mot_rows(film))
    (folder / "obb").mkdir(parents=True, exist_ok=True)
    for number in range(len(film)):
        text = _obb_text(film.truth(number).seen(), film.size_hw)
        (folder / "obb" / f"film_{number + 1}.txt").write_text(text, encoding="utf-8")


def draw_frame(rng: np.random.Generator, size_hw: tuple[int, int], names: Sequence[str]) -> tuple[np.ndarray, str]:
    """Draw one frame of a film of its own.

    Returns:
        image: (H, W, 3) uint8 BGR.
        labels: rows `class x y w h` of what is seen, in fractions of the picture.
    """
    film = Film(int(rng.integers(2**32)), size_hw=size_hw, names=names)
    number = int(rng.integers(len(film)))
    truth = film.truth(number).seen()
    low, high = np.split(truth.boxes_xyxy / (size_hw[::-1] * 2), 2, 1)
    boxes = np.concatenate(((low + high) / 2, high - low), 1)
    text = "".join(
        f"{cls} {' '.join(f'{value:.6f}' for value in box)}\n" for cls, box in zip(truth.cls, boxes, strict=True)
    )
    return film.image(number), text


def _rows(truth: Truth, frame: int) -> np.ndarray:
    ones = np.ones(len(truth))
    top_left, size = truth.boxes_xyxy[:, :2], truth.boxes_xyxy[:, 2:] - truth.boxes_xyxy[:, :2]
    return np.column_stack((ones * frame, truth.ids, top_left, size, ones, truth.cls + 1, truth.visibility))


def _obb_text(truth: Truth, size_hw: tuple[int, int]) -> str:
    corners = np.clip(truth.corners / size_hw[::-1], 0, 1).reshape(len(truth), 8)
    return "".join(
        f"{cls} {' '.join(f'{value:.6f}' for value in row)} {track}\n"
        for cls, row, track in zip(truth.cls, corners, truth.ids, strict=True)
    )
