"""What NVIDIA GPUs are doing at the moment, by NVIDIA's management library (`pip install nvidia-ml-py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["GPUInfo"]

MIB = 2**20


class GPUInfo:
    """Load, memory, temperature and power of every GPU.

    Attributes:
        nvml_available: whether the library and a driver are here.
        gpu_stats: one row a GPU, with index, name, utilization (%), memory_used, memory_total, memory_free (MiB),
            temperature (Celsius), power_draw and power_limit (W); None for what a card does not tell.
    """

    def __init__(self) -> None:
        self.nvml: Any = None
        self.gpu_stats: list[dict[str, Any]] = []
        try:
            import pynvml

            pynvml.nvmlInit()
        except Exception as error:  # missing package, or the library's own errors for a missing driver
            LOGGER.warning(f"GPUs cannot be asked: {error}.")
            return
        self.nvml = pynvml
        self.refresh_stats()

    @property
    def nvml_available(self) -> bool:
        """Whether GPUs can be asked."""
        return self.nvml is not None

    def shutdown(self) -> None:
        """Let go of the library."""
        if self.nvml is not None:
            self.nvml.nvmlShutdown()
            self.nvml = None

    def refresh_stats(self) -> None:
        """Ask all GPUs again."""
        count = self.nvml.nvmlDeviceGetCount() if self.nvml is not None else 0
        self.gpu_stats = [self._row(index) for index in range(count)]

    def _row(self, index: int) -> dict[str, Any]:
        """Return the facts of one GPU."""
        nvml = self.nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        name = nvml.nvmlDeviceGetName(handle)

        def asked(function: str, *args: Any) -> Any:
            try:
                return getattr(nvml, function)(handle, *args)
            except nvml.NVMLError:  # not every card answers every question
                return None

        load = asked("nvmlDeviceGetUtilizationRates")
        draw, limit = asked("nvmlDeviceGetPowerUsage"), asked("nvmlDeviceGetEnforcedPowerLimit")
        return {
            "index": index,
            "name": name.decode() if isinstance(name, bytes) else name,
            "utilization": load.gpu if load else None,
            "memory_used": memory.used // MIB,
            "memory_total": memory.total // MIB,
            "memory_free": memory.free // MIB,
            "temperature": asked("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            "power_draw": draw // 1000 if draw is not None else None,
            "power_limit": limit // 1000 if limit is not None else None,
        }

    def print_status(self) -> None:
        """Log a table of all GPUs as they are now."""
        self.refresh_stats()
        if not self.gpu_stats:
            LOGGER.warning("there is no GPU that can be asked.")
            return
        width = max(len(row["name"]) for row in self.gpu_stats)
        lines = [f"{'GPU':<4}{'name':<{width + 2}}{'load':>6}{'memory':>18}{'temp':>6}{'power':>12}"]
        for row in self.gpu_stats:
            memory = f"{row['memory_used']}/{row['memory_total']} MiB"
            power = f"{_or_dash(row['power_draw'])}/{_or_dash(row['power_limit'])} W"
            load, heat = f"{_or_dash(row['utilization'])}%", f"{_or_dash(row['temperature'])}C"
            lines.append(f"{row['index']:<4}{row['name']:<{width + 2}}{load:>6}{memory:>18}{heat:>6}{power:>12}")
        LOGGER.info("\n".join(lines))

    def select_idle_gpu(
        self,
        count: int = 1,
        min_memory_fraction: float = 0,
        min_util_fraction: float = 0,
        indices: Sequence[int] | None = None,
    ) -> list[int]:
        """Return the indices of the GPUs with the most free memory, of equal ones those with the least load.

        Args:
            count: how many at most.
            min_memory_fraction: share of memory that must be free, 0..1.
            min_util_fraction: share of computing power that must be free, 0..1.
            indices: choose among these; None for all.

        Raises:
            ValueError: a fraction outside of 0..1.
        """
        for name, value in (("min_memory_fraction", min_memory_fraction), ("min_util_fraction", min_util_fraction)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name}={value} is no fraction; give 0..1.")
        self.refresh_stats()
        fitting = [
            row
            for row in self.gpu_stats
            if (indices is None or row["index"] in indices)
            and row["memory_free"] >= min_memory_fraction * row["memory_total"]
            and 100 - (row["utilization"] or 0) >= 100 * min_util_fraction
        ]
        ranked = sorted(fitting, key=lambda row: (-row["memory_free"], row["utilization"] or 0))
        return [row["index"] for row in ranked[: max(count, 0)]]


def _or_dash(value: Any) -> str:
    return "-" if value is None else str(value)


__getattr__, __dir__ = offer(__name__)
