"""Head of semantic segmentation: the logits of every class at an eighth of the picture's size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.public import public

__all__ = ["SemanticSegment"]

UPSCALE = 8  # from the finest level to the picture


@public("ultralytics.nn.modules.head")
class SemanticSegment(nn.Module):
    """A convolution and a classifier for every cell of the finest level; a second one on the next level in training.

    Training gives `(logits, auxiliary logits)`, (B, nc, H / 8, W / 8) and (B, nc, H / 16, W / 16), or the logits alone
    where there is one level; evaluation gives the logits, export the logits of every pixel (B, nc, H, W).

    Args:
        nc: number of classes.
        ch: channels of the input levels, finest first.
    """

    export = False
    class_maps = True  # what it gives is one score per class and pixel
    batch_first = True

    def __init__(self, nc: int = 19, ch: Sequence[int] = ()):
        super().__init__()
        width = ch[0]
        self.nc, self.nl = nc, len(ch)
        self.stride = torch.zeros(1)  # set by the model
        self.classifier = _classifier(width, width, nc)
        self.aux_head = _classifier(ch[1], width, nc) if len(ch) > 1 else None

    def forward(self, x: Sequence[torch.Tensor]) -> Any:
        """Map the levels to class logits."""
        logits = self.classifier(x[0])
        if self.training:
            return logits if self.aux_head is None else (logits, self.aux_head(x[1]))
        if self.export:
            return F.interpolate(logits, scale_factor=float(UPSCALE), mode="bilinear", align_corners=False)
        return logits

    def fuse(self) -> None:
        """Drop the branch that only training uses."""
        self.aux_head = None


def _classifier(c_in: int, width: int, nc: int) -> nn.Sequential:
    """Return a convolution and a linear classifier of cells."""
    return nn.Sequential(Conv(c_in, width, 3), nn.Conv2d(width, nc, 1))
