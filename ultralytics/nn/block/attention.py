"""Attention over channels and positions.

Source: Woo et al., "CBAM: Convolutional Block Attention Module" (2018).
"""

from __future__ import annotations

import torch
from torch import nn

from ultralytics.nn.public import public

__all__ = ["CBAM", "ChannelAttention", "SpatialAttention"]


@public("ultralytics.nn.modules.conv")
class ChannelAttention(nn.Module):
    """Weigh every channel by a gate made from the global average."""

    def __init__(self, channels: int):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Conv2d(channels, channels, 1, bias=True)
        self.act = nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, C, H, W) weighted per channel."""
        return x * self.act(self.fc(self.pool(x)))


@public("ultralytics.nn.modules.conv")
class SpatialAttention(nn.Module):
    """Weigh every position by a gate made from the mean and the maximum over channels."""

    def __init__(self, kernel_size: int = 7):
        super().__init__()
        if kernel_size not in {3, 7}:
            raise ValueError(f"SpatialAttention takes kernel_size 3 or 7, got {kernel_size}.")
        self.cv1 = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.act = nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, C, H, W) weighted per position."""
        summary = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), 1)
        return x * self.act(self.cv1(summary))


@public("ultralytics.nn.modules.conv")
class CBAM(nn.Module):
    """Channel attention, then spatial attention."""

    def __init__(self, c1: int, kernel_size: int = 7):
        super().__init__()
        self.channel_attention = ChannelAttention(c1)
        self.spatial_attention = SpatialAttention(kernel_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, C, H, W), weighted by both gates."""
        return self.spatial_attention(self.channel_attention(x))
