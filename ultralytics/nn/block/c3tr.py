"""Transformer layers over the cells of a map, and the cross-stage-partial stage around them (YOLOv5).

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021); here without norms, which made them no better.
"""

from __future__ import annotations

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.csp import C3, ConvLike
from ultralytics.nn.public import public

__all__ = ["C3TR", "TransformerBlock", "TransformerLayer"]

HEADS = 4


@public("ultralytics.nn.modules.transformer")
class TransformerLayer(nn.Module):
    """Self-attention and two linear layers, each with its input added."""

    def __init__(self, c: int, num_heads: int):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(c, c, bias=False) for _ in range(3))
        self.ma = nn.MultiheadAttention(embed_dim=c, num_heads=num_heads)
        self.fc1, self.fc2 = (nn.Linear(c, c, bias=False) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map tokens (N, B, c) to the same shape."""
        x = x + self.ma(self.q(x), self.k(x), self.v(x), need_weights=False)[0]
        return x + self.fc2(self.fc1(x))


@public("ultralytics.nn.modules.transformer")
class TransformerBlock(nn.Module):
    """A chain of transformer layers over all cells, with a learnt linear map added for position.

    Args:
        c1: channels in.
        c2: channels out, a multiple of `num_heads`.
        num_heads: attention heads.
        num_layers: length of the chain.
    """

    def __init__(self, c1: int, c2: int, num_heads: int, num_layers: int):
        super().__init__()
        self.conv = Conv(c1, c2) if c1 != c2 else None
        self.linear = nn.Linear(c2, c2)
        self.tr = nn.Sequential(*(TransformerLayer(c2, num_heads) for _ in range(num_layers)))
        self.c2 = c2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        x = x if self.conv is None else self.conv(x)
        tokens = x.flatten(2).permute(2, 0, 1)
        return self.tr(tokens + self.linear(tokens)).permute(1, 2, 0).reshape(x.shape)


@public("ultralytics.nn.modules.block")
class C3TR(C3):
    """C3 with transformer layers in place of the bottlenecks."""

    def chain(self, width: int, n: int, shortcut: bool, g: int, conv: ConvLike) -> nn.Module:
        """Return n transformer layers; `shortcut`, `g` and `conv` do not apply to them."""
        return TransformerBlock(width, width, HEADS, n)
