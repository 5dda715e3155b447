"""Spatial pyramid pooling (He et al. 2015): one map seen through several window sizes."""

from __future__ import annotations

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv, activated
from ultralytics.nn.block.csp import ConvLike
from ultralytics.nn.public import public

__all__ = ["SPP", "SPPF"]


@public("ultralytics.nn.modules.block")
class SPP(nn.Module):
    """Max pooling with several window sizes side by side."""

    def __init__(self, c1: int, c2: int, k: tuple = (5, 9, 13), *, conv: ConvLike = Conv):
        super().__init__()
        hidden = c1 // 2
        self.cv1 = conv(c1, hidden, 1, 1)
        self.cv2 = conv(hidden * (1 + len(k)), c2, 1, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(window, 1, window // 2) for window in k)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        x = self.cv1(x)
        return self.cv2(torch.cat([x, *(pool(x) for pool in self.m)], 1))


@public("ultralytics.nn.modules.block")
class SPPF(nn.Module):
    """Equal to SPP for windows k, 2k - 1, 3k - 2 ..., by pooling n times in a row.

    Args:
        c1: channels in.
        c2: channels out.
        k: pooling window.
        n: number of poolings.
        shortcut: add the input where c1 == c2.
        act: activation after the first convolution. Off by default; models up to YOLOv8 have it.
        conv: convolution to build with.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 5,
        n: int = 3,
        shortcut: bool = False,
        *,
        act: bool = False,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        hidden = c1 // 2
        self.cv1 = activated(conv, act)(c1, hidden, 1, 1)
        self.cv2 = conv(hidden * (1 + n), c2, 1, 1)
        self.m = nn.MaxPool2d(k, 1, k // 2)
        self.n, self.add = n, shortcut and c1 == c2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        views = [self.cv1(x)]
        for _ in range(self.n):
            views.append(self.m(views[-1]))
        y = self.cv2(torch.cat(views, 1))
        return x + y if self.add else y
