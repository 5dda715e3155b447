"""The backbone and the neck's stage of RT-DETR.

Sources: PP-HGNetV2 (PaddleDetection), Zhao et al., "DETRs Beat YOLOs on Real-time Object Detection" (2023,
arXiv:2304.08069).

As elsewhere, `conv` is the convolution to build with. The 2x2 convolutions of the stem and the depth-wise and merged
ones stay what they are.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv, LightConv, RepConv, activated
from ultralytics.nn.block.csp import ConvLike
from ultralytics.nn.public import public

__all__ = ["HGBlock", "HGStem", "RepC3"]


def padded(x: torch.Tensor) -> torch.Tensor:
    """Add a row of zeros below and a column to the right, so that a 2x2 window keeps the map's size."""
    return F.pad(x, (0, 1, 0, 1))


@public("ultralytics.nn.modules.block")
class HGStem(nn.Module):
    """Five convolutions that take the image to a quarter of its size; half way, a pooled branch is joined.

    Args:
        c1: channels in.
        cm: channels inside.
        c2: channels out.
        conv: convolution to build with.
    """

    def __init__(self, c1: int, cm: int, c2: int, *, conv: ConvLike = Conv):
        super().__init__()
        self.stem1 = activated(conv, nn.ReLU())(c1, cm, 3, 2)
        self.stem2a = Conv(cm, cm // 2, 2, 1, 0, act=nn.ReLU())
        self.stem2b = Conv(cm // 2, cm, 2, 1, 0, act=nn.ReLU())
        self.stem3 = activated(conv, nn.ReLU())(2 * cm, cm, 3, 2)
        self.stem4 = activated(conv, nn.ReLU())(cm, c2, 1, 1)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=1, padding=0, ceil_mode=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H / 4, W / 4)."""
        x = padded(self.stem1(x))
        deep = self.stem2b(padded(self.stem2a(x)))
        return self.stem4(self.stem3(torch.cat((self.pool(x), deep), 1)))


@public("ultralytics.nn.modules.block")
class HGBlock(nn.Module):
    """A chain of n convolutions; the input and all outputs are joined, squeezed and expanded.

    Args:
        c1: channels in.
        cm: channels of every link of the chain.
        c2: channels out.
        k: kernel size.
        n: length of the chain.
        lightconv: links are a 1x1 and a depth-wise convolution.
        shortcut: add the input where the channels allow it.
        act: activation, ReLU where None.
        conv: convolution to build with.
    """

    def __init__(
        self,
        c1: int,
        cm: int,
        c2: int,
        k: int = 3,
        n: int = 6,
        lightconv: bool = False,
        shortcut: bool = False,
        act: nn.Module | None = None,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        act = nn.ReLU() if act is None else act
        plain = activated(conv, act)
        link = functools.partial(LightConv, act=act, conv=conv) if lightconv else plain
        self.m = nn.ModuleList(link(cm if i else c1, cm, k) for i in range(n))
        self.sc = plain(c1 + n * cm, c2 // 2, 1, 1)
        self.ec = plain(c2 // 2, c2, 1, 1)
        self.add = shortcut and c1 == c2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        parts = [x]
        for link in self.m:
            parts.append(link(parts[-1]))
        y = self.ec(self.sc(torch.cat(parts, 1)))
        return x + y if self.add else y


@public("ultralytics.nn.modules.block")
class RepC3(nn.Module):
    """Two 1x1 branches, one of them through n mergeable convolutions, added up.

    Args:
        c1: channels in.
        c2: channels out.
        n: length of the chain.
        e: inner width as a share of c2.
        conv: convolution to build the branches with.
    """

    def __init__(self, c1: int, c2: int, n: int = 3, e: float = 1.0, *, conv: ConvLike = Conv):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = conv(c1, hidden, 1, 1)
        self.cv2 = conv(c1, hidden, 1, 1)
        self.m = nn.Sequential(*(RepConv(hidden, hidden) for _ in range(n)))
        self.cv3 = conv(hidden, c2, 1, 1) if hidden != c2 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        return self.cv3(self.m(self.cv1(x)) + self.cv2(x))
