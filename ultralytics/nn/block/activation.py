"""Activations: which one a convolution gets when it is asked for "the default one", and one of our own.

The default is the class attribute `default_act`. While a model YAML is built, `activation_scope` puts one instance per
class in its place, shared by all layers of that model and by no other model, so a YAML's `activation:` ends with its
build and hooks or flags on one model's activation never reach another.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.public import public

__all__ = ["AGLU", "activation_scope", "default_activation", "make_activation"]

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


@public("ultralytics.nn.modules.activation")
class AGLU(nn.Module):
    """Unified activation with learnt slope `kappa` and shape `lambd`: sigmoid(kappa x - log lambda) ^ (1 / lambda).

    Source: Alexandridis, Deng, Nguyen, Luo, "Adaptive Parametric Activation" (2024).
    """

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None):
        super().__init__()
        self.lambd = nn.Parameter(torch.rand(1, device=device, dtype=dtype))
        self.kappa = nn.Parameter(torch.rand(1, device=device, dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a tensor of any shape to 0..1."""
        shape = self.lambd.clamp(min=1e-4)
        return torch.exp(F.logsigmoid(self.kappa * x - shape.log()) / shape)
