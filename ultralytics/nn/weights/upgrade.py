"""Old checkpoints become today's objects at the door.

`upgrade_model` runs once after a network was loaded, so that no other code has to ask whether an attribute is there.
Names that moved are in `moved.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from ultralytics.nn.block import tutorial
from ultralytics.nn.block.conv import FoldedPickle
from ultralytics.nn.block.parameternet import DynamicConv
from ultralytics.nn.block.spp import SPPF
from ultralytics.nn.block.transformer import MLP
from ultralytics.nn.head.depth import Depth
from ultralytics.nn.head.detect import Detect
from ultralytics.nn.head.rtdetr import RTDETRDecoder
from ultralytics.nn.models import BaseModel, DetectionModel, PoseModel, RTDETRDetectionModel

__all__ = ["LEFT_BEHIND", "MIGRATIONS", "left_behind", "upgrade_model"]

# Attributes that files hold and objects must not have; a class's own, or its children, stand in their place.
LEFT_BEHIND: list[tuple[type[nn.Module], frozenset[str]]] = [
    (FoldedPickle, frozenset({"forward"})),  # replaced by an export or by folding
    (Detect, frozenset({"export", "format", "dynamic", "end2end", "detect", "anchors", "strides", "shape"})),
    (Depth, frozenset({"export", "format"})),
    (RTDETRDecoder, frozenset({"export", "format", "dynamic", "anchors", "valid_mask", "shapes"})),
    (DetectionModel, frozenset({"end2end"})),  # in 8.2 and 8.3
    (BaseModel, frozenset({"criterion"})),
]


@functools.cache
def left_behind(cls: type[nn.Module]) -> frozenset[str]:
    """Return the names of attributes that objects of a class do not take over from a file."""
    names = [found for kind, found in LEFT_BEHIND if issubclass(cls, kind)]
    own = {"forward"} if cls.__module__.startswith("ultralytics.") else set()
    return frozenset(own.union(*names))


def _defaults(**values: Any) -> Callable[[nn.Module], None]:
    """Return a migration that adds the attributes an object lacks."""

    def add(module: nn.Module) -> None:
        for name, value in values.items():
            module.__dict__.setdefault(name, value)

    return add


def _complete_chain(module: nn.Module) -> None:
    """Give a chain of linear layers the parts that 8.4 added: an activation and an end of one's choice."""
    for name, make in (("act", nn.ReLU), ("out_norm", nn.Identity)):
        if name not in module._modules:
            setattr(module, name, make())


def _network_of_decoder(model: nn.Module) -> None:
    """Make a network with a transformer decoder one of the class that can train it; 8.x built others from YAMLs too."""
    if type(model) is DetectionModel and isinstance(model.model[-1], RTDETRDecoder):
        model.__class__ = RTDETRDetectionModel


def _keypoints_of_head(model: nn.Module) -> None:
    """Give the model the shape that its head knows."""
    model.__dict__.setdefault("kpt_shape", list(getattr(model.model[-1], "kpt_shape", ())))


def _plain_model(model: nn.Module) -> None:
    """Bring the attributes of a network to today's form."""
    own = model.__dict__
    if isinstance(own.get("args"), SimpleNamespace):
        own["args"] = dict(vars(own["args"]))
    if not isinstance(own.get("args"), Mapping):
        own["args"] = {}
    names = own.get("names")
    own["names"] = dict(enumerate(names)) if isinstance(names, (list, tuple)) else names or {0: "0"}
    own.setdefault("yaml", {})
    own.setdefault("inplace", True)
    if not isinstance(own.get("stride"), torch.Tensor):
        stride = getattr(model.model[-1], "stride", None)
        own["stride"] = stride if isinstance(stride, torch.Tensor) else torch.tensor([32.0])
    for index, layer in enumerate(model.model):
        layer.__dict__.setdefault("i", index)
        layer.__dict__.setdefault("f", -1)
        layer.__dict__.setdefault("type", f"{type(layer).__module__}.{type(layer).__qualname__}")
        layer.__dict__["np"] = sum(p.numel() for p in layer.parameters())  # 8.1 kept it on the class


# Class and what to do with its objects, in this order; subclasses take part.
MIGRATIONS: list[tuple[type[nn.Module], Callable[[nn.Module], None]]] = [
    (nn.Upsample, _defaults(recompute_scale_factor=None)),  # torch before 1.11
    (SPPF, _defaults(n=3, add=False)),  # before 8.4
    (DynamicConv, tutorial.modernise),
    (Detect, _defaults(inplace=True)),
    (MLP, _defaults(sigmoid=False, residual=False)),
    (MLP, _complete_chain),
    (DetectionModel, _network_of_decoder),
    (PoseModel, _keypoints_of_head),
    (BaseModel, _plain_model),
]


def upgrade_model(model: nn.Module, placeholder: type) -> nn.Module:
    """Bring a network from an older file to today's attributes, in place.

    Args:
        model: network as it was read.
        placeholder: class of the objects that the reader left out; attributes that hold one are removed.
    """
    for module in list(model.modules()):
        own = module.__dict__
        left = left_behind(type(module))
        for name in [n for n, v in own.items() if n in left or v is placeholder or isinstance(v, placeholder)]:
            del own[name]
        for kind, migrate in MIGRATIONS:
            if isinstance(module, kind):
                migrate(module)
    return model
