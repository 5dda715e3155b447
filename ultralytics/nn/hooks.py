"""Hooks on layers: whether a network has some, and copies of it that leave them the user's own.

A plain `copy.deepcopy` copies what hooks are bound to as well: a tool would be told of activations in a copy of itself,
and one that holds the model would drag a second model along.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

__all__ = ["copy_network", "evaluating", "has_hooks", "hook_tables"]

FORWARD = ("_forward_hooks", "_forward_pre_hooks")
BACKWARD = ("_backward_hooks", "_backward_pre_hooks")


def hook_tables(network: nn.Module, kinds: tuple[str, ...] = FORWARD + BACKWARD) -> list[dict[int, Any]]:
    """Return the tables of hooks, number -> function, of every layer; most are empty."""
    return [module.__dict__[kind] for module in network.modules() for kind in kinds if kind in module.__dict__]


def has_hooks(network: nn.Module, kinds: tuple[str, ...] = FORWARD + BACKWARD) -> bool:
    """Return whether any layer has hooks of these kinds."""
    return any(hook_tables(network, kinds))


def copy_network(network: nn.Module, keep: Callable[[Any], bool] | None = None) -> nn.Module:
    """Return a deep copy whose layers have the same hooks, not copies of them.

    Args:
        network: not changed.
        keep: which hooks the copy gets; all when None.
    """
    known: dict[int, Any] = {}
    for table in filter(None, hook_tables(network)):
        known[id(table)] = kept = table.copy()
        for number in [] if keep is None else [number for number, hook in table.items() if not keep(hook)]:
            del kept[number]
    for module in network.modules():  # weights that hooks compute (pruning, weight norm) have a history
        results = (x for x in module.__dict__.values() if isinstance(x, torch.Tensor) and not x.is_leaf)
        known.update((id(tensor), tensor.detach().clone()) for tensor in results)
    return copy.deepcopy(network, known)


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Have all layers in evaluation mode for a while."""
    learning = [module for module in network.modules() if module.training]
    for module in learning:
        module.training = False
    try:
        yield
    finally:
        for module in learning:
            module.training = True
