"""The blocks of GhostNet, the network that ParameterNet makes dynamic.

A ghost module computes a part of its channels by a real convolution and derives the others from these by a cheap
depth-wise one. The bottleneck widens with one ghost module and narrows with another; between them it may step down and
weigh its channels. `conv` chooses the convolutions: with `DynamicConv` the network is ParameterNet's.

Sources: Han, Wang, Tian, Guo, Xu, Xu: "GhostNet: More Features from Cheap Operations" (2020, arXiv 1911.11907); Han,
Wang, Guo, Wu: "ParameterNet: Parameters Are All You Need" (2023, arXiv 2306.14525); Hu et al.: "Squeeze-and-Excitation
Networks" (2018).
"""

from __future__ import annotations

import math

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv, activated
from ultralytics.nn.block.csp import ConvLike

__all__ = ["GhostModule", "GhostNetBottleneck", "SqueezeExcite", "quarter_width"]


def quarter_width(channels: float) -> int:
    """Return the nearest multiple of 4 that is not more than a tenth smaller: GhostNet's rounding of widths."""
    rounded = max(4, math.floor(channels / 4 + 0.5) * 4)
    return rounded if rounded >= 0.9 * channels else rounded + 4


class SqueezeExcite(nn.Module):
    """Weigh every channel by a gate that two 1x1 convolutions make from the global average.

    Args:
        c1: channels.
        hidden: channels between the convolutions.
    """

    def __init__(self, c1: int, hidden: int):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(c1, hidden, 1)
        self.act = nn.ReLU()
        self.expand = nn.Conv2d(hidden, c1, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to the same shape."""
        return x * self.gate(self.expand(self.act(self.reduce(self.pool(x)))))


class GhostModule(nn.Module):
    """A convolution to `c2 / ratio` channels, and a depth-wise one that derives the others from them.

    Args:
        c1: channels in.
        c2: channels out.
        k: kernel size of the convolution.
        s: its stride.
        ratio: one channel in so many is computed.
        dw: kernel size of the depth-wise convolution.
        act: as in `Conv`.
        conv: makes both convolutions.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 1,
        s: int = 1,
        ratio: int = 2,
        dw: int = 3,
        act: bool | nn.Module = True,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        if ratio < 2:
            raise ValueError(f"ratio={ratio} derives no channels from others; expected 2 or more.")
        real = math.ceil(c2 / ratio)
        self.c2 = c2
        conv = activated(conv, act)
        self.primary = conv(c1, real, k, s)
        self.cheap = conv(real, real * (ratio - 1), dw, 1, g=real)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H / s, W / s)."""
        real = self.primary(x)
        both = torch.cat((real, self.cheap(real)), 1)
        return both if both.shape[1] == self.c2 else both[:, : self.c2]


class GhostNetBottleneck(nn.Module):
    """Ghost module to `mid` channels, depth-wise convolution at stride 2, channel gate, ghost module to `c2`, shortcut.

    Args:
        c1: channels in.
        c2: channels out.
        mid: channels inside.
        k: kernel size of the depth-wise convolutions that step down or change the shortcut's width.
        s: stride.
        se: hidden channels of the gate as a share of `mid`; 0 for no gate.
        conv: makes all convolutions but those of the gate.
    """

    def __init__(self, c1: int, c2: int, mid: int, k: int = 3, s: int = 1, se: float = 0.0, *, conv: ConvLike = Conv):
        super().__init__()
        self.expand = GhostModule(c1, mid, conv=conv)
        bare = activated(conv, False)
        self.down = bare(mid, mid, k, s, g=mid) if s > 1 else nn.Identity()
        self.se = SqueezeExcite(mid, quarter_width(mid * se)) if se else nn.Identity()
        self.project = GhostModule(mid, c2, act=False, conv=conv)
        fits = s == 1 and c1 == c2
        self.shortcut = nn.Identity() if fits else nn.Sequential(bare(c1, c1, k, s, g=c1), bare(c1, c2, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H / s, W / s)."""
        return self.project(self.se(self.down(self.expand(x)))) + self.shortcut(x)
