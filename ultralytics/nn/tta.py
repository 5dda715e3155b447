"""Test-time augmentation of detection models: several sizes and a mirrored view, merged before suppression."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

__all__ = ["VIEWS", "augmented", "scale_img"]

# Factor on the image's size, and the axis it is mirrored along (3: left-right).
VIEWS: tuple[tuple[float, int | None], ...] = ((1.0, None), (0.83, 3), (0.67, None))
PAD_VALUE = 0.447  # the mean of ImageNet


def scale_img(img: torch.Tensor, ratio: float = 1.0, same_shape: bool = False, gs: int = 32) -> torch.Tensor:
    """Resize images by a factor and pad right and bottom.

    Args:
        img: (B, 3, H, W).
        ratio: factor on height and width.
        same_shape: pad to the original size instead of to the next multiple of `gs`.
        gs: largest stride of the network, in pixels.
    """
    if ratio == 1.0:
        return img
    height, width = img.shape[2:]
    small = F.interpolate(img, (int(height * ratio), int(width * ratio)), mode="bilinear", align_corners=False)
    goal = (height, width) if same_shape else tuple(math.ceil(side * ratio / gs) * gs for side in (height, width))
    return F.pad(small, (0, goal[1] - small.shape[3], 0, goal[0] - small.shape[2]), value=PAD_VALUE)


def augmented(run: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, stride: int, levels: int) -> torch.Tensor:
    """Run a detector on all views and return their predictions side by side, in pixels of the original image.

    The largest view is not trusted with the largest objects, nor the smallest view with the smallest ones: the anchors
    of its coarsest, respectively finest level are left out.

    Args:
        run: from images (B, C, H, W) to decoded predictions (B, 4 + nc, A) with centre and size in pixels.
        x: images.
        stride: largest stride of the detector.
        levels: number of its levels.
    """
    parts = []
    for ratio, axis in VIEWS:
        view = x if axis is None else x.flip(axis)
        y = run(scale_img(view, ratio, gs=stride))
        parts.append(_to_original(y, ratio, axis, x.shape[2:]))
    # Four times as many anchors from one level to the next finer one.
    share = sum(4**level for level in range(levels))
    tail, head = parts[0].shape[2] // share, parts[-1].shape[2] // share * 4 ** (levels - 1)
    parts[0], parts[-1] = parts[0][..., : parts[0].shape[2] - tail], parts[-1][..., head:]
    return torch.cat(parts, 2)


def _to_original(y: torch.Tensor, ratio: float, axis: int | None, size_hw: torch.Size) -> torch.Tensor:
    """Undo scaling and mirroring of decoded boxes (B, 4 + ..., A)."""
    cx, cy, extent, rest = y.split((1, 1, 2, y.shape[1] - 4), 1)
    cx, cy, extent = cx / ratio, cy / ratio, extent / ratio
    if axis == 3:
        cx = size_hw[1] - cx
    elif axis == 2:
        cy = size_hw[0] - cy
    return torch.cat((cx, cy, extent, rest), 1)
