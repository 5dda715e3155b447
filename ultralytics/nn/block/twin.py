"""Copies of freshly made layers, where `copy.deepcopy` would take a good part of a model's build."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

__all__ = ["shell", "twin"]

CONTAINERS = (dict, set, list)
PLAIN = ("torch.nn.", "ultralytics.nn.")  # classes whose attributes are numbers, flags and what `nn.Module` keeps


def shell(layer: nn.Module) -> nn.Module:
    """Return a module of the same class and attributes, with containers of its own that hold the same things."""
    made = layer.__class__.__new__(layer.__class__)
    made.__dict__.update((k, v.copy() if isinstance(v, CONTAINERS) else v) for k, v in layer.__dict__.items())
    return made


def twin(layer: nn.Module, memo: dict[int, Any] | None = None) -> nn.Module:
    """Return what `copy.deepcopy` gives, in about half its time.

    It would walk every attribute of every module; those of torch and of this package have nothing to copy in most. A
    module of another origin may keep anything, and is left to it.

    Args:
        layer: module to copy.
        memo: what has been copied already, by `id`, as for `copy.deepcopy`.
    """
    memo = {} if memo is None else memo
    if id(layer) in memo:
        return memo[id(layer)]
    if not type(layer).__module__.startswith(PLAIN):
        return copy.deepcopy(layer, memo)
    made = memo[id(layer)] = shell(layer)
    for tensors in (made._parameters, made._buffers):
        tensors.update((name, copy.deepcopy(tensor, memo)) for name, tensor in tensors.items())
    made._modules.update((name, None if child is None else twin(child, memo)) for name, child in made._modules.items())
    return made
