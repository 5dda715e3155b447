"""Bottlenecks and cross-stage-partial stages (CSPNet, Wang et al. 2020).

Every stage takes the convolution to build with as keyword `conv`, so a stage of dynamic convolutions is
`functools.partial(C3, conv=DynamicBnAct)`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.public import public
from ultralytics.ops.halves import halves

__all__ = ["C1", "C2", "C3", "Bottleneck", "BottleneckCSP", "C3k", "C3x"]

ConvLike = Callable[..., nn.Module]


def grouped(g: int) -> dict[str, int]:
    """Return the keyword for a group count; none for 1, so that convolutions without that keyword can be used."""
    return {} if g == 1 else {"g": g}


@public("ultralytics.nn.modules.block")
class Bottleneck(nn.Module):
    """Two convolutions, with the input added where the channels allow it.

    Args:
        c1: channels in.
        c2: channels out.
        shortcut: add the input.
        g: groups of the second convolution.
        k: kernel sizes of both.
        e: inner width as a share of c2.
        conv: convolution to build with.
        first: another one for the first of both.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        shortcut: bool = True,
        g: int = 1,
        k: tuple = (3, 3),
        e: float = 0.5,
        *,
        conv: ConvLike = Conv,
        first: ConvLike | None = None,
    ):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = (first or conv)(c1, hidden, k[0], 1)
        self.cv2 = conv(hidden, c2, k[1], 1, **grouped(g))
        self.add = shortcut and c1 == c2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


@public("ultralytics.nn.modules.block")
class BottleneckCSP(nn.Module):
    """The original cross-stage-partial stage: bottlenecks on one branch, a bare 1x1 convolution on the other."""

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        shortcut: bool = True,
        g: int = 1,
        e: float = 0.5,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = conv(c1, hidden, 1, 1)
        self.cv2 = nn.Conv2d(c1, hidden, 1, bias=False)
        self.cv3 = nn.Conv2d(hidden, hidden, 1, bias=False)
        self.cv4 = conv(2 * hidden, c2, 1, 1)
        self.bn = nn.BatchNorm2d(2 * hidden)
        self.act = nn.SiLU()
        self.m = nn.Sequential(*(Bottleneck(hidden, hidden, shortcut, g, e=1.0, conv=conv) for _ in range(n)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        deep = self.cv3(self.m(self.cv1(x)))
        joined = torch.cat((deep, self.cv2(x)), 1)
        return self.cv4(self.act(self.bn(joined)))


@public("ultralytics.nn.modules.block")
class C1(nn.Module):
    """A 1x1 convolution and a residual chain of n 3x3 convolutions."""

    def __init__(self, c1: int, c2: int, n: int = 1, *, conv: ConvLike = Conv):
        super().__init__()
        self.cv1 = conv(c1, c2, 1, 1)
        self.m = nn.Sequential(*(conv(c2, c2, 3) for _ in range(n)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        base = self.cv1(x)
        return base + self.m(base)


@public("ultralytics.nn.modules.block")
class C2(nn.Module):
    """Split after one convolution, bottlenecks on the first half, join by another convolution."""

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        shortcut: bool = True,
        g: int = 1,
        e: float = 0.5,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        self.c = int(c2 * e)
        self.cv1 = conv(c1, 2 * self.c, 1, 1)
        self.cv2 = conv(2 * self.c, c2, 1)
        square = ((3, 3), (3, 3))
        self.m = nn.Sequential(*(Bottleneck(self.c, self.c, shortcut, g, square, 1.0, conv=conv) for _ in range(n)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        worked, kept = halves(self.cv1(x), 1)
        return self.cv2(torch.cat((self.m(worked), kept), 1))


@public("ultralytics.nn.modules.block")
class C3(nn.Module):
    """Two 1x1 branches, one of them through n bottlenecks, joined by a third convolution."""

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        shortcut: bool = True,
        g: int = 1,
        e: float = 0.5,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = conv(c1, hidden, 1, 1)
        self.cv2 = conv(c1, hidden, 1, 1)
        self.cv3 = conv(2 * hidden, c2, 1)
        self.m = self.chain(hidden, n, shortcut, g, conv)

    def chain(self, width: int, n: int, shortcut: bool, g: int, conv: ConvLike) -> nn.Module:
        """Return the inner blocks of the first branch; subclasses bring their own."""
        return self.bottlenecks(width, n, shortcut, g, conv, ((1, 1), (3, 3)))

    @staticmethod
    def bottlenecks(width: int, n: int, shortcut: bool, g: int, conv: ConvLike, kernels: tuple) -> nn.Sequential:
        """Return n bottlenecks of one width with the given pair of kernel sizes."""
        return nn.Sequential(*(Bottleneck(width, width, shortcut, g, kernels, 1.0, conv=conv) for _ in range(n)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


@public("ultralytics.nn.modules.block")
class C3x(C3):
    """C3 whose bottlenecks use 1x3 and 3x1 kernels."""

    def chain(self, width: int, n: int, shortcut: bool, g: int, conv: ConvLike) -> nn.Module:
        """Return bottlenecks of crossed kernels."""
        return self.bottlenecks(width, n, shortcut, g, conv, ((1, 3), (3, 1)))


@public("ultralytics.nn.modules.block")
class C3k(C3):
    """C3 whose bottlenecks use k x k kernels twice."""

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        shortcut: bool = True,
        g: int = 1,
        e: float = 0.5,
        k: int = 3,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__(c1, c2, 0, shortcut, g, e, conv=conv)  # no inner blocks yet: theirs have another kernel
        self.m = self.bottlenecks(int(c2 * e), n, shortcut, g, conv, (k, k))
