"""GhostNet's classification head: average first, then two 1x1 layers, which ParameterNet makes dynamic."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.block.activation import make_activation
from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.parameternet import DynamicConv2d
from ultralytics.nn.head.classify import WIDTH, Classify

__all__ = ["DynamicGhostClassify", "GhostClassify", "pointwise"]


def pointwise(c1: int, c2: int, num_experts: int = 0) -> nn.Conv2d | DynamicConv2d:
    """Return a 1x1 convolution with bias; dynamic where `num_experts` is above 0."""
    return DynamicConv2d(c1, c2, 1, num_experts=num_experts, bias=True) if num_experts else nn.Conv2d(c1, c2, 1)


class GhostClassify(Classify):
    """Global average, 1x1 layer, activation, dropout, linear layer; outputs as those of `Classify`.

    Averaging comes before the wide layer, which then costs one position instead of all. No norm stands behind it, so
    a batch of a single image trains.

    Args:
        c1: channels in.
        c2: number of classes.
        num_experts: kernels per layer, mixed for every image; 0 for plain layers.
    """

    def __init__(self, c1: int, c2: int, num_experts: int = 0):
        nn.Module.__init__(self)  # none of the parts of `Classify`
        self.num_experts = num_experts
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = pointwise(c1, WIDTH, num_experts)
        self.act = make_activation(Conv, True)
        self.drop = nn.Dropout(0.0, inplace=True)
        self.linear = pointwise(WIDTH, c2, num_experts)

    def forward(self, x: torch.Tensor | Sequence[torch.Tensor]) -> Any:
        """Map (B, c1, H, W) to class scores."""
        joined = x if isinstance(x, torch.Tensor) else torch.cat(tuple(x), 1)
        features = self.act(self.conv(self.pool(joined)))
        logits = self.linear(self.drop(features)).flatten(1)
        if self.training:
            return logits
        probabilities = logits.float().softmax(1)
        return probabilities if self.export else (probabilities, logits)


DynamicGhostClassify = functools.partial(GhostClassify, num_experts=4)
