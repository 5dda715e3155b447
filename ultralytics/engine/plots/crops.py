"""Cutting objects out of pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from ultralytics.data.images.depth import as_drawable
from ultralytics.utils.files import increment_path

__all__ = ["save_one_box"]


def save_one_box(
    xyxy: np.ndarray | torch.Tensor | list[float],
    im: np.ndarray,
    file: str | Path = Path("im.jpg"),
    gain: float = 1.02,
    pad: int = 10,
    square: bool = False,
    BGR: bool = False,
    save: bool = True,
) -> np.ndarray:
    """Cut a box out of a picture, a little enlarged, and write it as JPEG.

    Args:
        xyxy: corners of one box in pixels, 4 numbers; or (4, 2) corners of an oriented box, which is turned upright.
        im: (H, W, 3) picture, BGR.
        file: target; an existing name gets -2, -3 ...
        gain: factor on width and height.
        pad: pixels added to width and height.
        square: widen the shorter side to the longer one.
        BGR: return the crop in BGR order, otherwise in RGB.
        save: write the file.

    Returns:
        (h, w, 3) the crop.
    """
    corners = np.asarray(xyxy.cpu() if isinstance(xyxy, torch.Tensor) else xyxy, np.float32).squeeze()
    if corners.shape == (4, 2):
        crop = _upright(corners, im, gain, pad, square)
    else:
        crop = _axis_aligned(corners.reshape(-1)[:4], im, gain, pad, square)
    if save:
        file = Path(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        target = increment_path(file).with_suffix(".jpg")
        Image.fromarray(as_drawable(crop)[..., ::-1].copy()).save(str(target), quality=95, subsampling=0)
    return crop if BGR else crop[..., ::-1]


def _enlarged(width: float, height: float, gain: float, pad: int, square: bool) -> tuple[float, float]:
    if square:
        width = height = max(width, height)
    return width * gain + pad, height * gain + pad


def _axis_aligned(xyxy: np.ndarray, im: np.ndarray, gain: float, pad: int, square: bool) -> np.ndarray:
    x1, y1, x2, y2 = xyxy.tolist()
    width, height = _enlarged(x2 - x1, y2 - y1, gain, pad, square)
    center_x, center_y = (x1 + x2) / 2, (y1 + y2) / 2
    left, right = (int(np.clip(center_x + side * width / 2, 0, im.shape[1])) for side in (-1, 1))
    top, bottom = (int(np.clip(center_y + side * height / 2, 0, im.shape[0])) for side in (-1, 1))
    # A box of no size, or at the very border, still gives one pixel: an empty crop cannot be written.
    left, top = min(left, im.shape[1] - 1), min(top, im.shape[0] - 1)
    return im[top : max(bottom, top + 1), left : max(right, left + 1)]


def _upright(corners: np.ndarray, im: np.ndarray, gain: float, pad: int, square: bool) -> np.ndarray:
    """Warp an oriented box so that the side closest to horizontal runs from left to right."""
    sides = corners[1] - corners[0], corners[2] - corners[1]
    side_x, side_y = sides if abs(sides[0][0]) >= abs(sides[1][0]) else sides[::-1]
    length_x, length_y = float(np.hypot(*side_x)), float(np.hypot(*side_y))
    right = side_x / max(length_x, 1e-6) * (1 if side_x[0] >= 0 else -1)
    down = side_y / max(length_y, 1e-6) * (1 if side_y[1] >= 0 else -1)
    width, height = _enlarged(length_x, length_y, gain, pad, square)
    size = max(round(width), 1), max(round(height), 1)
    origin = corners.mean(0) - right * width / 2 - down * height / 2
    source = np.float32([origin, origin + right * width, origin + down * height])
    target = np.float32([[0, 0], [size[0], 0], [0, size[1]]])
    return cv2.warpAffine(im, cv2.getAffineTransform(source, target), size, flags=cv2.INTER_LINEAR)
