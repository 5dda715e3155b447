"""Tables of things that are loaded when they are asked for.

A module that offers names from other modules lists them in a table and imports nothing until a name is asked for
(PEP 562). That keeps `import ultralytics` and the command line fast, and packages of the public interface free of code.

Besides its own table a module offers what `ultralytics.interface` says about it: names that it carries because users
import them from there, and names of what is not built. Code inside the package never asks for either.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

__all__ = ["LateDict", "attach", "interface_tables", "offer", "offered"]

PACKAGE = __name__.partition(".")[0]
UNBUILT = "!"  # start of a target that names a family instead of a place
# What scripts reach through modules of the public interface: `ultralytics.engine.trainer.torch`.
LIBRARIES = {
    "F": "torch.nn.functional", "cv2": "cv2", "dist": "torch.distributed",
    "distributed": "torch.utils.data.distributed", "math": "math", "nn": "torch.nn", "np": "numpy", "os": "os",
    "random": "random", "sys": "sys", "time": "time", "torch": "torch",
}  # fmt: skip


def attach(
    module: str, table: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` for the module named `module`, which is a table and nothing else.

    Args:
        module: dotted name, its `__name__`.
        table: public name to target. `pkg.module:name` is an object, `pkg.module:name()` is the result of a call made
            on every access (for values that may change, such as the process rank), `pkg.module` is a module. Objects
            are kept in the module when they have been found. None for modules that the interface alone describes.
    """
    exported = offered(module) if table is None else [name for name, target in table.items() if ":" in target]
    return *offer(module, table), list(exported)


def offer(module: str, table: Mapping[str, str] | None = None) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a module that also has code of its own.

    Args:
        module: dotted name, its `__name__`.
        table: as for `attach`.
    """
    own = table or {}

    def get(name: str) -> Any:
        if name in own:
            value = _find(module, name, own[name])
            if ":" in own[name] and not own[name].endswith("()"):
                setattr(sys.modules[module], name, value)  # the next access skips this function
            return value
        target = None if name.startswith("_") or _has_file(module, name) else offered(module).get(name)
        if target is None and name in LIBRARIES and module != PACKAGE:
            return importlib.import_module(LIBRARIES[name])
        if target is None:
            raise UnknownNameError(module, name, own)
        return _find(module, name, target)  # not kept: it is whatever its home has at the moment

    def names() -> list[str]:
        return sorted({*vars(sys.modules[module]), *own, *offered(module)})

    return get, names


def _find(module: str, name: str, target: str) -> Any:
    """Return what a target of a table stands for."""
    if target.startswith(UNBUILT):
        return importlib.import_module(f"{PACKAGE}.utils.unbuilt").stand_in(module, name, target[1:])
    place, colon, attribute = target.partition(":")
    try:
        home = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name != place:  # something it needs is missing, which the caller should see
            raise
        raise AttributeError(f"module '{module}' has no attribute '{name}'") from error
    if not colon:
        return home
    return getattr(home, attribute[:-2])() if attribute.endswith("()") else getattr(home, attribute)


@functools.cache
def offered(module: str) -> dict[str, str]:
    """Return the targets by name of what `ultralytics.interface` says about a module."""
    inside = module.partition(".")[2]
    tables = interface_tables(inside.partition(".")[0] or "top")
    found = {}
    for home, names in tables.CARRIED.get(inside, {}).items() if tables else ():
        found |= {name: f"{PACKAGE}.{home}:{name}" for name in names.split()}
    for family, names in tables.UNBUILT.get(inside, {}).items() if tables else ():
        found |= dict.fromkeys(names.split(), UNBUILT + family)
    return found


def interface_tables(part: str) -> Any:
    """Return the module with the tables of a part of the package (`nn`, `utils` ...), None where it has none."""
    place = f"{PACKAGE}.interface.{part}"
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        return None


def _has_file(package: str, name: str) -> bool:
    """Whether a name is a module of a package, for which Python asks as an attribute before it imports it."""
    folders = getattr(sys.modules[package], "__path__", ())
    places = (os.path.join(folder, name) for folder in folders)
    return any(os.path.isfile(f"{place}.py") or os.path.isdir(place) for place in places)


class UnknownNameError(AttributeError):
    """A module has no such name. The text names the nearest ones, looked for when it is read: most are never read."""

    def __init__(self, module: str, name: str, own: Mapping[str, str]):
        super().__init__(f"module '{module}' has no attribute '{name}'")
        self.module, self.wanted, self.own = module, name, own

    def __str__(self) -> str:
        if self.wanted.startswith("_"):  # tools probe for these
            return self.args[0]
        import difflib

        known = {*self.own, *offered(self.module), *vars(sys.modules[self.module])}
        close = difflib.get_close_matches(self.wanted, [name for name in known if name[:1] != "_"], n=3)
        return f"{self.args[0]}; did you mean {' or '.join(close)}?" if close else self.args[0]

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return AttributeError, (str(self),)


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
