"""Stages of semantic segmentation: class logits -> class map -> `Results`.

A picture has no detections here; what the stages hand on for it is what the network said of its pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Frame, SelectOptions, check_classes
from ultralytics.ops.class_maps import class_map, class_map_of_picture

__all__ = ["IGNORED", "check_output", "finish_class_map", "pixel_values", "select_class_maps"]

IGNORED = 255


def pixel_values(outputs: Any) -> torch.Tensor:
    """Return what a network gives for pixels: logits (B, nc, h, w), or class maps (B, H, W) of an exported one.

    Args:
        outputs: that tensor, or a sequence that starts with it.

    Raises:
        ValueError: it is neither.
    """
    values = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
    if values.ndim not in (3, 4):
        raise ValueError(
            f"the model gives an output of shape {tuple(values.shape)}, so it is not one for semantic segmentation: "
            "expected class logits (B, nc, h, w) or class maps (B, H, W)."
        )
    return values


def check_output(values: torch.Tensor, names: Mapping[int, str], source: Any) -> None:
    """Refuse an output of more classes than the model names.

    Args:
        values: see `pixel_values`.
        names: class index to class name.
        source: the model, for the message.

    Raises:
        ValueError: naming the class.
    """
    if values.ndim == 4:
        check_classes(torch.tensor([values.shape[1] - 1]), names, source)
    elif values.numel() and len(names) > 1:  # with a single one, 0 is the rest and 1 the class
        check_classes(torch.stack(values.aminmax()), names, source)


def select_class_maps(outputs: Any, options: SelectOptions) -> torch.Tensor:
    """Return the class of every pixel (B, H, W), at the size of the input that `options` names.

    Args:
        outputs: see `pixel_values`.
        options: `size_hw`; nothing else is used.
    """
    values = pixel_values(outputs)
    return class_map(values, options.size_hw or values.shape[-2:])


def finish_class_map(values: torch.Tensor, frame: Frame) -> Results:
    """Return the result of one picture.

    Args:
        values: its logits (nc, h, w), or class map (h, w).
        frame: the picture; `classes` of its `info` are the only ones to be shown: others become 255, unless there is
            one class.
    """
    classes = class_map_of_picture(values, frame.input_hw, frame.image.shape[:2])
    wanted = frame.info.get("classes")
    if wanted is not None and len(frame.names) > 1:
        known = torch.isin(classes, torch.tensor(wanted, dtype=classes.dtype, device=classes.device))
        classes = classes.masked_fill(~known, IGNORED)
    return results_class()(frame.image, path=frame.path, names=frame.names, semantic_mask=classes)
