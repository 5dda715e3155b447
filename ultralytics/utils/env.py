"""What kind of process and machine this is: package paths, platform, distributed rank, hosted notebooks.

Everything that reads the environment is a function, evaluated when called: a value read once at import would be wrong
after `os.environ` changes and would make importing the package slow.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from ultralytics.utils.version import __version__ as VERSION

__all__ = [
    "ASSETS",
    "DEFAULT_CFG_PATH",
    "FILE",
    "LINUX",
    "MACOS",
    "PLATFORM_URL",
    "PYTHON_VERSION",
    "ROOT",
    "VERSION",
    "WINDOWS",
    "autoinstall",
    "cpu_count",
    "env_bool",
    "environment_name",
    "get_ubuntu_version",
    "is_arm64",
    "is_bookworm",
    "is_colab",
    "is_debian",
    "is_dgx",
    "is_docker",
    "is_github_action_running",
    "is_jetson",
    "is_jupyter",
    "is_kaggle",
    "is_online",
    "is_pip_package",
    "is_pytest_running",
    "is_raspberrypi",
    "is_runpod",
    "is_trixie",
    "is_ubuntu",
    "is_vscode",
    "local_rank",
    "macos_version",
    "not_macos14",
    "num_threads",
    "package_version",
    "pin_memory",
    "rank",
    "read_device_model",
    "safe_load",
    "torch_version",
    "torchvision_version",
    "verbose",
    "world_size",
]

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "assets"
DEFAULT_CFG_PATH = ROOT / "cfg" / "default.yaml"
FILE = ROOT / "utils" / "__init__.py"
PLATFORM_URL = ""  # there is no cloud service

LINUX = sys.platform.startswith("linux")
MACOS = sys.platform == "darwin"
WINDOWS = sys.platform == "win32"
PYTHON_VERSION = "{}.{}.{}".format(*sys.version_info)

L4T = {4: (32,), 5: (34, 35), 6: (36,), 7: (38,)}  # major version of JetPack -> releases of its system
TRUE_WORDS = frozenset({"1", "true", "yes", "on", "y", "t"})


def env_bool(name: str, default: bool = False) -> bool:
    """Read environment variable `name` as a switch: 1, true, yes, on, y and t mean on, in any case."""
    text = os.environ.get(name, "").strip().lower()
    return text in TRUE_WORDS if text else default


def verbose() -> bool:
    """Whether ordinary messages and progress bars are wanted (`YOLO_VERBOSE`, on unless set to a false word)."""
    return env_bool("YOLO_VERBOSE", default=True)


def _env_int(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    try:
        return int(text)
    except ValueError:
        return default


def world_size() -> int:
    """Number of processes that train together; 1 when not distributed."""
    return max(1, _env_int("WORLD_SIZE", 1))


def rank() -> int:
    """Index of this process among `world_size()`, or -1 when not distributed (a lone `RANK` does not count)."""
    return _env_int("RANK", -1) if world_size() > 1 else -1


def local_rank() -> int:
    """Index of this process on its own machine, or -1 when not distributed."""
    return _env_int("LOCAL_RANK", -1) if world_size() > 1 else -1


def cpu_count() -> int:
    """Processor cores this process may use, which a container or `taskset` can hold below the machine's number."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def num_threads() -> int:
    """Threads for reading and checking files: one core is left for the main thread, and eight saturate a disk."""
    return min(8, max(1, cpu_count() - 1))


