"""Tables of things that are loaded when they are asked for.

A package that offers names from many modules lists them in one table and imports nothing until a name is asked for
(PEP 562). That keeps `import ultralytics` and the command line fast, and it keeps such packages free of code.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

__all__ = ["LateDict", "attach"]


def attach(package: str, table: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` for the package named `package`.

    Args:
        package: dotted name of the package, its `__name__`.
        table: public name to target. `pkg.module:name` is an object, `pkg.module:name()` is the result of a call made
            on every access (for values that may change, such as the process rank), `pkg.module` is a module.
    """

    def get(name: str) -> Any:
        target = table.get(name)
        if target is None:
            raise AttributeError(f"module '{package}' has no attribute '{name}'{_hint(name, table)}")
        module, colon, attribute = target.partition(":")
        try:
            home = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:  # something it needs is missing, which the caller should see
                raise
            raise AttributeError(f"module '{package}' has no attribute '{name}'") from error
        if not colon:
            return home
        if attribute.endswith("()"):
            return getattr(home, attribute[:-2])()
        value = getattr(home, attribute)
        setattr(sys.modules[package], name, value)  # the next access skips this function
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *table})

    return get, names, [name for name, target in table.items() if ":" in target]


def _hint(name: str, table: Mapping[str, str]) -> str:
    """Return a `did you mean` text for an unknown public name; dunder names get none, tools probe for them often."""
    if name.startswith("_"):
        return ""
    import difflib

    close = difflib.get_close_matches(name, table, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""


class LateDict(MutableMapping[str, Any]):
    """A dictionary whose values are made when they are first asked for.

    Args:
        makers: key to a function without arguments that makes its value.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Any]]):
        self._makers = dict(makers)
        self._values: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            self._values[key] = self._makers[key]()
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._makers.setdefault(key, lambda: value)
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        del self._makers[key]
        self._values.pop(key, None)

    def __contains__(self, key: object) -> bool:
        return key in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._makers)})"
