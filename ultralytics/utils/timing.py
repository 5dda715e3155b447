"""Wall-clock timing of blocks, with the accelerator's queue emptied first where one is used."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

__all__ = ["Profile"]


class Profile(contextlib.ContextDecorator):
    """Stopwatch for a block or a function: `.dt` is the last duration, `.t` the sum, both in seconds.

    Args:
        t: seconds to start the sum at.
        device: a `torch.device` whose pending work belongs to the block (waited for at both ends); None for none.
    """

    def __init__(self, t: float = 0.0, device: Any = None):
        self.t = t
        self.dt = 0.0
        self.device = device
        self._backend = _backend(device)
        self.start = 0.0

    def __enter__(self) -> Profile:
        self.start = self.time()
        return self

    def __exit__(self, *exc: object) -> None:
        self.dt = self.time() - self.start
        self.t += self.dt

    def __str__(self) -> str:
        return f"Elapsed time is {self.t} s"

    def time(self) -> float:
        """Seconds of a monotonic clock, after the device has finished what it was given."""
        if self._backend is not None:
            self._backend.synchronize(self.device)
        return time.perf_counter()


def _backend(device: Any) -> Any:
    """Return the torch module that can wait for this kind of device, None for processors and without a device."""
    kind = getattr(device, "type", device)
    if not isinstance(kind, str) or kind.partition(":")[0] not in {"cuda", "xpu", "npu"}:
        return None
    torch = sys.modules.get("torch")  # whoever holds a torch device has imported it
    return getattr(torch, kind.partition(":")[0], None)
