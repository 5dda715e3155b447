"""`Precision`: type, layout and threads of a run's arithmetic, as a value."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

__all__ = ["Precision"]

DTYPES = ("float32", "bfloat16", "float16")
FIELDS = {"dtype": str, "channels_last": bool, "threads": int, "note": str, "spare_s": float}


@dataclass(frozen=True)
class Precision:
    """How the network computes.

    Attributes:
        dtype: `float32`, `bfloat16` or `float16`, the type of matrix products under autocast.
        channels_last: keep images and kernels in NHWC order in memory.
        threads: processor threads, 0 to leave torch's number alone.
        note: why, for the log.
        spare_s: seconds of a step with one thread less, where that was measured; 0 otherwise.
    """

    dtype: str = "float32"
    channels_last: bool = False
    threads: int = 0
    note: str = ""
    spare_s: float = 0.0

    def __str__(self) -> str:
        layout = "NHWC layout" if self.channels_last else ""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}" if self.threads else ""
        parts = [self.dtype, layout, threads]
        return ", ".join(part for part in parts if part) + (f" ({self.note})" if self.note else "")

    @property
    def mixed(self) -> bool:
        """Whether autocast is on."""
        return self.dtype != "float32"

    @property
    def scaled(self) -> bool:
        """Whether gradients need loss scaling to stay above the type's smallest number."""
        return self.dtype == "float16"

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager:
        """Return the context that the forward pass runs in."""
        if not self.mixed:
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=getattr(torch, self.dtype))

    def without_mixed(self, note: str) -> Precision:
        """Return the same layout and threads in float32."""
        return replace(self, dtype="float32", note=note)

    def apply_layout(self, model: nn.Module) -> None:
        """Put the model's kernels into the chosen memory order, in place."""
        if self.channels_last:
            model.to(memory_format=torch.channels_last)

    def lay_out(self, images: torch.Tensor) -> torch.Tensor:
        """Return images (B, C, H, W) in the chosen memory order."""
        return images.contiguous(memory_format=torch.channels_last) if self.channels_last else images

    def apply_threads(self) -> None:
        """Set the number of threads of this process."""
        if self.threads:
            torch.set_num_threads(self.threads)

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Precision:
        """Rebuild from `state`.

        Raises:
            ValueError: a type of numbers that no run computes in.
        """
        known = {key: kind(state[key]) for key, kind in FIELDS.items() if key in state}
        if known.get("dtype", "float32") not in DTYPES:
            raise ValueError(f"dtype '{known['dtype']}' is none of {', '.join(DTYPES)}.")
        return cls(**known)
