"""From class logits to class maps, without a copy of all logits at the size of the picture.

Shapes: B images, C classes, h x w cells, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F

from ultralytics.ops.masks import scale_masks

__all__ = ["best_class", "class_map", "class_map_dtype", "class_map_of_picture"]


def class_map_dtype(nc: int) -> torch.dtype:
    """Return the smallest type that holds the classes 0 to nc - 1: uint8, int16 or int32."""
    return torch.uint8 if nc <= 2**8 else torch.int16 if nc <= 2**15 else torch.int32


def best_class(planes: Iterable[torch.Tensor], nc: int) -> torch.Tensor:
    """Return the class of the largest value of every pixel, of equal ones the first.

    Going class by class takes two planes of memory, however many classes there are, and a third of the time that it
    takes to stack them first.

    Args:
        planes: logits (B, H, W) of one class after the other; of a single class, above 0 is class 1.
        nc: number of classes.
    """
    planes = iter(planes)
    best = next(planes)
    if nc == 1:
        return (best > 0).to(torch.uint8)
    best = best.clone()
    found = torch.zeros(best.shape, dtype=class_map_dtype(nc), device=best.device)
    for index, plane in enumerate(planes, 1):
        found.masked_fill_(plane > best, index)
        torch.maximum(best, plane, out=best)
    return found


def class_map(values: torch.Tensor, size_hw: Sequence[int]) -> torch.Tensor:
    """Return the class of every pixel (B, H, W), in the pixels of the network's input.

    Args:
        values: logits (B, C, h, w), which are resized bilinearly, or a class map (B, h, w) that an exported model gave,
            to the nearest.
        size_hw: height and width of the result.
    """
    if values.ndim == 3:
        return _nearest(values, lambda plane: F.interpolate(plane, tuple(size_hw), mode="nearest"), size_hw)
    if values.device.type == "cpu" and len(values) > 1:  # planes of one picture stay in the processor's cache
        return torch.cat([class_map(part, size_hw) for part in values.split(1)])
    return best_class((_resized(plane, size_hw)[:, 0] for plane in _planes(values)), values.shape[1])


def class_map_of_picture(values: torch.Tensor, input_hw: Sequence[int], picture_hw: Sequence[int]) -> torch.Tensor:
    """Return the class of every pixel of the original picture (H, W).

    Logits are brought to the size of the input, lose its border and get the size of the picture, both bilinearly.

    Args:
        values: logits (C, h, w), or a class map (h, w) that an exported model gave.
        input_hw: height and width of the network's input, border included.
        picture_hw: those of the picture.
    """
    if values.ndim == 2:
        picture = _nearest(
            class_map(values[None], input_hw), lambda x: scale_masks(x, picture_hw, mode="nearest"), picture_hw
        )
        return picture[0]
    planes = (scale_masks(_resized(plane, input_hw), picture_hw)[:, 0] for plane in _planes(values[None]))
    return best_class(planes, len(values))[0]


def _planes(logits: torch.Tensor) -> Iterable[torch.Tensor]:
    """Yield logits (B, C, h, w) as float32 planes (B, 1, h, w), one class after the other."""
    return (logits[:, index : index + 1].float() for index in range(logits.shape[1]))


def _resized(plane: torch.Tensor, size_hw: Sequence[int]) -> torch.Tensor:
    """Return a plane (B, 1, h, w) at another size, itself where it has that size."""
    if plane.shape[-2:] == tuple(size_hw):
        return plane
    return F.interpolate(plane, tuple(size_hw), mode="bilinear", align_corners=False)


def _nearest(
    classes: torch.Tensor, resize: Callable[[torch.Tensor], torch.Tensor], size_hw: Sequence[int]
) -> torch.Tensor:
    """Return a class map (B, h, w) resized by a function of (B, 1, h, w) float maps, in its own type."""
    if classes.shape[-2:] == tuple(size_hw):
        return classes
    return resize(classes[:, None].float())[:, 0].to(classes.dtype)
