"""Head for depth: one distance for every fourth pixel of the picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.public import public

__all__ = ["Depth"]

LOG_RANGE = (-4.0, 5.0)  # of the log of metres: 1.8 cm to 148 m
START = 0.182  # log of 1.2 m: where an untrained head begins
ENLARGED = 4  # the network's map has a fourth of the picture's side


@public("ultralytics.nn.modules.head")
class Depth(nn.Module):
    """Merge levels from coarse to fine and decode a map of distances in metres.

    Training gives `{"depth": metres}` (B, 1, H/4, W/4) as the network sees them, evaluation metres with the scale
    `exp(cal_a * ln(metres) + cal_b)` that calibration found, export the same at the size of the picture (B, 1, H, W).

    Args:
        c_mid: channels that all levels are brought to, whatever the model size.
        ch: channels of the input levels, the finest first, each half of the size of the one before.
    """

    export = False
    format = None
    min_opset = 11  # of ONNX: the first whose bilinear interpolation keeps corners
    batch_first = True  # every tensor of the output has an entry for every picture

    def __init__(self, c_mid: int = 256, ch: Sequence[int] = ()):
        super().__init__()
        if c_mid < 4 or c_mid % 4:
            raise ValueError(f"Depth takes a multiple of 4 channels, at least 4, got c_mid={c_mid}.")
        self.nl = len(ch)  # the published package asks heads for it
        half, quarter = c_mid // 2, c_mid // 4
        self.proj = nn.ModuleList(Conv(c, c_mid, 1) for c in ch)
        self.refine = nn.ModuleList(nn.Sequential(Conv(c_mid, c_mid, 3), Conv(c_mid, c_mid, 3)) for _ in ch[:-1])
        self.head = nn.Sequential(
            Conv(c_mid, half, 3),
            nn.ConvTranspose2d(half, half, 2, 2),
            Conv(half, quarter, 3),
            nn.Conv2d(quarter, 1, 1),
        )
        nn.init.constant_(self.head[-1].bias, START)
        self.register_buffer("cal_a", torch.ones(1))
        self.register_buffer("cal_b", torch.zeros(1))

    def forward(self, x: Sequence[torch.Tensor]) -> dict[str, torch.Tensor] | torch.Tensor:
        """Map levels (B, C, H/8, W/8), (B, C, H/16, W/16) ... to distances in metres."""
        levels = [project(level) for project, level in zip(self.proj, x, strict=True)]
        merged = levels[-1]
        for finer, refine in zip(levels[-2::-1], reversed(self.refine), strict=True):
            merged = refine(enlarged(merged, 2) + finer)
        log_depth = self.head(merged).clamp(*LOG_RANGE)
        if self.training:
            return {"depth": log_depth.exp()}
        metres = (self.cal_a * log_depth + self.cal_b).exp()
        return enlarged(metres, ENLARGED) if self.export else metres


def enlarged(maps: torch.Tensor, factor: int) -> torch.Tensor:
    """Return maps (B, C, h, w) at a multiple of their size; corners stay corners."""
    return F.interpolate(maps, scale_factor=float(factor), mode="bilinear", align_corners=True)
