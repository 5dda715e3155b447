"""Small networks with settled statistics, shared by the export and backend tests."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ultralytics.engine.exporter import Exporter
from ultralytics.nn.block.parameternet import DynamicConv2d
from ultralytics.nn.cost.info import model_from

SIDE = 64  # pixels of exports


def images(count: int, height: int = 96, width: int | None = None, seed: int = 0) -> torch.Tensor:
    """Return different images (count, 3, H, W) of one kind."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 3, height, width or height)
    level = torch.linspace(0.8, 1.0, count).view(-1, 1, 1, 1)
    return torch.rand(shape, generator=generator) * level


def settled(name: str, nc: int = 3) -> nn.Module:
    """Return a network of this name whose norms have seen images, so that its outputs depend on the input."""
    torch.manual_seed(0)
    model = model_from(name, nc)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            nn.init.normal_(module.weight, 1.0, 0.1)
            nn.init.normal_(module.bias, 0.0, 0.1)
        elif isinstance(module, DynamicConv2d):
            nn.init.normal_(module.routing.weight, std=1.0)
    model.train()
    with torch.no_grad():
        model(images(12, 160, seed=1))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):  # dead channels would blow rounding errors up
                module.running_var.clamp_(min=module.running_var.mean().item())
    model.names = {i: f"thing {i}" for i in range(nc)}
    return model.eval()


def decoded(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return what the network itself predicts."""
    with torch.no_grad():
        y = model(x)
    return y[0] if isinstance(y, (tuple, list)) else y


def export_beside(form: str, model: nn.Module, checkpoint: Any, **arguments: Any) -> str:
    """Export a network as if it came from a checkpoint, beside which the export goes, and return the path."""
    model.pt_path = str(checkpoint)
    return Exporter(overrides={"format": form, "imgsz": SIDE, "batch": 1, **arguments})(model)
