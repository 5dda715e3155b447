"""What the attributes of a network have to be that other code relies on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.weights.errors import CheckpointError

__all__ = ["check_content", "check_network"]

Check = Callable[[Any], bool]


def is_a(*kinds: type) -> Check:
    """Return a check for plain objects of some types."""
    return lambda value: type(value) in kinds


def _counts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(type(part) is int for part in value)


def _worded(value: Any) -> bool:
    """Return whether the keys of a dictionary or namespace are text."""
    own = vars(value) if isinstance(value, SimpleNamespace) else value
    return isinstance(own, Mapping) and all(isinstance(key, str) for key in own)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number))


def _names(value: Any) -> bool:
    """Return whether something names classes: a list, or a dictionary by number."""
    if isinstance(value, dict):
        return all(isinstance(key, (int, str, np.integer)) for key in value) and _names(list(value.values()))
    return isinstance(value, (list, tuple)) and all(isinstance(name, (str, int, float)) for name in value)


def _strides(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.ndim <= 1 and not value.is_complex()
    return isinstance(value, (int, float)) or _counts(value) or _floats(value)


def _floats(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(type(part) in {int, float} for part in value)


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


# Attribute, its check, and what it should be.
NETWORK: Mapping[str, tuple[Check, str]] = {
    "names": (_optional(_names), "the names of classes, a list or a dictionary by number"),
    "yaml": (_optional(_worded), "the content of a model YAML, a dictionary with text for keys"),
    "args": (_optional(_worded), "training arguments, a dictionary with text for keys"),
    "save": (_counts, "a list of layer numbers"),
    "stride": (_optional(_strides), "pixels per cell, numbers"),
    "task": (is_a(str, type(None)), "text"),
    "nc": (_number, "a number"),
    "inplace": (is_a(bool), "True or False"),
    "kpt_shape": (_optional(_counts), "two whole numbers"),
}
LAYER: Mapping[str, tuple[Check, str]] = {
    "i": (is_a(int), "a whole number"),
    "f": (lambda value: type(value) is int or _counts(value), "a whole number or several"),
    "type": (is_a(str), "text"),
    "np": (_number, "a number"),
}


CONTENT: Mapping[str, tuple[Check, str]] = {
    "train_args": (_optional(_worded), "training arguments, a dictionary with text for keys"),
    "epoch": (_optional(_number), "a number"),
    "updates": (_optional(_number), "a number"),
}


def _check(own: Mapping[str, Any], facts: Mapping[str, tuple[Check, str]]) -> None:
    for name, (fits, expected) in facts.items():
        if name in own and not fits(own[name]):
            raise CheckpointError(f"'{name}' should be {expected}, but is something else")


def check_network(own: Mapping[str, Any]) -> None:
    """Check the attributes of a network, and the marks that the builder has put on its layers.

    Raises:
        CheckpointError: one is of a wrong type, or there are no layers.
    """
    _check(own, NETWORK)
    layers = own["_modules"].get("model")
    if not isinstance(layers, (nn.Sequential, nn.ModuleList)) or not layers._modules:
        raise CheckpointError("the network has no layers under 'model'")
    for layer in layers._modules.values():
        if layer is None:
            raise CheckpointError("the network lacks a layer under 'model'")
        _check(layer.__dict__, LAYER)


def check_content(content: dict[str, Any]) -> None:
    """Check the entries of a checkpoint; training arguments become a dictionary, in place.

    Raises:
        CheckpointError: one is of a wrong type.
    """
    _check(content, CONTENT)
    if isinstance(content.get("train_args"), SimpleNamespace):
        content["train_args"] = dict(vars(content["train_args"]))
