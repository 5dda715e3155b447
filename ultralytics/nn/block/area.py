"""Area attention: self-attention inside horizontal bands of a map, and the stages made of it.

Source: Tian, Ye, Doermann, "YOLOv12: Attention-Centric Real-Time Object Detectors" (2025).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.csp import C3k, ConvLike
from ultralytics.nn.public import public

__all__ = ["A2C2f", "AAttn", "ABlock"]

HEAD_WIDTH = 32


@public("ultralytics.nn.modules.block")
class AAttn(nn.Module):
    """Multi-head self-attention of the cells of each area, with a depth-wise 7x7 convolution of the values.

    Args:
        dim: channels in and out.
        num_heads: attention heads.
        area: bands of equal height that the map is cut into; the number of cells must be a multiple.
    """

    def __init__(self, dim: int, num_heads: int, area: int = 1):
        super().__init__()
        self.area, self.num_heads, self.head_dim = area, num_heads, dim // num_heads
        self.all_head_dim = self.head_dim * num_heads
        self.qkv = Conv(dim, 3 * self.all_head_dim, 1, act=False)
        self.proj = Conv(self.all_head_dim, dim, 1, act=False)
        self.pe = Conv(self.all_head_dim, dim, 7, 1, 3, g=dim, act=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to the same shape."""
        heads, cells = self.num_heads, x.shape[2] * x.shape[3] // self.area
        flat = self.qkv(x).flatten(2).unflatten(1, (heads, 3, self.head_dim))  # (B, h, 3, d, N)
        value_map = flat[:, :, 2].reshape(x.shape)
        banded = flat.unflatten(4, (self.area, cells)).permute(2, 0, 4, 1, 5, 3)  # (3, B, area, h, cells, d)
        query, key, value = banded.flatten(1, 2).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        mixed = mixed.unflatten(0, (-1, self.area)).permute(0, 2, 4, 1, 3).reshape(x.shape)
        return self.proj(mixed + self.pe(value_map))


@public("ultralytics.nn.modules.block")
class ABlock(nn.Module):
    """Area attention, then two 1x1 convolutions, each with its input added.

    Args:
        dim: channels in and out.
        num_heads: attention heads.
        mlp_ratio: inner width of the convolutions as a multiple of dim.
        area: see `AAttn`.
    """

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float = 1.2, area: int = 1):
        super().__init__()
        inner = int(dim * mlp_ratio)
        self.attn = AAttn(dim, num_heads, area)
        self.mlp = nn.Sequential(Conv(dim, inner, 1), Conv(inner, dim, 1, act=False))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to the same shape."""
        attended = x + self.attn(x)
        return attended + self.mlp(attended)


@public("ultralytics.nn.modules.block")
class A2C2f(nn.Module):
    """Chain n pairs of area attention blocks (or C3k stages) and join all outputs on the way.

    Args:
        c1: channels in.
        c2: channels out.
        n: length of the chain.
        a2: attention blocks; C3k stages where False.
        area: see `AAttn`.
        residual: add the input to the result, which is weighted per channel; with `a2` only, and for c1 == c2.
        mlp_ratio: see `ABlock`.
        e: inner width as a share of c2; attention needs a multiple of 32.
        g: groups of C3k stages.
        shortcut: C3k stages' bottlenecks add their input.
        conv: convolution to build with, outside of attention.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        n: int = 1,
        a2: bool = True,
        area: int = 1,
        residual: bool = False,
        mlp_ratio: float = 2.0,
        e: float = 0.5,
        g: int = 1,
        shortcut: bool = True,
        *,
        conv: ConvLike = Conv,
    ):
        super().__init__()
        hidden = int(c2 * e)
        if hidden % HEAD_WIDTH:
            raise ValueError(f"A2C2f needs an inner width that is a multiple of {HEAD_WIDTH}, got {hidden}.")
        self.cv1 = conv(c1, hidden, 1, 1)
        self.cv2 = conv((1 + n) * hidden, c2, 1)
        self.gamma = nn.Parameter(torch.full((c2,), 0.01)) if a2 and residual else None

        def unit() -> nn.Module:
            if not a2:
                return C3k(hidden, hidden, 2, shortcut, g, conv=conv)
            return nn.Sequential(*(ABlock(hidden, hidden // HEAD_WIDTH, mlp_ratio, area) for _ in range(2)))

        self.m = nn.ModuleList(unit() for _ in range(n))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        parts = [self.cv1(x)]
        for block in self.m:
            parts.append(block(parts[-1]))
        y = self.cv2(torch.cat(parts, 1))
        return y if self.gamma is None else x + self.gamma.view(-1, 1, 1) * y
