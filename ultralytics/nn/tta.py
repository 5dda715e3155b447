"""Test-time augmentation of detection models: several sizes and a mirrored view, merged before suppression."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

__all__ = ["VIEWS", "clipped", "descaled", "scale_img"]

# Factor on the image's size, and the axis it is mirrored along (3: left-right).
# The largest comes first, the smallest last.
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


def descaled(y: torch.Tensor, ratio: float, axis: int | None, size_hw: Sequence[int], dim: int = 1) -> torch.Tensor:
    """Bring predictions of a view into the pixels of the original images.

    Args:
        y: decoded predictions with centre and size of the boxes first among the channels.
        ratio: factor of the view.
        axis: axis along which it is mirrored, 3 left-right, 2 top-bottom, None not at all.
        size_hw: height and width of the original images.
        dim: axis of the channels.
    """
    cx, cy, extent, rest = y.split((1, 1, 2, y.shape[dim] - 4), dim)
    cx, cy, extent = cx / ratio, cy / ratio, extent / ratio
    if axis == 3:
        cx = size_hw[1] - cx
    elif axis == 2:
        cy = size_hw[0] - cy
    return torch.cat((cx, cy, extent, rest), dim)


def clipped(parts: Sequence[torch.Tensor], levels: int) -> list[torch.Tensor]:
    """Leave out what a view is not trusted with: the largest one's coarsest level, the smallest one's finest.

    Args:
        parts: predictions (B, C, A) per view, the largest first.
        levels: levels of the detector.
    """
    parts = list(parts)
    # Four times as many anchors from one level to the next finer one.
    share = sum(4**level for level in range(levels))
    tail, head = parts[0].shape[2] // share, parts[-1].shape[2] // share * 4 ** (levels - 1)
    parts[0], parts[-1] = parts[0][..., : parts[0].shape[2] - tail], parts[-1][..., head:]
    return parts
