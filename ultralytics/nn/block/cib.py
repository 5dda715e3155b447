"""Compact blocks of YOLOv10: depth-wise convolutions for space, 1x1 ones for channels.

Source: Wang et al., "YOLOv10: Real-Time End-to-End Object Detection" (2024).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.c2f import C2f
from ultralytics.nn.block.conv import Conv, FoldedPickle
from ultralytics.nn.block.csp import ConvLike
from ultralytics.nn.public import public

__all__ = ["CIB", "C2fCIB", "RepVGGDW", "SCDown"]


def depthwise(channels: int, k: int = 3, act: bool = True) -> Conv:
    """Return a depth-wise k x k convolution with norm."""
    return Conv(channels, channels, k, g=channels, act=act)


@public("ultralytics.nn.modules.block")
class RepVGGDW(FoldedPickle):
    """Depth-wise 7x7 and 3x3 convolutions side by side; `fuse()` merges them into one."""

    def __init__(self, ed: int):
        super().__init__()
        self.conv = depthwise(ed, 7, act=False)
        self.conv1 = depthwise(ed, 3, act=False)
        self.dim = ed
        self.act = nn.SiLU()

    def is_folded(self) -> bool:
        """Return whether the branches are merged."""
        return "conv1" not in self._modules

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, ed, H, W) to the same shape."""
        y = self.conv(x)
        return self.act(y if self.is_folded() else y + self.conv1(x))

    def forward_fuse(self, x: torch.Tensor) -> torch.Tensor:
        """Run the merged convolution."""
        return self.act(self.conv(x))

    @torch.no_grad()
    def fuse(self) -> RepVGGDW:
        """Merge the branches, in place."""
        if self.is_folded():
            return self
        wide, narrow = self.conv.fuse().conv, self.conv1.fuse().conv
        margin = (wide.kernel_size[0] - narrow.kernel_size[0]) // 2
        wide.weight += F.pad(narrow.weight, [margin] * 4)
        wide.bias += narrow.bias
        self.conv = wide
        del self.conv1
        return self


@public("ultralytics.nn.modules.block")
class CIB(nn.Module):
    """Compact inverted block: depth-wise and 1x1 convolutions in turn, with the input added where channels allow it.

    Args:
        c1: channels in.
        c2: channels out.
        shortcut: add the input.
        e: half of the inner width as a share of c2.
        lk: large kernel in the middle.
    """

    def __init__(self, c1: int, c2: int, shortcut: bool = True, e: float = 0.5, lk: bool = False):
        super().__init__()
        inner = 2 * int(c2 * e)
        middle = RepVGGDW(inner) if lk else depthwise(inner)
        self.cv1 = nn.Sequential(depthwise(c1), Conv(c1, inner, 1), middle, Conv(inner, c2, 1), depthwise(c2))
        self.add = shortcut and c1 == c2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        return x + self.cv1(x) if self.add else self.cv1(x)


@public("ultralytics.nn.modules.block")
class C2fCIB(C2f):
    """C2f with compact inverted blocks inside.

    Args:
        c1: channels in.
        c2: channels out.
        n: number of inner blocks.
        shortcut: inner blocks add their input.
        lk: large kernels.
        g: accepted for old callers; the inner blocks have groups of their own.
        e: width of a half as a share of c2.
        conv: convolution to build with, outside of the inner blocks.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        shortcut: bool = False,
        lk: bool = False,
        g: int = 1,
        e: float = 0.5,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__(c1, c2, n, e=e, conv=conv, unit=lambda width: CIB(width, width, shortcut, 1.0, lk))


@public("ultralytics.nn.modules.block")
class SCDown(nn.Module):
    """Downsample in two steps: a 1x1 convolution changes the channels, a depth-wise one the size.

    Args:
        c1: channels in.
        c2: channels out.
        k: kernel size of the second step.
        s: its stride.
        conv: convolution of the first step.
    """

    def __init__(self, c1: int, c2: int, k: int, s: int, *, conv: ConvLike = Conv):
        super().__init__()
        self.cv1 = conv(c1, c2, 1, 1)
        self.cv2 = Conv(c2, c2, k, s, g=c2, act=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H / s, W / s)."""
        return self.cv2(self.cv1(x))
