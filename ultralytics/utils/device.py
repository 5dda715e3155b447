"""Choosing and describing the device that runs a model, and processor facts that speed depends on.

Requests are parsed by `parse_device` (pure) and answered by `select_device`. `CUDA_VISIBLE_DEVICES` is read by the
driver at start-up, so it is never edited here.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import time
from collections.abc import Sequence
from typing import Any

import torch

from ultralytics.utils.cpu import cpuinfo_field, get_cpu_info
from ultralytics.utils.env import LINUX, PYTHON_VERSION
from ultralytics.utils.log import LOGGER
from ultralytics.utils.version import __version__

__all__ = [
    "autocast",
    "cpu_has_bf16",
    "cuda_memory_usage",
    "device_memory",
    "get_cpu_info",
    "get_gpu_info",
    "parse_device",
    "select_device",
    "time_sync",
    "trim_allocator",
    "tune_allocator",
]

RUNTIME_PREFIXES = ("tpu", "intel", "vulkan")  # devices of export runtimes; torch does not know them
MIB = 2**20

# glibc's mallopt parameters. Above the threshold, memory comes from mmap and every release gives it back to the kernel,
# so each forward pass pays page faults for its activations; keeping up to 1 GiB in the heap removes them.
_MALLOPT = {"M_MMAP_THRESHOLD": (-3, 1 << 30), "M_TRIM_THRESHOLD": (-1, 1 << 30), "M_TOP_PAD": (-2, 64 << 20)}


def parse_device(device: Any = "") -> str:
    """Bring a device request into one short form: `''` automatic, `cpu`, `mps`, `0`, `0,1`, `npu:0`, `xpu:0`.

    Args:
        device: text, number, `torch.device`, or a list or tuple of numbers. `cuda:0,1`, `[0, 1]` and `(0, 1)` become
            `0,1`; every `-1` asks for one idle GPU and is replaced by the index of one.
    """
    if isinstance(device, (list, tuple)):
        device = ",".join(map(str, device))
    text = "" if device is None else str(device).lower()
    for noise in ("cuda:", "none", "(", ")", "[", "]", "'", '"', " "):
        text = text.replace(noise, "")
    if text == "cuda":
        return "0"
    items = [item for item in text.split(",") if item]
    if "-1" in items:
        items = _replace_idle(items)
    return ",".join(items)


def _replace_idle(items: Sequence[str]) -> list[str]:
    """Replace every `-1` by the unlisted GPU with the most free memory; where none is left the entry is dropped."""
    taken = [item for item in items if item != "-1"]
    free = {str(i): torch.cuda.mem_get_info(i)[0] for i in range(torch.cuda.device_count()) if str(i) not in taken}
    ranked = iter(sorted(free, key=lambda index: -free[index]))
    filled = [next(ranked, "") if item == "-1" else item for item in items]
    if "" in filled:
        LOGGER.warning(
            f"device={','.join(items)}: only {len(free)} unlisted GPUs found, the rest of the -1 is ignored."
        )
    return [item for item in filled if item]


def select_device(device: Any = "", newline: bool = False, verbose: bool = True, batch: int = 0) -> torch.device | str:
    """Return the device to run on, and log one line that names it.

    Args:
        device: see `parse_device`. Empty or None takes the first GPU where CUDA is available, else the processor;
            Apple's MPS is used only when asked for. Of several GPUs the first is returned (each training process picks
            its own).
        newline: end the logged line with an empty one.
        verbose: log the line.
        batch: 8.1 argument: total batch size that has to be divisible by the number of GPUs; 0 checks nothing.

    Returns:
        A `torch.device`, or the request itself for devices of export runtimes (`tpu:0`, `intel:gpu`, `vulkan:0`).

    Raises:
        ValueError: no such device here, or `batch` cannot be shared evenly.
    """
    request = device if isinstance(device, torch.device) else parse_device(device)
    if isinstance(request, str) and request.startswith(RUNTIME_PREFIXES):
        return request
    chosen = _resolve(parse_device(request), batch)
    if verbose:
        line = f"Ultralytics {__version__} 🚀 Python-{PYTHON_VERSION} torch-{torch.__version__} "
        LOGGER.info(line + ", ".join(map(_describe, chosen)) + ("\n" if newline else ""))
    if chosen[0].type == "cuda" and len(chosen) == 1:
        torch.cuda.set_device(chosen[0])
    return chosen[0]


def _resolve(text: str, batch: int) -> list[torch.device]:
    """Turn a parsed request into the devices it means; raise where they do not exist."""
    if not text:
        return [torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")]
    kind, _, numbers = text.partition(":")
    if kind == "cpu":
        return [torch.device("cpu")]
    if kind == "mps":
        if torch.backends.mps.is_available():
            return [torch.device("mps")]
        LOGGER.warning("device=mps is not available on this machine, using the processor.")
        return [torch.device("cpu")]
    if kind in {"npu", "xpu"}:
        return _accelerators(kind, numbers)
    indices = text.split(",")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not all(index.isdigit() and int(index) < count for index in indices) or len(set(indices)) < len(indices):
        raise ValueError(_no_cuda_text(text, count))
    if batch > 0 and batch % len(indices):
        n = len(indices)
        raise ValueError(
            f"batch={batch} cannot be shared evenly by {n} GPUs 'device={text}'; "
            f"use batch={batch // n * n or n} or batch={(batch // n + 1) * n}."
        )
    return [torch.device("cuda", int(index)) for index in indices]


def _accelerators(kind: str, numbers: str) -> list[torch.device]:
    """Return Ascend NPUs or Intel XPUs by number; their torch support comes with a package of the maker."""
    backend = getattr(torch, kind, None)
    if backend is None or not backend.is_available():
        package = {"npu": "torch_npu, imported before this call", "xpu": "a torch build with XPU support"}[kind]
        raise ValueError(
            f"device={kind} is not available; it needs {package} and the maker's driver. Use 'device=cpu'."
        )
    wanted = [number for number in numbers.split(",") if number] or ["0"]
    if not all(number.isdigit() and int(number) < backend.device_count() for number in wanted):
        raise ValueError(f"device={kind}:{numbers} does not exist; this machine has {backend.device_count()}.")
    return [torch.device(kind, int(number)) for number in wanted]


def _no_cuda_text(text: str, count: int) -> str:
    if not torch.cuda.is_available():
        have = f"torch {torch.__version__} sees no CUDA device (built for CUDA: {torch.version.cuda or 'no'})"
    else:
        have = f"this machine has {', '.join(map(str, range(count)))}"
    return f"Invalid 'device={text}': {have}. Use 'device=cpu', or GPU numbers such as 'device=0' or 'device=0,1'."


def _describe(device: torch.device) -> str:
    """Name one device for the log line."""
    if device.type == "cuda":
        return f"CUDA:{device.index} ({get_gpu_info(device.index)})"
    if device.type in {"cpu", "mps"}:
        return f"{device.type.upper()} ({get_cpu_info()})"
    return f"{device.type.upper()}:{device.index}"


def get_gpu_info(index: int) -> str:
    """Name and memory of a CUDA device, `NVIDIA H100, 81089MiB`."""
    facts = torch.cuda.get_device_properties(index)
    return f"{facts.name}, {facts.total_memory / MIB:.0f}MiB"


@functools.lru_cache(maxsize=1)
def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX); without it bfloat16 is slower."""
    return bool({"avx512_bf16", "amx_bf16"} & set(cpuinfo_field("flags").split()))


