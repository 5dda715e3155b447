"""Position-sensitive attention: self-attention over the cells of a coarse map (YOLOv10, Wang et al. 2024).

Shapes: N = H W cells, h heads; keys and queries are narrower than values.
"""

from __future__ import annotations

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.public import public
from ultralytics.ops.halves import halves

__all__ = ["C2PSA", "PSA", "Attention", "PSABlock", "heads_for"]

HEAD_WIDTH = 64


def heads_for(channels: int) -> int:
    """Return how many attention heads a map of this width gets, at least one."""
    return max(channels // HEAD_WIDTH, 1)


def feed_forward(channels: int) -> nn.Sequential:
    """Return two 1x1 convolutions around a doubled width, the second one linear."""
    return nn.Sequential(Conv(channels, 2 * channels, 1), Conv(2 * channels, channels, 1, act=False))


@public("ultralytics.nn.modules.block")
class Attention(nn.Module):
    """Multi-head self-attention of all cells, with a depth-wise convolution of the values for position.

    Args:
        dim: channels in and out, a multiple of `num_heads`.
        num_heads: attention heads.
        attn_ratio: width of keys and queries as a share of the values'.
    """

    def __init__(self, dim: int, num_heads: int = 8, attn_ratio: float = 0.5):
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"{dim} channels cannot be shared among {num_heads} heads.")
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.key_dim = int(self.head_dim * attn_ratio)
        self.scale = self.key_dim**-0.5
        self.qkv = Conv(dim, dim + 2 * self.key_dim * num_heads, 1, act=False)
        self.proj = Conv(dim, dim, 1, act=False)
        self.pe = Conv(dim, dim, 3, 1, g=dim, act=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to the same shape."""
        per_head = self.qkv(x).flatten(2).unflatten(1, (self.num_heads, -1))
        query, key, value = per_head.split((self.key_dim, self.key_dim, self.head_dim), 2)  # each (B, h, width, N)
        weight = ((query * self.scale).transpose(2, 3) @ key).softmax(-1)  # (B, h, N, N), rows are queries
        mixed = (value @ weight.transpose(2, 3)).reshape(x.shape)
        return self.proj(mixed + self.pe(value.reshape(x.shape)))


@public("ultralytics.nn.modules.block")
class PSABlock(nn.Module):
    """Attention, then two 1x1 convolutions, each with its input added."""

    def __init__(self, c: int, attn_ratio: float = 0.5, num_heads: int = 4, shortcut: bool = True):
        super().__init__()
        self.attn = Attention(c, num_heads, attn_ratio)
        self.ffn = feed_forward(c)
        self.add = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c, H, W) to the same shape."""
        if not self.add:
            return self.ffn(self.attn(x))
        attended = x + self.attn(x)
        return attended + self.ffn(attended)


class _HalfAttended(nn.Module):
    """Split after one convolution, attend on the second half, join by another convolution."""

    def __init__(self, c1: int, c2: int, e: float):
        super().__init__()
        if c1 != c2:
            raise ValueError(f"{type(self).__name__} keeps the number of channels, got {c1} in and {c2} out.")
        self.c = int(c1 * e)
        self.cv1 = Conv(c1, 2 * self.c, 1, 1)
        self.cv2 = Conv(2 * self.c, c1, 1)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c, H, W) to the same shape."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to the same shape."""
        kept, half = halves(self.cv1(x), 1)
        return self.cv2(torch.cat((kept, self.attend(half)), 1))


@public("ultralytics.nn.modules.block")
class PSA(_HalfAttended):
    """Attention and feed-forward on half of the channels; keeps their number."""

    def __init__(self, c1: int, c2: int, e: float = 0.5):
        super().__init__(c1, c2, e)
        self.attn = Attention(self.c, heads_for(self.c), 0.5)
        self.ffn = feed_forward(self.c)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c, H, W) to the same shape."""
        x = x + self.attn(x)
        return x + self.ffn(x)


@public("ultralytics.nn.modules.block")
class C2PSA(_HalfAttended):
    """A chain of n attention blocks on half of the channels; keeps their number."""

    def __init__(self, c1: int, c2: int, n: int = 1, e: float = 0.5):
        super().__init__(c1, c2, e)
        self.m = nn.Sequential(*(PSABlock(self.c, 0.5, heads_for(self.c)) for _ in range(n)))

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c, H, W) to the same shape."""
        return self.m(x)
