"""For those who report runs themselves: the lines of the console as they come, and how busy the machine is."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import psutil

from ultralytics.utils.autodevice import GPUInfo
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import remove_colorstr

__all__ = ["ConsoleLogger", "SystemLogger"]

GB, MB = 1e9, 1e6


class ConsoleLogger:
    """Copies what a program prints and logs into a file, or hands it on in batches; the console shows it as before.

    Of a progress bar, which redraws its line, the last state is kept; a line that comes twice in a row is kept once.
    Every line starts with the time.

    Args:
        destination: file to append to; None where `on_flush` takes the lines. Nothing is sent over a network.
        batch_size: lines of a batch.
        flush_interval: seconds after which a smaller batch is handed on.
        on_flush: called with the batch's lines as one text, their number, and a number that grows with every batch.

    Raises:
        ValueError: `destination` is a web address.
    """

    def __init__(
        self,
        destination: str | Path | None = None,
        batch_size: int = 1,
        flush_interval: float = 5.0,
        on_flush: Callable[[str, int, int], None] | None = None,
    ) -> None:
        if str(destination or "").startswith(("http://", "https://")):
            raise ValueError(f"'{destination}' is a web address; lines go into a file, or to a function by on_flush.")
        self.destination = Path(destination) if destination else None
        self.batch_size = max(batch_size, 1)
        self.flush_interval = flush_interval
        self.on_flush = on_flush
        self.lines: list[str] = []
        self.last = ""
        self.active = False
        self.lock = threading.RLock()
        self._streams: list[_Copier] = []
        self._flushed = time.monotonic()

    def start_capture(self) -> None:
        """Begin to copy; a second call changes nothing."""
        if self.active:
            return
        self.active = True
        self._streams = [_Copier(self, name) for name in ("stdout", "stderr")]

    def stop_capture(self) -> None:
        """End copying and hand on what is left."""
        if not self.active:
            return
        self.active = False
        for stream in self._streams:
            stream.restore()
        self.flush()

    def take(self, text: str) -> None:
        """Take one line."""
        line = remove_colorstr(text).rstrip()
        with self.lock:
            if not line or line == self.last:
                return
            self.last = line
            self.lines.append(f"[{datetime.now():%Y-%m-%d %H:%M:%S}] {line}")
            if len(self.lines) >= self.batch_size or time.monotonic() - self._flushed >= self.flush_interval:
                self.flush()

    def flush(self) -> None:
        """Hand on the lines that wait."""
        with self.lock:
            lines, self.lines, self._flushed = self.lines, [], time.monotonic()
            if not lines:
                return
            if self.destination:
                self.destination.parent.mkdir(parents=True, exist_ok=True)
                with open(self.destination, "a", encoding="utf-8") as file:
                    file.write("\n".join(lines) + "\n")
            if self.on_flush:
                self.on_flush("\n".join(lines), len(lines), time.time_ns() // 1_000_000)


class _Copier:
    """Stands in for `sys.stdout` or `sys.stderr` and copies whole lines."""

    def __init__(self, owner: ConsoleLogger, name: str):
        self.owner, self.name, self.open_line = owner, name, ""
        self.original: TextIO = getattr(sys, name)
        setattr(sys, name, self)

    def write(self, text: str) -> int:
        """Write through, and take the lines that are complete; a return to the start of a line drops what was there."""
        *complete, self.open_line = (self.open_line + text).split("\n")
        for line in complete:
            self.owner.take(line.rstrip("\r").rpartition("\r")[2])
        return self.original.write(text)

    def restore(self) -> None:
        """Put the stream back and take what has no end of line."""
        if getattr(sys, self.name) is self:
            setattr(sys, self.name, self.original)
        self.owner.take(self.open_line.rstrip("\r").rpartition("\r")[2])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


class SystemLogger:
    """How busy processor, memory, disks, network and NVIDIA GPUs are.

    Args:
        all_drives: report every mounted disk instead of the system's one.
        gpus: numbers of the GPUs to report; None for all.
    """

    def __init__(self, all_drives: bool = False, gpus: Sequence[int] | None = None) -> None:
        self.all_drives = all_drives
        self.wanted = None if gpus is None else {int(gpu) for gpu in gpus}
        self.gpu = GPUInfo() if shutil.which("nvidia-smi") else None
        psutil.cpu_percent()  # the first answer of a process is 0
        self.start = self.before = self._counters()

    @staticmethod
    def _counters() -> dict[str, float]:
        """Return what was read, written, received and sent since the machine started, in bytes, and the time."""
        disk, net = psutil.disk_io_counters(), psutil.net_io_counters()
        return {
            "read": disk.read_bytes if disk else 0,
            "write": disk.write_bytes if disk else 0,
            "recv": net.bytes_recv if net else 0,
            "sent": net.bytes_sent if net else 0,
            "time": time.monotonic(),
        }

    def get_metrics(self, rates: bool = False) -> dict[str, Any]:
        """Return the state of the machine.

        Args:
            rates: disk and network in MB a second since the last call, instead of MB since this object was made.

        Returns:
            `cpu` and `ram` in per cent, `disk` by mount with used and total GB, `disk_io`, `network`, and `gpus` by
            number with usage (%), memory (%), temperature and power.
        """
        now = self._counters()
        since, unit = (self.before, "mbs") if rates else (self.start, "mb")
        seconds = max(now["time"] - since["time"], 1e-3) if rates else 1.0
        moved = {key: round((now[key] - since[key]) / MB / seconds, 3) for key in ("read", "write", "recv", "sent")}
        self.before = now
        return {
            "cpu": psutil.cpu_percent(),
            "ram": psutil.virtual_memory().percent,
            "disk": self._disks(),
            "disk_io": {f"read_{unit}": moved["read"], f"write_{unit}": moved["write"]},
            "gpus": self._gpus(),
            "network": {f"recv_{unit}": moved["recv"], f"sent_{unit}": moved["sent"]},
        }

    def _disks(self) -> list[dict[str, Any]]:
        """Return used and total space of the disks."""
        mounts = [part.mountpoint for part in psutil.disk_partitions()] if self.all_drives else []
        rows = []
        for mount in mounts or [Path.home().anchor]:
            try:
                usage = shutil.disk_usage(mount)
            except OSError:  # an empty drive, or one that this user may not ask
                continue
            rows.append({"mount": mount, "used_gb": round(usage.used / GB, 3), "total_gb": round(usage.total / GB, 3)})
        return rows

    def _gpus(self) -> dict[str, dict[str, Any]]:
        """Return load, memory, temperature and power by GPU."""
        if self.gpu is None or not self.gpu.nvml_available:
            return {}
        self.gpu.refresh_stats()
        return {
            str(row["index"]): {
                "usage": row["utilization"],
                "memory": round(100 * row["memory_used"] / row["memory_total"], 2),
                "temp": row["temperature"],
                "power": row["power_draw"],
            }
            for row in self.gpu.gpu_stats
            if self.wanted is None or row["index"] in self.wanted
        }


__getattr__, __dir__ = offer(__name__)
