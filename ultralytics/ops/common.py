"""Small array helpers that work on numpy arrays and on tensors alike, and need no other part of the package."""

from __future__ import annotations

import math
import re
from typing import Any, TypeVar

import numpy as np
import torch

__all__ = ["Array", "as_float", "clean_str", "convert_torch2numpy_batch", "empty_like", "make_divisible", "stack_last"]

Array = TypeVar("Array", np.ndarray, torch.Tensor)

# Characters that are unwelcome in the name of a file or a window; each becomes an underscore.
_UNSAFE = re.compile(r"[|@#!¡·$€%&()=?¿^*;:,¨`><+]")


def as_float(x: Array) -> Array:
    """Return `x` itself when it holds floating-point numbers, else a float32 copy.

    Halving an odd integer must not truncate, so every function that divides coordinates promotes them first.
    """
    if isinstance(x, torch.Tensor):
        return x if x.is_floating_point() else x.float()
    x = np.asarray(x)
    return x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float32)


def stack_last(parts: list[Array] | tuple[Array, ...]) -> Array:
    """Stack equally shaped arrays `(...)` along a new last axis: `(..., len(parts))`."""
    return torch.stack(list(parts), -1) if isinstance(parts[0], torch.Tensor) else np.stack(parts, -1)


def empty_like(x: Array) -> Array:
    """Return an uninitialised array of the same kind, shape and type as `x`."""
    return torch.empty_like(x) if isinstance(x, torch.Tensor) else np.empty_like(x)


def make_divisible(x: float, divisor: int | torch.Tensor) -> int:
    """Return the smallest multiple of `divisor` that is not below `x`.

    Args:
        x: any number.
        divisor: an integer, or a tensor of strides of which the largest counts.
    """
    step = int(divisor.max()) if isinstance(divisor, torch.Tensor) else int(divisor)
    return math.ceil(x / step) * step


def convert_torch2numpy_batch(batch: torch.Tensor) -> np.ndarray:
    """Turn float images `(B, C, H, W)` in 0..1 into uint8 arrays `(B, H, W, C)` in 0..255."""
    return (batch.permute(0, 2, 3, 1).contiguous() * 255).clamp(0, 255).byte().cpu().numpy()


def clean_str(s: Any) -> str:
    """Return the text with every character that is awkward in file and window names replaced by `_`."""
    return _UNSAFE.sub("_", str(s))
