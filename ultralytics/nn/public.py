"""Public import paths for classes that live elsewhere.

A pickle stores `cls.__module__`, so a class whose public path differs from its file must carry the public path for the
files we write to load wherever that path is known. This module imports nothing and is safe to import from everywhere.

Such classes must not have class-level annotations: `typing.get_type_hints(cls)` would look their names up in the
public module. Annotations of methods are unaffected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["public"]

C = TypeVar("C", bound=type)


def public(path: str) -> Callable[[C], C]:
    """Return a class decorator that makes `path` the class's module, as pickles and layer tables show it.

    Args:
        path: dotted module that re-exports the class, e.g. `ultralytics.nn.modules.conv`.
    """

    def place(cls: C) -> C:
        cls.__module__ = path
        return cls

    return place
