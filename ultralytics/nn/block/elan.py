"""Blocks of YOLOv9: layer aggregation (ELAN), and columns of feature maps that are fused again.

Sources: Wang, Yeh, Liao, "YOLOv9: Learning What You Want to Learn Using Programmable Gradient Information" (2024);
CBLinear and CBFuse are of CBNet (Liang et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv, RepConv, autopad
from ultralytics.nn.block.csp import C3, Bottleneck, ConvLike
from ultralytics.nn.public import public
from ultralytics.ops.halves import halves

__all__ = [
    "ELAN1",
    "SPPELAN",
    "AConv",
    "ADown",
    "CBFuse",
    "CBLinear",
    "RepBottleneck",
    "RepCSP",
    "RepNCSPELAN4",
]


@public("ultralytics.nn.modules.block")
class RepBottleneck(Bottleneck):
    """Bottleneck whose first convolution is a RepConv."""

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
    ):
        super().__init__(c1, c2, shortcut, g, k, e, conv=conv, first=RepConv)


@public("ultralytics.nn.modules.block")
class RepCSP(C3):
    """C3 whose bottlenecks start with a RepConv."""

    def chain(self, width: int, n: int, shortcut: bool, g: int, conv: ConvLike) -> nn.Module:
        """Return n bottlenecks of full inner width."""
        return nn.Sequential(*(RepBottleneck(width, width, shortcut, g, e=1.0, conv=conv) for _ in range(n)))


@public("ultralytics.nn.modules.block")
class ELAN1(nn.Module):
    """Split after one convolution, send the second half through two stages, join the halves and both outputs.

    Args:
        c1: channels in.
        c2: channels out.
        c3: channels of both halves together.
        c4: channels of each stage.
        conv: convolution to build with.
        stage: makes a stage for given channels in and out; a 3x3 convolution by default.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        c3: int,
        c4: int,
        *,
        conv: ConvLike = Conv,
        stage: Callable[[int, int], nn.Module] | None = None,
    ):
        super().__init__()
        make = stage or (lambda c_in, c_out: conv(c_in, c_out, 3, 1))
        self.c = c3 // 2
        self.cv1 = conv(c1, c3, 1, 1)
        self.cv2 = make(self.c, c4)
        self.cv3 = make(c4, c4)
        self.cv4 = conv(c3 + 2 * c4, c2, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        kept, half = halves(self.cv1(x), 1)
        once = self.cv2(half)
        return self.cv4(torch.cat((kept, half, once, self.cv3(once)), 1))


@public("ultralytics.nn.modules.block")
class RepNCSPELAN4(ELAN1):
    """ELAN1 whose stages are a RepCSP of n bottlenecks and a 3x3 convolution."""

    def __init__(self, c1: int, c2: int, c3: int, c4: int, n: int = 1, *, conv: ConvLike = Conv):
        def stage(c_in: int, c_out: int) -> nn.Module:
            return nn.Sequential(RepCSP(c_in, c_out, n, conv=conv), conv(c_out, c_out, 3, 1))

        super().__init__(c1, c2, c3, c4, conv=conv, stage=stage)


@public("ultralytics.nn.modules.block")
class AConv(nn.Module):
    """Halve a map: the average of neighbours, then a 3x3 convolution with stride 2."""

    def __init__(self, c1: int, c2: int, *, conv: ConvLike = Conv):
        super().__init__()
        self.cv1 = conv(c1, c2, 3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H / 2, W / 2)."""
        return self.cv1(F.avg_pool2d(x, 2, 1))


@public("ultralytics.nn.modules.block")
class ADown(nn.Module):
    """Halve a map: after averaging, half of the channels by a convolution, half by max pooling."""

    def __init__(self, c1: int, c2: int, *, conv: ConvLike = Conv):
        super().__init__()
        self.c = c2 // 2
        self.cv1 = conv(c1 // 2, self.c, 3, 2, 1)
        self.cv2 = conv(c1 // 2, self.c, 1, 1, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H / 2, W / 2)."""
        by_conv, by_max = halves(F.avg_pool2d(x, 2, 1), 1)
        return torch.cat((self.cv1(by_conv), self.cv2(F.max_pool2d(by_max, 3, 2, 1))), 1)


@public("ultralytics.nn.modules.block")
class SPPELAN(nn.Module):
    """Spatial pyramid pooling: a 1x1 convolution, three poolings in a row, all four maps joined.

    Args:
        c1: channels in.
        c2: channels out.
        c3: channels that are pooled.
        k: pooling window.
        conv: convolution to build with.
    """

    def __init__(self, c1: int, c2: int, c3: int, k: int = 5, *, conv: ConvLike = Conv):
        super().__init__()
        self.c = c3
        self.cv1 = conv(c1, c3, 1, 1)
        self.cv2, self.cv3, self.cv4 = (nn.MaxPool2d(k, 1, k // 2) for _ in range(3))
        self.cv5 = conv(4 * c3, c2, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        views = [self.cv1(x)]
        for pool in (self.cv2, self.cv3, self.cv4):
            views.append(pool(views[-1]))
        return self.cv5(torch.cat(views, 1))


@public("ultralytics.nn.modules.block")
class CBLinear(nn.Module):
    """One convolution whose output is cut into several maps, for CBFuse.

    Args:
        c1: channels in.
        c2s: channels of every map.
        k: kernel size.
        s: stride.
        p: padding; None keeps the size at stride 1.
        g: groups.
    """

    def __init__(self, c1: int, c2s: Sequence[int], k: int = 1, s: int = 1, p: int | None = None, g: int = 1):
        super().__init__()
        self.c2s = list(c2s)
        self.conv = nn.Conv2d(c1, sum(c2s), k, s, autopad(k, p), groups=g)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map (B, c1, H, W) to one (B, c, H', W') for every c of `c2s`."""
        return self.conv(x).split(self.c2s, 1)


@public("ultralytics.nn.modules.block")
class CBFuse(nn.Module):
    """Add maps of several CBLinear layers, resized to its size, to the last source.

    Args:
        idx: which map of every CBLinear source to take.
    """

    def __init__(self, idx: Sequence[int]):
        super().__init__()
        self.idx = list(idx)

    def forward(self, x: Sequence[Sequence[torch.Tensor] | torch.Tensor]) -> torch.Tensor:
        """Return the sum, in the shape of the last source."""
        *columns, y = x
        for maps, index in zip(columns, self.idx, strict=True):
            y = y + F.interpolate(maps[index], size=y.shape[2:], mode="nearest")
        return y
