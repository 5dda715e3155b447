"""Class maps inside an exported graph, for runtimes whose callers want classes instead of logits."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ultralytics.nn.public import public
from ultralytics.ops.class_maps import class_map_dtype

__all__ = ["ClassMapModel"]


@public("ultralytics.engine.exporter")
class ClassMapModel(nn.Module):
    """A network whose class logits (B, C, H, W) are made the class of every pixel (B, H, W).

    The numbers are uint8 for up to 256 classes, int32 for more; of a single class, logits above 0 are class 1.

    Args:
        model: network prepared for export.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the class map of images (B, C, H, W)."""
        y: Any = self.model(x)
        logits = y[0] if isinstance(y, (list, tuple)) else y
        if logits.shape[1] == 1:
            return (logits[:, 0] > 0).to(torch.uint8)
        small = class_map_dtype(logits.shape[1]) is torch.uint8
        return logits.argmax(1).to(torch.uint8 if small else torch.int32)
