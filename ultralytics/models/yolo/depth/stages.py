"""Stages of depth estimation: network output -> maps of metres -> `Results`.

A picture has no detections here; what the stages hand on for it is a map (1, h, w).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Frame, SelectOptions

__all__ = ["finish_depth", "resized_depth", "select_depth"]


def select_depth(outputs: Any, options: SelectOptions) -> torch.Tensor:
    """Return the metres (B, 1, h, w) of a batch.

    Args:
        outputs: that tensor, a sequence that starts with it, or what the network gives in training.
        options: not used.

    Raises:
        ValueError: the output is no map of distances.
    """
    if isinstance(outputs, Mapping):
        outputs = outputs["depth"]
    metres = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
    if metres.ndim != 4 or metres.shape[1] != 1:
        raise ValueError(
            f"this model gives an output of shape {tuple(metres.shape)}, which is no depth map (B, 1, H, W); use "
            "weights of a depth model, or the task that it was made for."
        )
    return metres


def resized_depth(maps: torch.Tensor, size_hw: Sequence[int]) -> torch.Tensor:
    """Return maps (B, 1, h, w) at another height and width as float32; corners stay corners."""
    maps, size = maps.float(), tuple(int(side) for side in size_hw)
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=True)


def finish_depth(metres: torch.Tensor, frame: Frame) -> Results:
    """Return the result of one picture from its map (1, h, w), whose input was stretched from all of the picture."""
    found = resized_depth(resized_depth(metres[None], frame.input_hw), frame.image.shape[:2])[0, 0]
    return results_class()(frame.image, path=frame.path, names=frame.names, depth=found)
