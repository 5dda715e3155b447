"""C2f, the stage of YOLOv8, and what derives from it: every bottleneck's output goes into the join."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.csp import Bottleneck
from ultralytics.nn.public import public

__all__ = ["C2f"]


@public("ultralytics.nn.modules.block")
class C2f(nn.Module):
    """Split in two, chain n bottlenecks on the second half, join the halves and all outputs on the way."""

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        shortcut: bool = False,
        g: int = 1,
        e: float = 0.5,
        *,
        conv: Callable[..., nn.Module] = Conv,
    ):
        super().__init__()
        self.c = int(c2 * e)
        self.cv1 = conv(c1, 2 * self.c, 1, 1)
        self.cv2 = conv((2 + n) * self.c, c2, 1)
        square = ((3, 3), (3, 3))
        self.m = nn.ModuleList(Bottleneck(self.c, self.c, shortcut, g, square, 1.0, conv=conv) for _ in range(n))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        return self._chain(*self.cv1(x).chunk(2, 1))

    def forward_split(self, x: torch.Tensor) -> torch.Tensor:
        """Do the same with `split` in place of `chunk`, for converters that lack the latter."""
        return self._chain(*self.cv1(x).split((self.c, self.c), 1))

    def _chain(self, kept: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
        parts = [kept, flow]
        for block in self.m:
            flow = block(flow)
            parts.append(flow)
        return self.cv2(torch.cat(parts, 1))
