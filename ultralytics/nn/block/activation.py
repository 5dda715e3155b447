"""Which activation a convolution gets when it is asked for "the default one".

The default is the class attribute `default_act`. While a model YAML is built, `activation_scope` puts one instance per
class in its place, shared by all layers of that model and by no other model, so a YAML's `activation:` ends with its
build and hooks or flags on one model's activation never reach another.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from contextvars import ContextVar

from torch import nn

__all__ = ["activation_scope", "default_activation", "make_activation"]

# Prototype module (by id) -> the instance that stands for it in the model being built.
_SCOPE: ContextVar[dict[int, nn.Module] | None] = ContextVar("activation_scope", default=None)


@contextlib.contextmanager
def activation_scope(prototype: nn.Module | None = None, chosen: nn.Module | None = None) -> Iterator[None]:
    """Give the layers that are constructed inside the block activations of their own.

    Args:
        prototype: a class's `default_act` to be replaced.
        chosen: what replaces it; nothing is replaced where None.
    """
    given = {id(prototype): chosen} if chosen is not None else {}
    token = _SCOPE.set(given)
    try:
        yield
    finally:
        _SCOPE.reset(token)


def default_activation(owner: type[nn.Module]) -> nn.Module:
    """Return the module that stands for `owner.default_act` in the model being built."""
    prototype, scope = owner.default_act, _SCOPE.get()
    if scope is None:
        return prototype
    if id(prototype) not in scope:
        scope[id(prototype)] = copy.deepcopy(prototype).train()  # whoever used the prototype may have left it in eval
    return scope[id(prototype)]


def make_activation(owner: type[nn.Module], act: bool | nn.Module | None) -> nn.Module:
    """Return the activation of a layer of class `owner`.

    Args:
        owner: class with the attribute `default_act`.
        act: True for the default, a module for that module, anything else for none.
    """
    if act is True:
        return default_activation(owner)
    return act if isinstance(act, nn.Module) else nn.Identity()
