"""Image classification head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.public import public

__all__ = ["Classify"]

WIDTH = 1280  # channels before the linear layer, as in EfficientNet-B0


@public("ultralytics.nn.modules.head")
class Classify(nn.Module):
    """Convolution, global average, dropout, linear layer.

    Training gives logits (B, c2), evaluation `(probabilities, logits)`, export probabilities.

    Args:
        c1: channels in; several input maps of one size are joined along the channels.
        c2: number of classes.
        k: kernel size of the convolution.
        s: its stride.
        p: its padding.
        g: its groups.
    """

    export = False
    batch_first = True  # every tensor of the output has an entry for every picture

    def __init__(self, c1: int, c2: int, k: int = 1, s: int = 1, p: int | None = None, g: int = 1):
        super().__init__()
        self.conv = Conv(c1, WIDTH, k, s, p, g)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.0, inplace=True)
        self.linear = nn.Linear(WIDTH, c2)

    def forward(self, x: torch.Tensor | Sequence[torch.Tensor]) -> Any:
        """Map (B, c1, H, W) to class scores."""
        joined = x if isinstance(x, torch.Tensor) else torch.cat(tuple(x), 1)
        pooled = self.pool(self.conv(joined)).flatten(1)
        logits = self.linear(self.drop(pooled))
        if self.training:
            return logits
        probabilities = logits.float().softmax(1)
        return probabilities if self.export else (probabilities, logits)
