"""Small containers that the public interface names: a printable base class and a namespace that reads like a dict."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

__all__ = ["IterableSimpleNamespace", "SimpleClass"]


class SimpleClass:
    """Base class whose text form lists the public attributes of an object, one a line."""

    __module__ = "ultralytics.utils"  # the public path, so that pickles name it

    def __str__(self) -> str:
        kind = type(self)
        head = f"{kind.__module__}.{kind.__name__} object with attributes:\n"
        rows = [self._row(name) for name in dir(self) if not name.startswith("_")]
        return "\n".join([head, *(row for row in rows if row)])

    def _row(self, name: str) -> str:
        """Return `name: value` for a data attribute, an empty string for a method."""
        value = getattr(self, name)
        if callable(value):
            return ""
        nested = isinstance(value, SimpleClass)
        shown = f"{type(value).__module__}.{type(value).__name__} object" if nested else repr(value)
        return f"{name}: {shown}"

    def __repr__(self) -> str:
        return self.__str__()

    def __getattr__(self, name: str) -> Any:
        text = f"'{type(self).__name__}' object has no attribute '{name}'"
        close = [] if name.startswith("_") else difflib.get_close_matches(name, dir(self), n=3)
        raise AttributeError(f"{text}; did you mean {' or '.join(close)}?" if close else text)


class IterableSimpleNamespace(SimpleNamespace):
    """Namespace of configuration values: attributes, iteration over `(key, value)` pairs, and `get` with a default."""

    __module__ = "ultralytics.utils"  # the public path: checkpoints of other versions name it and read it

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(vars(self).items())

    def __str__(self) -> str:
        return "\n".join(f"{key}={value}" for key, value in self)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute '{name}'. A configuration from an outdated or cut-down "
            "default.yaml lacks newer keys; `ultralytics.cfg.get_cfg(overrides=...)` fills them in."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the values as a new dictionary."""
        return dict(vars(self))

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of `key`, or `default` where it is not set."""
        return getattr(self, key, default)
