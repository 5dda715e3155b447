"""C2f, the stage of YOLOv8, and what derives from it: every inner block's output goes into the join.

C3k2 is the stage of YOLO11 and later. Subclasses say what their inner blocks are by the keyword `unit`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.csp import Bottleneck, C3k, ConvLike
from ultralytics.nn.block.psa import PSABlock, heads_for
from ultralytics.nn.public import public
from ultralytics.ops.halves import halves

__all__ = ["C2f", "C2fPSA", "C3f", "C3k2"]

SQUARE = ((3, 3), (3, 3))


@public("ultralytics.nn.modules.block")
class C2f(nn.Module):
    """Split in two, chain n blocks on the second half, join the halves and all outputs on the way.

    Args:
        c1: channels in.
        c2: channels out.
        n: number of inner blocks.
        shortcut: inner blocks add their input.
        g: groups of their second convolution.
        e: width of a half as a share of c2.
        conv: convolution to build with.
        unit: makes one inner block for a given width; a bottleneck by default.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        shortcut: bool = False,
        g: int = 1,
        e: float = 0.5,
        *,
        conv: ConvLike = Conv,
        unit: Callable[[int], nn.Module] | None = None,
    ):
        super().__init__()
        self.c = int(c2 * e)
        self.cv1 = conv(c1, 2 * self.c, 1, 1)
        self.cv2 = conv((2 + n) * self.c, c2, 1)
        make = unit or (lambda width: Bottleneck(width, width, shortcut, g, SQUARE, 1.0, conv=conv))
        self.m = nn.ModuleList(make(self.c) for _ in range(n))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        return self._chain(*halves(self.cv1(x), 1))

    def forward_split(self, x: torch.Tensor) -> torch.Tensor:
        """Do the same with sizes from the constructor, for converters that read sizes from nowhere else."""
        return self._chain(*self.cv1(x).split((self.c, self.c), 1))

    def _chain(self, kept: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
        parts = [kept, flow]
        for block in self.m:
            flow = block(flow)
            parts.append(flow)
        return self.cv2(torch.cat(parts, 1))


@public("ultralytics.nn.modules.block")
class C3k2(C2f):
    """C2f with inner blocks of choice: slim bottlenecks, C3k stages, or bottlenecks followed by attention.

    Args:
        c1: channels in.
        c2: channels out.
        n: number of inner blocks.
        c3k: inner blocks are C3k stages of two bottlenecks.
        e: width of a half as a share of c2.
        attn: inner blocks are a bottleneck and an attention block; wins over `c3k`.
        g: groups of the bottlenecks' second convolution.
        shortcut: inner blocks add their input.
        conv: convolution to build with.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        c3k: bool = False,
        e: float = 0.5,
        attn: bool = False,
        g: int = 1,
        shortcut: bool = True,
        *,
        conv: ConvLike = Conv,
    ):
        def unit(width: int) -> nn.Module:
            if attn:
                attentive = PSABlock(width, 0.5, heads_for(width))
                return nn.Sequential(Bottleneck(width, width, shortcut, g, conv=conv), attentive)
            if c3k:
                return C3k(width, width, 2, shortcut, g, conv=conv)
            return Bottleneck(width, width, shortcut, g, conv=conv)

        super().__init__(c1, c2, n, shortcut, g, e, conv=conv, unit=unit)


@public("ultralytics.nn.modules.block")
class C2fPSA(C2f):
    """C2f with attention blocks inside; keeps the number of channels."""

    def __init__(self, c1: int, c2: int, n: int = 1, e: float = 0.5, *, conv: ConvLike = Conv):
        if c1 != c2:
            raise ValueError(f"C2fPSA keeps the number of channels, got {c1} in and {c2} out.")
        super().__init__(c1, c2, n, e=e, conv=conv, unit=lambda width: PSABlock(width, 0.5, heads_for(width)))


@public("ultralytics.nn.modules.block")
class C3f(nn.Module):
    """C2f with two 1x1 convolutions in place of one that is split."""

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        shortcut: bool = False,
        g: int = 1,
        e: float = 0.5,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = conv(c1, hidden, 1, 1)
        self.cv2 = conv(c1, hidden, 1, 1)
        self.cv3 = conv((2 + n) * hidden, c2, 1)
        self.m = nn.ModuleList(Bottleneck(hidden, hidden, shortcut, g, SQUARE, 1.0, conv=conv) for _ in range(n))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        flow = self.cv1(x)
        parts = [self.cv2(x), flow]
        for block in self.m:
            flow = block(flow)
            parts.append(flow)
        return self.cv3(torch.cat(parts, 1))
