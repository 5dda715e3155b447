"""The rule of `depth` for tensors, which networks take as shares of full brightness, 0 to 1."""

from __future__ import annotations

from typing import Any

import torch

from ultralytics.data.images.depth import DEEP, FULL, LEVELS, SHARES, UnusablePictureError, meaning
from ultralytics.utils.log import warn_once

__all__ = ["as_shares"]

ROUNDING = torch.finfo(torch.float32).eps


def as_shares(images: torch.Tensor, name: str, dtype: torch.dtype = torch.float32, **layout: Any) -> torch.Tensor:
    """Return pictures of any type as floats from 0 to 1.

    Bytes, truth values and 16 bits without sign mean what they mean in `depth`; floats from 0 to 1 are what is
    expected. Other ranges are guessed at, with a warning. Floats below 0 are taken as they are, with a warning, since
    somebody has normalised them.

    Args:
        images: tensor of any shape.
        name: what errors call it.
        dtype: type of the floats.
        **layout: `memory_format` of the result.

    Raises:
        UnusablePictureError: for numbers that mean nothing.
    """
    if images.dtype == torch.uint8:
        return images.to(dtype, **layout).div_(255)
    kind, whole = str(images.dtype).removeprefix("torch."), not images.is_floating_point()
    if images.is_complex():
        raise UnusablePictureError(f"{name}: numbers of type {kind} are no picture; use shares of brightness, 0 to 1.")
    numbers = images.to(torch.int64) if kind.startswith("uint") else images  # torch knows little of these types
    scale = {"bool": SHARES, "uint16": DEEP}.get(kind) or _scale(numbers, whole, kind, name)
    if scale == DEEP:
        numbers, scale = numbers.div(256, rounding_mode="floor"), LEVELS
    moved = numbers.to(dtype, **layout)
    return moved if scale == SHARES else moved / FULL[scale]


def _scale(numbers: torch.Tensor, whole: bool, kind: str, name: str) -> str:
    low, high = numbers.min().item(), numbers.max().item()
    if not whole and low >= 0 and high <= 1 + ROUNDING:
        return SHARES
    if not whole and low < 0 and max(-low, high) < float("inf"):
        warn_once(f"{name} has numbers below 0: it is taken as it is, and clipped where it is drawn.")
        return SHARES
    return meaning(low, high, whole, kind, name)
