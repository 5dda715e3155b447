"""Embedders whose answers are known, and small pictures of one colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}  # BGR


class MeanColour:
    """The mean colour as embedding; counts the pictures that it saw."""

    name = "mean colour"

    def __init__(self):
        self.seen = 0

    def encode_image(self, images):
        self.seen += len(images)
        return np.stack([image.reshape(-1, 3).mean(0) for image in images])


class NamedColour(MeanColour):
    """Knows words for colours too."""

    name = "named colour"

    def encode_text(self, texts):
        return np.array([COLOURS.get(text, (1, 1, 1)) for text in texts])


def write_colours(folder: Path, suffix: str = ".png", size: int = 24) -> Path:
    """Write `red`, `green` and `blue` pictures, the last in a folder of its own."""
    for name, colour in COLOURS.items():
        path = folder / ("deep" if name == "blue" else "") / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((size, size, 3), colour, np.uint8))
    return folder
