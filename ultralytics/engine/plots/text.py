"""Text on pictures: OpenCV's stroke font for ASCII, TrueType through PIL for everything else. Nothing is downloaded.

A writer measures a text and draws it onto an array; only the few pixels under the text pass through PIL.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["StrokeWriter", "TextWriter", "TrueTypeWriter", "find_font", "is_ascii", "short_number"]

STROKE_HEIGHT = 22  # height in pixels of OpenCV's font at scale 1, capital letter


def is_ascii(text: object) -> bool:
    """Return whether a text, or every text of a collection or of a mapping's values, is plain ASCII."""
    values = text.values() if isinstance(text, dict) else text if isinstance(text, (list, tuple, set)) else [text]
    return all(str(value).isascii() for value in values)


def short_number(value: float) -> str:
    """Return a share with two digits, a large number with its order: 0.83, 512, 1.2M."""
    if value < 1:
        return f"{value:.2f}"
    order = min(int(np.log10(value)) // 3, 4)
    return f"{value / 1000**order:.3g}{('', 'k', 'M', 'G', 'T')[order]}"


class TextWriter(Protocol):
    """Measures and draws one line of text."""

    def size(self, text: str) -> tuple[int, int]:
        """Return width and height in pixels."""
        ...

    def draw(self, image: np.ndarray, text: str, xy: tuple[int, int], color: tuple[int, int, int]) -> None:
        """Draw onto (H, W, 3) uint8 with the upper left corner of the text at `xy`."""
        ...

    def fitted(self, text: str, width: int) -> TextWriter:
        """Return a writer whose text is at most `width` pixels wide, as far as it stays readable."""
        ...


class StrokeWriter:
    """OpenCV's stroke font.

    Args:
        scale: factor of the font's base size.
        thickness: stroke width in pixels.
    """

    MIN_SCALE = 0.3

    def __init__(self, scale: float, thickness: int) -> None:
        self.scale = scale
        self.thickness = thickness

    def size(self, text: str) -> tuple[int, int]:
        """Return width and height in pixels; the height is the same for every text."""
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, self.scale, self.thickness)[0][0]
        return width, sum(_stroke_extent(self.scale, self.thickness))

    def draw(self, image: np.ndarray, text: str, xy: tuple[int, int], color: tuple[int, int, int]) -> None:
        """Draw onto the array; parts outside of it are cut off."""
        base = (int(xy[0]), int(xy[1]) + _stroke_extent(self.scale, self.thickness)[0])
        cv2.putText(
            image, text, base, cv2.FONT_HERSHEY_SIMPLEX, self.scale, color, self.thickness, lineType=cv2.LINE_AA
        )

    def fitted(self, text: str, width: int) -> StrokeWriter:
        """Return a writer with a smaller scale where the text is wider than `width`."""
        actual = self.size(text)[0]
        if actual <= width:
            return self
        scale = max(self.scale * width / actual, self.MIN_SCALE)
        return StrokeWriter(scale, max(round(self.thickness * scale / self.scale), 1))


class TrueTypeWriter:
    """A TrueType font.

    Args:
        font: path of the font file.
        size: height of a line in pixels.
    """

    MIN_SIZE = 8

    def __init__(self, font: str, size: int) -> None:
        self.path = font
        self.pixels = size
        self.font = _open_font(font, size)

    def size(self, text: str) -> tuple[int, int]:
        """Return width and height in pixels."""
        left, top, right, bottom = self.font.getbbox(text or " ")
        return round(right - left), round(bottom - min(top, 0))

    def draw(self, image: np.ndarray, text: str, xy: tuple[int, int], color: tuple[int, int, int]) -> None:
        """Blend the text into the array; parts outside of it are cut off."""
        width, height = self.size(text)
        x, y = int(xy[0]), int(xy[1])
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, image.shape[1]), min(y + height, image.shape[0])
        if x0 >= x1 or y0 >= y1:
            return
        cover = Image.new("L", (width, height))
        ImageDraw.Draw(cover).text((-self.font.getbbox(text)[0], 0), text, fill=255, font=self.font)
        alpha = np.asarray(cover, np.float32)[y0 - y : y1 - y, x0 - x : x1 - x, None] / 255
        patch = image[y0:y1, x0:x1]
        patch[:] = (patch * (1 - alpha) + np.float32(color) * alpha + 0.5).astype(np.uint8)

    def fitted(self, text: str, width: int) -> TrueTypeWriter:
        """Return a writer with a smaller size where the text is wider than `width`."""
        actual = self.size(text)[0]
        if actual <= width:
            return self
        return TrueTypeWriter(self.path, max(int(self.pixels * width / actual), self.MIN_SIZE))


@lru_cache(maxsize=256)
def _stroke_extent(scale: float, thickness: int) -> tuple[int, int]:
    """Return how far the stroke font reaches above and below its base line, in pixels.

    Drawn and looked at, because what OpenCV reports differs between its versions.
    """
    side = int(40 * scale) + 4 * thickness + 20
    page = np.zeros((2 * side, 4 * side), np.uint8)
    cv2.putText(page, "Agj0", (0, side), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, lineType=cv2.LINE_AA)
    rows = np.flatnonzero(page.any(1))
    return side - int(rows[0]), int(rows[-1]) - side + 1


@lru_cache(maxsize=32)
def _open_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=32)
def find_font(font: str = "Arial.ttf") -> str:
    """Return the path of a font: the named file, one of that name on this machine, else DejaVu Sans of matplotlib."""
    if Path(font).is_file():
        return str(font)
    try:
        return ImageFont.truetype(font).path
    except OSError:  # not installed here
        home = Path(find_spec("matplotlib").origin).parent
        return str(home / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")
