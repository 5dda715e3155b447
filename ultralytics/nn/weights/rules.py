"""What the modules of a network from a file may look like: names of attributes, hooks, the shape of the tree."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from ultralytics.nn.weights.classes import is_users
from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError, shown
from ultralytics.nn.weights.machine import ABSENT

__all__ = ["MAX_MODULES", "Rules", "check_tree", "restores_itself"]

MAX_MODULES = 20_000  # those counted again that occur in several places
MAX_LEVELS = 60
MAX_NAME = 200
NUMBERS = (type(None), bool, int, float, torch.Tensor)
VALUES = (*NUMBERS, str, bytes, tuple, list, torch.dtype, torch.device, enum.Enum)
CONTAINERS = (str, bytes, tuple, list, dict, set, frozenset)

Check = Callable[[Any], bool]


class Rules:
    """Which attributes objects of a class may have in a file; what has been found out is kept for the next object."""

    def __init__(self) -> None:
        self.found: dict[tuple[type, str], Check | None] = {}

    def check(self, cls: type[nn.Module], name: Any, value: Any) -> None:
        """Check an attribute, which comes before what the class has under that name.

        Raises:
            UnsafeCheckpointError: it may not be there.
        """
        fits = self._check_of(cls, name)
        if fits is not None and not fits(value):
            raise UnsafeCheckpointError(
                f"the checkpoint replaces '{shown(name, 60)}' of class '{cls.__qualname__}' in an object. That could "
                "change what the network does. If you trust whoever made the file, load it with trust=True.",
                f"{cls.__module__}.{cls.__qualname__}.{shown(name, 60)}",
            )

    def check_part(self, cls: type[nn.Module], name: Any) -> None:
        """Check the name of a parameter, buffer or child, which come after what the class has.

        Raises:
            CheckpointError: it cannot be one.
        """
        if type(name) is not str or not name or "." in name or len(name) > MAX_NAME:
            raise CheckpointError(f"'{shown(name, 40)}' is no name of a part of '{cls.__qualname__}'")
        self.check(cls, name, ABSENT)

    def _check_of(self, cls: type[nn.Module], name: Any) -> Check | None:
        """Return the check of an attribute's value, None where any value will do."""
        if type(name) is not str or len(name) > MAX_NAME:
            raise CheckpointError(f"'{cls.__qualname__}' has an attribute whose name is no text, or too long a one")
        key = (cls, name)
        if key not in self.found:
            self.found[key] = _check_for(cls, name)
        return self.found[key]


def _check_for(cls: type[nn.Module], name: str) -> Check | None:
    """Return the check for a name by what the class has under it.

    Facts that a class gives numbers for may differ from object to object. Text may name what is imported later, and
    anything else is code.
    """
    owner = next((base for base in cls.__mro__ if name in vars(base)), None)
    if name.startswith("__"):
        return _never
    if owner is None:
        return None
    if name == "type":  # the mark that the builder puts on layers; the class has a method of torch under it
        return lambda value: type(value) is str
    if owner in {nn.Module, object}:
        return _never
    default = vars(owner)[name]
    if default is None:
        return lambda value: isinstance(value, VALUES)
    if isinstance(default, NUMBERS):
        return lambda value: isinstance(value, NUMBERS)
    if isinstance(default, CONTAINERS) and is_users(owner):
        return lambda value: type(value) is type(default)
    return _never


def _never(value: Any) -> bool:
    return False


def restores_itself(cls: type[nn.Module]) -> bool:
    """Return whether a class of the user's has a method that restores its objects; reading a file runs none."""
    owner = next(base for base in cls.__mro__ if "__setstate__" in vars(base))
    return owner.__module__.partition(".")[0] not in {"torch", "torchvision", "timm", "ultralytics"}


def check_tree(modules: Iterable[nn.Module]) -> None:
    """Check that modules form trees of a size that can be walked; parts may be shared.

    Raises:
        CheckpointError: a module contains itself, or there are too many of them.
    """
    known: dict[int, tuple[int, int]] = {}  # modules in and below one, and the levels that they make
    above: set[int] = set()

    def measured(module: nn.Module, level: int) -> tuple[int, int]:
        key = id(module)
        if key in above or level > MAX_LEVELS:
            raise CheckpointError(f"the modules of the network contain themselves, or lie {MAX_LEVELS} deep")
        if key not in known:
            above.add(key)
            children: Mapping[str, nn.Module | None] = module.__dict__["_modules"]
            below = [measured(child, level + 1) for child in children.values() if child is not None]
            above.discard(key)
            known[key] = 1 + sum(size for size, _ in below), 1 + max((height for _, height in below), default=0)
        size, height = known[key]
        if size > MAX_MODULES or level + height > MAX_LEVELS:
            raise CheckpointError(f"the network has more than {MAX_MODULES:,} modules, or they lie {MAX_LEVELS} deep")
        return known[key]

    for module in modules:
        measured(module, 0)
