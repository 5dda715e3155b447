"""Other names for modules and what is in them, for the time of a block: how old pickles are opened by hand."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["temporary_modules"]


@contextlib.contextmanager
def temporary_modules(
    modules: Mapping[str, str] | None = None, attributes: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Let modules and attributes be found under other names inside a block; afterwards everything is as it was.

    Checkpoints need none of this: the package's own reader knows what has moved.

    Args:
        modules: other name -> name of an importable module.
        attributes: dotted path that does not exist -> dotted path of what it should be.

    Raises:
        ImportError, AttributeError: something named by a value does not exist.
    """
    with contextlib.ExitStack() as undo:
        for path, target in (attributes or {}).items():
            place, _, name = path.rpartition(".")
            _set_for_now(undo, importlib.import_module(place), name, _resolve(target))
        for name, target in (modules or {}).items():
            module, before = importlib.import_module(target), sys.modules.get(name)
            undo.callback(_put_back, name, before)
            sys.modules[name] = module
        yield


def _resolve(path: str) -> Any:
    """Return what a dotted path of a module, or of something in one, means."""
    place, _, name = path.rpartition(".")
    return getattr(importlib.import_module(place), name)


def _set_for_now(undo: contextlib.ExitStack, owner: Any, name: str, value: Any) -> None:
    """Set an attribute until the stack is undone."""
    if name in vars(owner):
        undo.callback(setattr, owner, name, vars(owner)[name])
    else:
        undo.callback(delattr, owner, name)
    setattr(owner, name, value)


def _put_back(name: str, module: Any) -> None:
    """Let a module be found as before."""
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module
