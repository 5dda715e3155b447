"""Running a large batch on a processor a few pictures at a time.

A processor gains nothing from more pictures than keep its cores busy, but what lies between the layers grows with their
number: 16 pictures of 640 pixels take a small network 330 MB, two take 40. So a batch is cut, and only what comes out
is kept for all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ultralytics.nn.backends.base import each_tensor
from ultralytics.nn.weights.classes import is_users

__all__ = ["portion_size", "run_by_portions"]

PIXELS_PER_THREAD = 2 * 640 * 640
HEADS = "ultralytics.nn.modules.head"  # the public path of this package's heads


def portion_size(network: nn.Module, x: torch.Tensor) -> int:
    """Return how many pictures of a batch (B, C, H, W) to run at a time; B where the network wants them together.

    Which outputs have an entry for every picture is known of this package's own heads alone (`batch_first`).
    """
    layers = getattr(network, "model", None)
    head = layers[-1] if isinstance(layers, nn.Sequential) and len(layers) else network
    known = getattr(head, "batch_first", False) and type(head).__module__ == HEADS and not is_users(type(head))
    if not known or x.device.type != "cpu":
        return len(x)
    return max(1, PIXELS_PER_THREAD * torch.get_num_threads() // (x.shape[2] * x.shape[3]))


def run_by_portions(run: Callable[[torch.Tensor], Any], x: torch.Tensor, size: int) -> Any:
    """Return what `run` returns for a batch, from calls with at most `size` pictures.

    Args:
        run: maps (B, C, H, W) to tensors of B entries, nested in lists, tuples and mappings.
        x: the batch.
        size: pictures at a time.
    """
    if len(x) <= size:
        return run(x)
    whole, places, start = None, [], 0
    for part in x.split(size):
        y = run(part)
        if whole is None:
            whole, places = _room(y, len(x))
        for place, tensor in zip(places, _tensors(y), strict=True):
            place[start : start + len(part)] = tensor
        start += len(part)
    return whole


def _tensors(y: Any) -> list[torch.Tensor]:
    """Return the tensors of nested outputs, in order."""
    found: list[torch.Tensor] = []
    each_tensor(y, lambda tensor: found.append(tensor) or tensor)
    return found


def _room(y: Any, count: int) -> tuple[Any, list[torch.Tensor]]:
    """Return outputs like these for `count` pictures, not filled yet, and their tensors.

    A tensor that stands in several places does so again.
    """
    made: dict[int, torch.Tensor] = {}

    def enlarge(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in made:
            made[id(tensor)] = tensor.new_empty(count, *tensor.shape[1:])
        return made[id(tensor)]

    whole = each_tensor(y, enlarge)
    return whole, _tensors(whole)
