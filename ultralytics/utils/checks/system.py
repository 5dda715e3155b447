"""What `yolo checks` shows: the machine, torch and its devices, and the installed packages.

Imports torch; `ultralytics.utils.checks` therefore loads this module only when one of its functions is asked for.
"""

from __future__ import annotations

import inspect
import platform
import shutil
from pathlib import Path
from typing import Any

import psutil
import torch

from ultralytics.utils import env
from ultralytics.utils.checks.requirements import installed_version, parse_requirements
from ultralytics.utils.checks.version import check_version
from ultralytics.utils.device import get_cpu_info, get_gpu_info, select_device
from ultralytics.utils.display import window_trouble
from ultralytics.utils.log import LOGGER, colorstr

__all__ = [
    "check_imshow",
    "check_yolo",
    "collect_system_info",
    "cuda_device_count",
    "cuda_is_available",
    "is_intel",
    "is_rockchip",
    "is_sudo_available",
    "print_args",
    "rocm_is_available",
]

GIB = 2**30


def cuda_is_available() -> bool:
    """Whether torch can use a CUDA device."""
    return torch.cuda.is_available()


def rocm_is_available() -> bool:
    """Whether torch can use an AMD GPU, which it also shows as a CUDA device."""
    return torch.version.hip is not None and torch.cuda.is_available()


def is_intel() -> bool:
    """Whether processor or graphics are Intel's."""
    xpu = getattr(torch, "xpu", None)
    return "intel" in get_cpu_info().lower() or bool(xpu and xpu.is_available())


def is_rockchip() -> bool:
    """Whether the board has one of Rockchip's chips, by what the kernel reports."""
    try:
        return "rockchip" in Path("/proc/device-tree/compatible").read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return False


def is_sudo_available() -> bool:
    """Whether the command `sudo` is on the path; never on Windows."""
    return not env.WINDOWS and shutil.which("sudo") is not None


def cuda_device_count() -> int:
    """Number of CUDA devices."""
    return torch.cuda.device_count()


def _disk() -> str:
    usage = shutil.disk_usage(Path.home().anchor or "/")
    return f"{(usage.total - usage.free) / GIB:.1f}/{usage.total / GIB:.1f} GB"


def check_yolo(verbose: bool = True, device: Any = "") -> None:
    """Log the version line and, when verbose, the size of the machine.

    Args:
        verbose: add processor, memory and disk.
        device: device to select, see `select_device`.
    """
    select_device(device, newline=False)
    size = ""
    if verbose:
        ram = psutil.virtual_memory().total / GIB
        size = f"({env.cpu_count()} CPUs, {ram:.1f} GB RAM, {_disk()} disk)"
    LOGGER.info(f"Setup complete ✅ {size}".rstrip())


def collect_system_info() -> dict[str, Any]:
    """Log a table of the machine and the required packages, and return it.

    Returns:
        The rows by name; `Package Info` maps every required package to its state.
    """
    check_yolo()
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    facts: dict[str, Any] = {
        "OS": platform.platform(),
        "Environment": env.environment_name(),
        "Python": env.PYTHON_VERSION,
        "Install": "pip" if env.is_pip_package() else "checkout",
        "Path": str(env.ROOT),
        "RAM": f"{psutil.virtual_memory().total / GIB:.2f} GB",
        "Disk": _disk(),
        "CPU": get_cpu_info(),
        "CPU count": env.cpu_count(),
        "GPU": get_gpu_info(0) if gpus else None,
        "GPU count": gpus or None,
        "CUDA": torch.version.cuda if gpus else None,
    }
    packages = {requirement.name: _package_state(requirement) for requirement in parse_requirements()}
    rows = [f"{name:<23}{value}" for name, value in facts.items()]
    LOGGER.info("\n" + "\n".join([*rows, "", *(f"{name:<23}{state}" for name, state in packages.items())]) + "\n")
    return {**facts, "Package Info": packages}


def _package_state(requirement: Any) -> str:
    """Return a tick or a cross, the installed version and what is required."""
    installed = installed_version(requirement.name)
    if installed is None:
        return f"❌ not installed {requirement.specifier}"
    met = check_version(installed, requirement.specifier.partition(";")[0], name=requirement.name)
    return f"{'✅' if met else '❌'} {installed}{requirement.specifier}"


def check_imshow(warn: bool = False) -> bool:
    """Whether OpenCV can open a window here.

    Args:
        warn: log why not.
    """
    trouble = window_trouble()
    if trouble and warn:
        LOGGER.warning(f"windows cannot be shown here: {trouble}")
    return not trouble


def print_args(args: dict[str, Any] | None = None, show_file: bool = True, show_func: bool = False) -> None:
    """Log the arguments of the calling function, or a given mapping, on one line.

    Args:
        args: mapping to show instead.
        show_file: start with the caller's file name.
        show_func: start with the caller's function name.
    """
    frame = inspect.currentframe().f_back
    if args is None:
        names = inspect.getargvalues(frame)
        args = {name: frame.f_locals[name] for name in names.args}
    file = Path(frame.f_code.co_filename).stem
    head = ": ".join(part for part, shown in ((file, show_file), (frame.f_code.co_name, show_func)) if shown)
    LOGGER.info((colorstr(f"{head}: ") if head else "") + ", ".join(f"{key}={value}" for key, value in args.items()))