def package_version(name: str) -> str | None:
    """Version of an installed distribution without importing it, or None where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # 20 ms that most commands do not need

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def torch_version() -> str:
    """Version of the installed torch, without importing it; empty where it is missing."""
    return package_version("torch") or ""


def torchvision_version() -> str:
    """Version of the installed torchvision, without importing it; empty where it is missing."""
    return package_version("torchvision") or ""


def pin_memory() -> bool:
    """Whether loaders put batches into page-locked memory (`PIN_MEMORY`, on unless set to a false word)."""
    return env_bool("PIN_MEMORY", default=True)


def autoinstall() -> bool:
    """Whether packages may be installed at run time: never, whatever `YOLO_AUTOINSTALL` says."""
    return False


def safe_load() -> bool:
    """Whether checkpoints are read without running anything: always, unless a call passes `trust=True`."""
    return True


def is_online(timeout: float = 2.0) -> bool:
    """Whether the release host answers; False at once when `YOLO_OFFLINE` is set. Opens one connection per call."""
    if env_bool("YOLO_OFFLINE"):
        return False
    import socket

    try:
        with socket.create_connection(("github.com", 443), timeout=timeout):
            return True
    except OSError:
        return False


def is_arm64() -> bool:
    """Whether the processor is a 64-bit ARM."""
    return platform.machine().lower() in {"arm64", "aarch64"}


def is_colab() -> bool:
    """Whether this runs in Google Colab."""
    return "COLAB_RELEASE_TAG" in os.environ or "COLAB_BACKEND_VERSION" in os.environ


def is_kaggle() -> bool:
    """Whether this runs in a Kaggle notebook."""
    return os.environ.get("PWD") == "/kaggle/working" and "KAGGLE_URL_BASE" in os.environ


def is_runpod() -> bool:
    """Whether this runs in a RunPod container."""
    return "RUNPOD_POD_ID" in os.environ


def is_vscode() -> bool:
    """Whether the terminal belongs to Visual Studio Code."""
    return os.environ.get("TERM_PROGRAM") == "vscode"


def is_jupyter() -> bool:
    """Whether an IPython kernel runs this process (a notebook, also a hosted one)."""
    return is_colab() or is_kaggle() or "ipykernel" in sys.modules


def is_docker() -> bool:
    """Whether this runs inside a Docker container."""
    return Path("/.dockerenv").exists() or "docker" in _read("/proc/self/cgroup")


def read_device_model() -> str:
    """Board name that the kernel reports (Raspberry Pi, Jetson), lower-case; empty elsewhere."""
    return _read("/proc/device-tree/model").strip("\0\n ").lower()


def is_raspberrypi() -> bool:
    """Whether the board is a Raspberry Pi."""
    return "raspberry pi" in read_device_model()


def is_jetson(jetpack: int | None = None) -> bool:
    """Whether the board is an NVIDIA Jetson, and runs this major version of JetPack where one is given."""
    if "jetson" not in read_device_model() and "tegra" not in platform.release():
        return False
    return jetpack is None or any(f"R{release} " in _read("/etc/nv_tegra_release") for release in L4T.get(jetpack, ()))


def is_dgx() -> bool:
    """Whether the machine runs NVIDIA's DGX OS."""
    return "DGX" in _read("/etc/dgx-release")


def _os_release() -> dict[str, str]:
    pairs = (line.partition("=")[::2] for line in _read("/etc/os-release").splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, value in pairs}


def is_ubuntu() -> bool:
    """Whether the operating system is Ubuntu."""
    return _os_release().get("ID") == "ubuntu"


def is_debian(codenames: str | list[str] | None = None) -> bool:
    """Whether the operating system is Debian, and one of the given releases (`bookworm` ...) where some are given."""
    facts = _os_release()
    wanted = [codenames] if isinstance(codenames, str) else codenames
    return facts.get("ID") == "debian" and (not wanted or facts.get("VERSION_CODENAME") in wanted)


def is_bookworm() -> bool:
    """Whether the operating system is Debian 12."""
    return is_debian("bookworm")


def is_trixie() -> bool:
    """Whether the operating system is Debian 13."""
    return is_debian("trixie")


def macos_version() -> str | None:
    """Version of macOS, such as `14.5`, or None on other systems."""
    return platform.mac_ver()[0] if MACOS else None


def not_macos14() -> bool:
    """Whether this is any system but macOS 14, whose MPS device got some operators wrong."""
    return not (macos_version() or "").startswith("14.")


def get_ubuntu_version() -> str | None:
    """Version such as `24.04`, or None on other systems."""
    return _os_release().get("VERSION_ID") if is_ubuntu() else None


def is_pytest_running() -> bool:
    """Whether a test runner drives this process."""
    return "PYTEST_CURRENT_TEST" in os.environ or "pytest" in sys.modules


def is_github_action_running() -> bool:
    """Whether this runs in a GitHub workflow."""
    return "GITHUB_ACTIONS" in os.environ and "GITHUB_WORKFLOW" in os.environ


def is_pip_package(filepath: str = "ultralytics") -> bool:
    """Whether the named top-level package is installed into site-packages rather than used from a checkout."""
    from importlib.util import find_spec

    spec = find_spec(filepath.partition(".")[0])
    return bool(spec and spec.origin and "site-packages" in Path(spec.origin).parts)


def environment_name() -> str:
    """One word for the surroundings: Colab, Kaggle, Jupyter, Docker or the operating system's name."""
    for name, test in (("Colab", is_colab), ("Kaggle", is_kaggle), ("Jupyter", is_jupyter), ("Docker", is_docker)):
        if test():
            return name
    return platform.system()


def _read(path: str) -> str:
    """Text of a small system file, empty where it does not exist or may not be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
