"""Do these arguments fit this constructor? Checked by its signature and type hints, before it is called."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union

__all__ = ["fits", "hints_of", "misfit", "show_hint"]


def misfit(target: Callable, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return (argument, problem) for the first argument that does not fit, None where all do.

    Args:
        target: class, or `functools.partial` of one.
        args: positional arguments.
        kwargs: keyword arguments.
    """
    try:
        signature = (inspect.signature if isinstance(target, functools.partial) else _signature)(target)
    except (TypeError, ValueError):  # a class written in C does not tell
        return None
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        return "", f"is called as {describe(signature)}, got {list(args)}: {error}."
    hints = hints_of(target)
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        values = value if kind is inspect.Parameter.VAR_POSITIONAL else [value]
        if name in hints and kind is not inspect.Parameter.VAR_KEYWORD:
            wrong = [v for v in values if not fits(v, hints[name])]
            if wrong:
                return name, f"must be {show_hint(hints[name])}, got {wrong[0]!r}; called as {describe(signature)}."
    return None


def describe(signature: inspect.Signature) -> str:
    """Return the parameters of a constructor without their type hints, e.g. `(c1, c2, k=1)`."""
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def hints_of(target: Callable) -> dict[str, Any]:
    """Return the type hints of a constructor; none where they cannot be read."""
    return _hints(target.func if isinstance(target, functools.partial) else target)


# Models repeat a few blocks many times, and both take longer than making a small block.
_signature = functools.lru_cache(maxsize=256)(inspect.signature)


@functools.lru_cache(maxsize=256)
def _hints(kind: Callable) -> dict[str, Any]:
    """Return the type hints of a class's constructor."""
    try:
        return typing.get_type_hints(kind.__init__)
    except Exception:  # names that exist for type checkers only
        return {}


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value from a YAML may be passed where `hint` is expected; unknown hints accept anything.

    Lists pass for tuples, since YAML has no tuples, and whole numbers for floats. Truth values are no numbers.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or isinstance(hint, (str, typing.TypeVar)):
        return True
    if origin in {Union, types.UnionType}:
        return any(fits(value, h) for h in inner)
    if origin is Literal:
        return value in inner
    if hint is None or hint is type(None):
        return value is None
    if hint is bool:
        return isinstance(value, bool) or (isinstance(value, int) and value in {0, 1})
    if hint in {int, float, complex}:
        number = int if hint is int else (int, float)
        return isinstance(value, number) and not isinstance(value, bool)
    core = origin or hint
    if core in {list, tuple, collections.abc.Sequence, collections.abc.Iterable}:
        items = {h for h in inner if h is not Ellipsis}
        return isinstance(value, (list, tuple)) and all(any(fits(v, h) for h in items or {Any}) for v in value)
    if core is collections.abc.Callable:
        return callable(value)
    return not isinstance(core, type) or isinstance(value, core)


def show_hint(hint: Any) -> str:
    """Return a type hint in words a YAML's writer knows."""
    text = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
    return text.replace("typing.", "").replace("torch.nn.modules.module.", "").replace("NoneType", "None")
