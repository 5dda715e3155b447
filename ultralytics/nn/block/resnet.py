"""Residual stages of ResNet (He et al. 2016)."""

from __future__ import annotations

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv, activated
from ultralytics.nn.block.csp import ConvLike
from ultralytics.nn.public import public

__all__ = ["ResNetBlock", "ResNetLayer"]


@public("ultralytics.nn.modules.block")
class ResNetBlock(nn.Module):
    """1x1, 3x3 and 1x1 convolutions that end with e * c2 channels, plus the input."""

    def __init__(self, c1: int, c2: int, s: int = 1, e: int = 4, *, conv: ConvLike = Conv):
        super().__init__()
        wide = e * c2
        bare = activated(conv, False)
        self.cv1 = conv(c1, c2, 1)
        self.cv2 = conv(c2, c2, 3, s)
        self.cv3 = bare(c2, wide, 1)
        fits = s == 1 and c1 == wide
        self.shortcut = nn.Identity() if fits else nn.Sequential(bare(c1, wide, 1, s))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, e * c2, H / s, W / s)."""
        return torch.relu(self.cv3(self.cv2(self.cv1(x))) + self.shortcut(x))


@public("ultralytics.nn.modules.block")
class ResNetLayer(nn.Module):
    """The stem (7x7 convolution and pooling) where `is_first`, else a stage of n blocks, the first with stride s."""

    def __init__(
        self,
        c1: int,
        c2: int,
        s: int = 1,
        is_first: bool = False,
        n: int = 1,
        e: int = 4,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        self.is_first = is_first
        if is_first:
            self.layer = nn.Sequential(conv(c1, c2, 7, 2), nn.MaxPool2d(3, 2, 1))
        else:
            later = (ResNetBlock(e * c2, c2, 1, e, conv=conv) for _ in range(n - 1))
            self.layer = nn.Sequential(ResNetBlock(c1, c2, s, e, conv=conv), *later)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H / 4, W / 4) for the stem, (B, e * c2, H / s, W / s) for a stage."""
        return self.layer(x)
