"""Pictures that are not painted before somebody needs their pixels.

A mosaic is four pictures on a surface of twice the side, of which the following affine map shows a part. Keeping the
tiles and their places (`Canvas`) instead of the pixels lets that map ask for the part it needs. An enlarged picture
(`Scaled`) has fewer source pixels than target pixels, so changing the colour is cheaper before enlarging.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["FILL", "Canvas", "Picture", "Scaled", "Tile", "painted"]

FILL = 114
"""Grey level of everything that no picture covers."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture `(h, w, C)` whose top-left pixel lies at (`top`, `left`) of the canvas; parts outside are cut off."""

    image: np.ndarray
    top: int
    left: int


@dataclass(frozen=True, slots=True)
class Canvas:
    """Tiles on a surface of `size_hw` pixels that are all `fill`, grey for pictures; later tiles cover earlier ones."""

    tiles: tuple[Tile, ...]
    size_hw: tuple[int, int]
    fill: float = FILL

    @property
    def channels(self) -> int:
        """Number of channels of the pictures."""
        return self.tiles[0].image.shape[2] if self.tiles else 3

    def paint(self, window: tuple[int, int, int, int] | None = None) -> np.ndarray:
        """Paint the pixels of a window.

        Args:
            window: (top, left, bottom, right); the whole canvas when None. It may reach beyond the canvas.

        Returns:
            A new array `(bottom - top, right - left, C)`.
        """
        height, width = self.size_hw
        y0, x0, y1, x1 = window or (0, 0, height, width)
        dtype = self.tiles[0].image.dtype if self.tiles else np.uint8
        picture = np.full((y1 - y0, x1 - x0, self.channels), self.fill, dtype)
        for tile in self.tiles:
            top, left = max(tile.top, y0, 0), max(tile.left, x0, 0)
            bottom = min(tile.top + tile.image.shape[0], y1, height)
            right = min(tile.left + tile.image.shape[1], x1, width)
            if bottom > top and right > left:
                part = tile.image[top - tile.top : bottom - tile.top, left - tile.left : right - tile.left]
                picture[top - y0 : bottom - y0, left - x0 : right - x0] = part
        return picture


@dataclass(frozen=True, slots=True)
class Scaled:
    """A picture to be resized and placed on a surface.

    Args:
        part: `(h, w, C)` source pixels.
        scale: Factor of both axes, sampled like `cv2.resize` does.
        corner: (top, left) of the result on the surface; what reaches beyond is cut off.
        size_hw: Size of the surface.
        fill: Value `(C,)` around the picture; grey when None.
    """

    part: np.ndarray
    scale: float
    corner: tuple[int, int]
    size_hw: tuple[int, int]
    fill: np.ndarray | None = None

    def recolor(self, change: Callable[[np.ndarray], np.ndarray]) -> Scaled:
        """Apply a map of single pixels, before resizing."""
        grey = np.full((1, 1, self.part.shape[2]), FILL, self.part.dtype)
        surround = grey if self.fill is None else self.fill.reshape(1, 1, -1)
        return Scaled(change(self.part), self.scale, self.corner, self.size_hw, change(surround).reshape(-1))

    def paint(self) -> np.ndarray:
        """Paint the surface `(H, W, C)`."""
        (top, left), (height, width) = self.corner, self.size_hw
        part, scale = self.part, self.scale
        if scale != 1:
            part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
            part = part[..., None] if part.ndim == 2 else part
        part = part[: height - top, : width - left]
        if part.shape[:2] == (height, width):
            return part
        picture = np.empty((height, width, part.shape[2]), part.dtype)
        picture[...] = FILL if self.fill is None else self.fill
        picture[top : top + part.shape[0], left : left + part.shape[1]] = part
        return picture


Picture = np.ndarray | Canvas | Scaled


def painted(picture: Picture) -> np.ndarray:
    """The pixels `(H, W, C)` of a picture."""
    return picture if isinstance(picture, np.ndarray) else picture.paint()
