"""What kind of processor this is."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

from ultralytics.utils.env import LINUX

__all__ = ["CPUInfo", "cpuinfo_field", "get_cpu_info"]


@functools.lru_cache(maxsize=1)
def get_cpu_info() -> str:
    """Marketing name of the processor without trademark signs, `unknown` where the system does not say."""
    name = ""
    if LINUX:
        name = cpuinfo_field("model name") or cpuinfo_field("hardware") or cpuinfo_field("model")
    name = name or platform.processor() or platform.machine() or "unknown"
    for noise in ("(R)", "(TM)", "(r)", "(tm)", " CPU"):
        name = name.replace(noise, "")
    return " ".join(name.partition("@")[0].split())


def cpuinfo_field(name: str) -> str:
    """First value of a field of /proc/cpuinfo, empty where it has none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip().lower() == name), "")


class CPUInfo:
    """The processor by name."""

    @staticmethod
    def name() -> str:
        """Return what `get_cpu_info` returns."""
        return get_cpu_info()

    def __str__(self) -> str:
        return self.name()
