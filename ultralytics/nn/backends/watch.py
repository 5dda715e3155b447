"""Whether a network is still what it was when a copy of it was folded.

Prediction goes on with one folded copy for many calls. People change the network in between: they load or average
weights, prune filters, rename classes, exchange layers, put hooks on them. Looking for that takes 0.2 ms for yolov8n.

What would need a look at every weight is missed: an edit in place through `.data` or numpy, which torch does not count,
of single weights that are not among those sampled here.
"""

from __future__ import annotations

import copy
import math
import operator
from collections import defaultdict
from itertools import chain, starmap
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.hooks import FORWARD, hook_tables

__all__ = ["NetworkWatch"]

SAMPLED = 256  # values per tensor: the first of so many filters
PLAIN = (bool, int, float, str, type(None), list, dict)  # attributes that people set; a forward pass notes others
WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes; compared so, NaN equals itself


class NetworkWatch:
    """What a network looks like now.

    Args:
        network: watched, not changed; it is kept alive.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        modules = list(network.modules())
        self._tables = [t for m in modules for t in (m._modules, m._parameters, m._buffers) if t]
        self._hooks = hook_tables(network)
        named = chain.from_iterable((*m._parameters.values(), *m._buffers.values()) for m in modules)
        self._tensors = [tensor for tensor in named if tensor is not None]
        self._counted = [t for t in self._tensors if not t.is_inference()]
        self._samples = _samples(self._tensors)
        self._attributes = [
            (m.__dict__, key)
            for m in modules
            for key, value in m.__dict__.items()
            if key in FORWARD or (key[0] != "_" and key != "training" and (m is network or isinstance(value, PLAIN)))
        ]
        self._sizes = [m.__dict__ for m in modules if not type(m).__module__.startswith("torch.")]
        self._names = copy.copy(getattr(network, "names", None))
        self._then = self._objects(), self._counts(), self._values()

    def holds(self, network: Any) -> bool:
        """Return whether `network` is the one that was looked at, and unchanged."""
        if network is not self.network or getattr(network, "names", None) != self._names:
            return False
        objects, counts, values = self._then
        now = self._objects()
        return (
            len(now) == len(objects)
            and all(map(operator.is_, now, objects))
            and self._counts() == counts
            and all(bool((new == old).all()) for new, old in zip(self._values(), values, strict=True))
        )

    def _objects(self) -> list[Any]:
        """Return layers, tensors, hooks and attributes. They are kept, so that none of the same address takes over."""
        tables = chain(self._tables, filter(None, self._hooks))
        return [*chain.from_iterable(map(dict.values, tables)), *starmap(dict.get, self._attributes)]

    def _counts(self) -> list[int]:
        """Return how often each tensor was changed, where its values are, and how many attributes layers have."""
        versions = map(operator.attrgetter("_version"), self._counted)
        return [*versions, *map(torch.Tensor.data_ptr, self._tensors), *map(len, self._sizes)]

    def _values(self) -> list[Any]:
        """Return copies of some values of the tensors, one array per type and device."""
        return [np.concatenate(v) if isinstance(v[0], np.ndarray) else torch.cat(v) for v in self._samples]


def _samples(tensors: list[torch.Tensor]) -> list[list[Any]]:
    """Return views on the first value of every filter of every tensor, as whole numbers, by type and device."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for tensor in tensors:
        if not tensor.numel() or not tensor.ndim or tensor.layout is not torch.strided or tensor.is_meta:
            continue
        if tensor.device.type != "cpu" and tensor.ndim == 1:
            continue  # joining all of them there would take as long as the rest of the look
        rows = slice(None, None, math.ceil(len(tensor) / SAMPLED))
        view = tensor.detach()[(rows, *(0,) * (tensor.ndim - 1))].view(WHOLE[tensor.element_size()])
        groups[view.device, view.dtype].append(view.numpy() if view.device.type == "cpu" else view)
    return list(groups.values())
