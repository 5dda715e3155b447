"""Cutting a tensor in two."""

from __future__ import annotations

import torch

__all__ = ["halves"]


def halves(x: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both halves of a tensor along an axis of even length.

    `x.chunk(2, dim)` does the same, but in a recorded graph it computes the length from the tensor again, by eight
    operators, also where it is a constant of the network. Here the length is that constant.
    """
    size = int(x.shape[dim]) // 2
    return x.split((size, size), dim)
