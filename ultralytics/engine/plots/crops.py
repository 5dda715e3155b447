"""Cutting objects out of pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from ultralytics.data.images.depth import as_drawable
from ultralytics.utils.files import increment_path, writing

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
    """Cut a box out of a picture and write it as JPEG.

    Upright boxes are enlarged a little. Rotated ones are turned upright and cut without a margin.

    Args:
        xyxy: corners of one box in pixels, 4 numbers; or (4, 2) corners of a rotated box, as `xywhr2xyxyxyxy` gives.
        im: (H, W, C) picture, BGR, grey or of more channels.
        file: target; an existing name gets -2, -3 ...
        gain: factor on width and height of upright boxes.
        pad: pixels added to width and height of upright boxes.
        square: widen the shorter side of upright boxes to the longer one.
        BGR: return the crop in BGR order, otherwise in RGB.
        save: write the file.

    Returns:
        (h, w, C) the crop.
    """
    corners = np.asarray(xyxy.cpu() if isinstance(xyxy, torch.Tensor) else xyxy, np.float32).squeeze()
    if corners.shape == (4, 2):
        crop = _upright(corners, im)
    else:
        crop = _axis_aligned(corners.reshape(-1)[:4], im, gain, pad, square)
    if save:
        file = Path(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        target = increment_path(file).with_suffix(".jpg")
        with writing(target):
            Image.fromarray(as_drawable(crop)[..., ::-1].copy()).save(str(target), quality=95, subsampling=0)
    return crop if BGR else crop[..., ::-1]


def _axis_aligned(xyxy: np.ndarray, im: np.ndarray, gain: float, pad: int, square: bool) -> np.ndarray:
    x1, y1, x2, y2 = xyxy.tolist()
    width, height = x2 - x1, y2 - y1
    if square:
        width = height = max(width, height)
    width, height = width * gain + pad, height * gain + pad
    center_x, center_y = (x1 + x2) / 2, (y1 + y2) / 2
    left, right = (int(np.clip(center_x + side * width / 2, 0, im.shape[1])) for side in (-1, 1))
    top, bottom = (int(np.clip(center_y + side * height / 2, 0, im.shape[0])) for side in (-1, 1))
    # A box of no size, or at the very border, still gives one pixel: an empty crop cannot be written.
    left, top = min(left, im.shape[1] - 1), min(top, im.shape[0] - 1)
    return im[top : max(bottom, top + 1), left : max(right, left + 1)]


def _upright(corners: np.ndarray, im: np.ndarray) -> np.ndarray:
    """Warp a rotated box so that its width runs from left to right and its height from top to bottom.

    The corners come in the order of `xywhr2xyxyxyxy`: the third becomes the upper left one, the second the upper right
    one. What lies outside of the picture is black.
    """
    _, top_right, top_left, bottom_left = corners
    sides = top_right - top_left, bottom_left - top_left
    size = tuple(max(round(float(np.hypot(*side))), 1) for side in sides)
    steps = [side / pixels for side, pixels in zip(sides, size, strict=True)]  # in the picture, per pixel of the crop
    to_picture = np.stack((*steps, top_left), 1)
    crop = cv2.warpAffine(im, to_picture, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return crop.reshape(*crop.shape[:2], -1)  # OpenCV drops the axis of a single channel
