"""What users put in place of a method or a name of this package, and how code finds it.

Three rules, one for each way in which a change could be passed over:

* A method that faster code stands in for is marked `@bypassed`. The faster code asks `changed(obj, "name", ...)` and
  steps aside where a subclass, an assignment to the class or one to the object has replaced such a method.
* A method that nothing calls, because the work is organised in another way here, is listed with `@ignores(name="what
  to override instead")`, and the class's constructor calls `warn_of_ignored(self)`.
* A class or function that users replace on a public module is looked up there when it is used, by `in_use`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from ultralytics.utils.lazy import offered
from ultralytics.utils.log import LOGGER

__all__ = ["bypassed", "changed", "ignores", "in_use", "replacements", "warn_of_ignored"]

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)
T = TypeVar("T")


def bypassed(method: F) -> F:
    """Mark a method that faster code stands in for as long as it is this one.

    Whoever changes the body of such a method deletes the mark above it: then the run goes through it.
    """
    method.bypassed = method.__code__  # its code, as wrappers made by functools.wraps copy attributes
    return method


def changed(obj: Any, *names: str) -> bool:
    """Return whether any of these methods of an object (or class) is another than the marked one of this package.

    So with a property, whose function is marked.
    """
    cls, own = (obj, {}) if isinstance(obj, type) else (type(obj), getattr(obj, "__dict__", {}))
    for name in names:
        method = own[name] if name in own else getattr(cls, name)
        method = method.fget if isinstance(method, property) else method
        if getattr(method, "bypassed", None) is not getattr(method, "__code__", obj):
            return True
    return False


def ignores(**instead: str) -> Callable[[C], C]:
    """Return a class decorator that lists methods without effect, and for each what to override instead.

    The methods may be absent here, or inert ones that are marked `@bypassed`.
    """

    def note(cls: C) -> C:
        cls.without_effect = {**getattr(cls, "without_effect", {}), **instead}
        return cls

    return note


def warn_of_ignored(obj: Any) -> None:
    """Name the methods of an object's class that nothing will call; once per class. For constructors."""
    cls = type(obj)
    if "_warned_of_ignored" in vars(cls):
        return
    cls._warned_of_ignored = True
    for name, instead in getattr(cls, "without_effect", {}).items():
        if hasattr(cls, name) and changed(cls, name):
            LOGGER.warning(f"{cls.__name__}.{name}() has no effect here; {instead}.")


def in_use(original: T, *modules: str) -> T:
    """Return what a user has put in place of `original` on one of the public modules, or `original` itself.

    Args:
        original: class or function of this package, as its home defines it.
        modules: dotted names of the public modules that offer it, the one that counts most first. They are not
            imported: nobody has replaced anything on a module that is not loaded.
    """
    for module in modules:
        found = vars(sys.modules[module]).get(original.__name__, original) if module in sys.modules else original
        if found is not original:
            return found
    return original


def replacements() -> dict[str, Any]:
    """Return what users have put on this package's modules under public names, by `package.module:name`.

    That is classes and functions from outside of the package. Other processes do not have them unless they are told.
    """
    package = __name__.partition(".")[0]
    found = {}
    for place, module in list(sys.modules.items()):
        if place.partition(".")[0] != package or module is None:
            continue
        for name in {*vars(module).get("__all__", ()), *offered(place)}:
            value = vars(module).get(name)
            code = inspect.isfunction(value) or isinstance(value, type)
            if code and value.__module__.partition(".")[0] != package:
                found[f"{place}:{name}"] = value
    return found