def device_memory(device: torch.device | str | int) -> tuple[int, int]:
    """Return free and total bytes of a device; for the processor those of the machine's RAM."""
    device = torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)
    import psutil  # here: reading it at import would cost every command 10 ms

    memory = psutil.virtual_memory()
    return memory.available, memory.total


def cuda_memory_usage(device: torch.device | None = None) -> float:
    """Bytes that torch holds on a CUDA device, allocated or cached; 0 where there is no CUDA."""
    return float(torch.cuda.memory_reserved(device)) if torch.cuda.is_available() else 0.0


def time_sync(device: torch.device | None = None) -> float:
    """Seconds of a monotonic clock after pending CUDA work is done (the processor has none pending)."""
    if torch.cuda.is_available() and (device is None or torch.device(device).type == "cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter()


def autocast(enabled: bool, device: str = "cuda", dtype: torch.dtype | None = None) -> torch.autocast:
    """Return the mixed-precision context of a device type; None takes the type's usual low precision."""
    return torch.autocast(device, enabled=enabled, dtype=dtype)


@functools.lru_cache(maxsize=1)
def tune_allocator() -> str | None:
    """Let glibc keep freed memory for reuse instead of returning every large block to the kernel.

    Speeds up training and inference on the processor, whose activations are large short-lived blocks. Does its work
    once; later calls return the first answer.

    Returns:
        What was set, for the log, or None on systems without glibc.
    """
    libc = _glibc()
    if libc is None:
        return None
    done = [f"{name}={value // MIB}MiB" for name, (code, value) in _MALLOPT.items() if libc.mallopt(code, value) == 1]
    return ", ".join(done) or None


def trim_allocator() -> bool:
    """Give the memory that is kept since `tune_allocator` and not in use now back to the kernel.

    For the end of work that takes much more memory than what follows.

    Returns:
        Whether there was some; False on systems without glibc.
    """
    libc = _glibc()
    return libc is not None and libc.malloc_trim(0) == 1


def _glibc() -> ctypes.CDLL | None:
    """Return the C library where it is glibc."""
    return ctypes.CDLL(None) if LINUX and platform.libc_ver()[0] == "glibc" else None
