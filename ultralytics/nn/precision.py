"""Keeping single steps of a network out of half precision."""

from __future__ import annotations

import contextlib

import torch

__all__ = ["at_least_float32", "full_precision"]


def at_least_float32(x: torch.Tensor) -> torch.Tensor:
    """Return `x` in float32, or as it is where it is finer."""
    return x if x.dtype == torch.float64 else x.float()


def full_precision(device_type: str) -> contextlib.AbstractContextManager:
    """Switch autocast off: boxes span hundreds of pixels, which half precision rounds to whole pixels and worse."""
    if device_type != "meta" and torch.is_autocast_enabled(device_type):
        return torch.autocast(device_type, enabled=False)
    return contextlib.nullcontext()  # a plain one leaves no trace in an exported graph
