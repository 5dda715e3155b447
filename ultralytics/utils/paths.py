"""Folders outside the package: the user's configuration folder and the defaults for data sets, weights and runs."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import platformdirs

from ultralytics.utils.env import ROOT
from ultralytics.utils.log import LOGGER

__all__ = ["default_dirs", "find_git_root", "get_user_config_dir", "is_dir_writeable", "user_temp_dir"]


def is_dir_writeable(dir_path: str | Path) -> bool:
    """Whether this process may create files in an existing folder."""
    return os.path.isdir(dir_path) and os.access(dir_path, os.W_OK | os.X_OK)


def get_user_config_dir(sub_dir: str = "Ultralytics") -> Path:
    """Return the folder of settings, made where it is missing.

    `YOLO_CONFIG_DIR/<sub_dir>` where that variable is set, otherwise the system's place: `$XDG_CONFIG_HOME` or
    `~/.config` on Linux, `~/Library/Application Support` on macOS, `%APPDATA%` on Windows. Where neither can be written
    a private temporary folder is used and a warning says so.
    """
    chosen = os.environ.get("YOLO_CONFIG_DIR")
    if chosen:
        wanted = Path(chosen).expanduser() / sub_dir
    else:
        wanted = Path(platformdirs.user_config_dir(sub_dir, appauthor=False, roaming=True))
    with contextlib.suppress(OSError):
        wanted.mkdir(parents=True, exist_ok=True)
    if is_dir_writeable(wanted) or (wanted / "settings.json").is_file():
        return wanted
    spare = user_temp_dir(sub_dir)
    LOGGER.warning(
        f"the settings folder '{wanted}' is not writeable; using '{spare}'. "
        "Set YOLO_CONFIG_DIR to a folder of your own to keep settings."
    )
    return spare


def user_temp_dir(name: str) -> Path:
    """Return a folder under the system's temporary one that belongs to this user alone."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(tempfile.gettempdir()) / f"{name}-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        mine = not hasattr(os, "getuid") or facts.st_uid == os.getuid()
        if mine and not folder.is_symlink() and (os.name == "nt" or facts.st_mode & 0o077 == 0):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix=f"{name}-"))  # someone else took the name


def find_git_root(start: str | Path = ROOT) -> Path | None:
    """Return the nearest folder at or above `start` that holds a `.git`, or None."""
    start = Path(start).resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), None)


def default_dirs() -> dict[str, Path]:
    """Return where data sets, weights and runs go unless the settings say otherwise.

    Used from a checkout: weights and runs inside it, data sets beside it. Installed: weights and runs in whatever
    folder is current at the time, data sets in the one that was current at the first use.
    """
    checkout = find_git_root()
    return {
        "datasets_dir": (checkout.parent if checkout else Path.cwd()) / "datasets",
        "weights_dir": (checkout or Path()) / "weights",
        "runs_dir": (checkout or Path()) / "runs",
    }
