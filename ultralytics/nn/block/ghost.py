"""Ghost blocks: half of the channels are made from the other half by cheap depth-wise convolutions.

Source: Han et al., "GhostNet: More Features from Cheap Operations" (2020).
"""

from __future__ import annotations

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv, DWConv, activated
from ultralytics.nn.block.csp import C3, ConvLike, grouped
from ultralytics.nn.public import public

__all__ = ["C3Ghost", "GhostBottleneck", "GhostConv"]


@public("ultralytics.nn.modules.conv")
class GhostConv(nn.Module):
    """A convolution to half of the channels, and a depth-wise 5x5 one that derives the other half from it."""

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 1,
        s: int = 1,
        g: int = 1,
        act: bool | nn.Module | None = True,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        half = c2 // 2
        conv = activated(conv, act)
        self.cv1 = conv(c1, half, k, s, **grouped(g))
        self.cv2 = conv(half, half, 5, **grouped(half))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H', W')."""
        real = self.cv1(x)
        return torch.cat((real, self.cv2(real)), 1)


@public("ultralytics.nn.modules.block")
class GhostBottleneck(nn.Module):
    """Two ghost convolutions around an optional depth-wise stride-2 one, with a shortcut."""

    def __init__(self, c1: int, c2: int, k: int = 3, s: int = 1, *, conv: ConvLike = Conv):
        super().__init__()
        half, halves = c2 // 2, s == 2
        self.conv = nn.Sequential(
            GhostConv(c1, half, conv=conv),
            DWConv(half, half, k, s, act=False) if halves else nn.Identity(),
            GhostConv(half, c2, act=False, conv=conv),
        )
        self.shortcut = (
            nn.Sequential(DWConv(c1, c1, k, s, act=False), activated(conv, False)(c1, c2, 1))
            if halves
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H', W'); at stride 1 the channels must not change."""
        return self.conv(x) + self.shortcut(x)


@public("ultralytics.nn.modules.block")
class C3Ghost(C3):
    """C3 whose inner blocks are ghost bottlenecks."""

    def chain(self, width: int, n: int, shortcut: bool, g: int, conv: ConvLike) -> nn.Module:
        """Return n ghost bottlenecks; `shortcut` and `g` do not apply to them."""
        return nn.Sequential(*(GhostBottleneck(width, width, conv=conv) for _ in range(n)))
