"""What stands in for the parts of the public interface that are not built: classes, functions, values and modules.

All of them can be imported, named in annotations, subclassed and asked about with `isinstance`. Using one raises
`NotImplementedError` with the sentence of its family, from `ultralytics.interface.families`.
"""

from __future__ import annotations

import functools
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from ultralytics.interface.families import FAMILIES
from ultralytics.utils.lazy import PACKAGE, attach, interface_tables

__all__ = ["offer_modules", "reason", "refuse", "stand_in"]


def reason(family: str) -> str:
    """Return the sentence that says what a family lacks and what to do instead."""
    return FAMILIES[family].reason


def refuse(family: str, what: str = "") -> NoReturn:
    """Raise for something of a family that is not built.

    Args:
        family: key of `FAMILIES`.
        what: what was asked for, the start of the sentence.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(f"{what}: {reason(family)}" if what else reason(family))


class _Refusing(type):
    """Class of stand-in classes: whatever else they would have is refused too."""

    family: str

    def __getattr__(cls, name: str) -> Any:
        """Tell an attribute that the real class would have from a slip; probing with `hasattr` works."""
        if name.startswith("_"):
            raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'")
        raise AttributeError(f"{cls.__name__}.{name}: {reason(cls.family)}")


class _Unbuilt(metaclass=_Refusing):
    """Base of stand-in classes. Refuses when made, also where a subclass has a constructor of its own."""

    family = ""
    stands_for = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        refuse(cls.family, cls.stands_for)


class _Value:
    """Stand-in for a constant: it can be imported and handed on, and refuses to be read."""

    def __init__(self, name: str, family: str):
        self._name, self._family = name, family

    def __repr__(self) -> str:
        return f"<{self._name}, not built>"

    def _refuse(self, *args: Any) -> NoReturn:
        refuse(self._family, self._name)

    __bool__ = __call__ = __contains__ = __float__ = __getitem__ = __int__ = __iter__ = __len__ = _refuse

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name if name.startswith("_") else f"{self._name}.{name}: {reason(self._family)}")


@functools.cache
def stand_in(module: str, name: str, family: str) -> Any:
    """Return what a module offers under the name of something that is not built; the same object every time.

    What kind it is follows from the way the name is written: `CONSTANT_VALUE`, `ClassName` or `function_name`.
    """
    if name.isupper() and "_" in name:
        return _Value(name, family)
    note = f"Not built: {reason(family)}"
    if not name[0].islower():
        content = {"family": family, "stands_for": name, "__module__": module, "__doc__": note}
        return _Refusing(name, (_Unbuilt,), content)

    def refusing(*args: Any, **kwargs: Any) -> NoReturn:
        refuse(family, name)

    refusing.__name__ = refusing.__qualname__ = name
    refusing.__module__, refusing.__doc__ = module, note
    return refusing


class _Finder:
    """Finds the modules of one package that the tables name and that have no file; files are found before.

    Args:
        package: dotted name of the package.
    """

    def __init__(self, package: str):
        self.package = package

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how to load a module that is not built, None for every other one."""
        if not name.startswith(f"{self.package}."):
            return None
        parts = name.split(".")
        tables, inside = interface_tables(parts[1]), ".".join(parts[1:])
        known = {*tables.CARRIED, *tables.UNBUILT} if tables else set()
        has_modules = any(other.startswith(f"{inside}.") for other in known)
        return ModuleSpec(name, self, is_package=has_modules) if has_modules or inside in known else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Give a module its table."""
        module.__doc__ = "Not built: its names are here and refuse when used."
        module.__getattr__, module.__dir__, module.__all__ = attach(module.__name__)


def offer_modules(package: str) -> None:
    """Make the modules of a package that are not built importable; called by the package itself.

    A module is in the way of nothing: one that has a file is loaded from it, so that building a part means writing its
    file and taking its rows out of the tables.

    Args:
        package: dotted name of the package, its `__name__`.
    """
    if package.partition(".")[0] != PACKAGE:
        raise ValueError(f"'{package}' is not a package of {PACKAGE}.")
    if not any(isinstance(finder, _Finder) and finder.package == package for finder in sys.meta_path):
        sys.meta_path.append(_Finder(package))
