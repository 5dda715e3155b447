"""Data sets that a model file remembers: used where they are on this machine, never fetched on the file's word.

A checkpoint says which data set it was trained with, and `val()` without `data` uses that. In a stranger's file it
could be any address, or a network share that an operating system logs in to as soon as it looks for a file there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ultralytics.cfg.errors import ConfigError
from ultralytics.utils.env import ROOT
from ultralytics.utils.net.assets import PUBLIC_SETS
from ultralytics.utils.settings import SETTINGS
from ultralytics.utils.text import printable

__all__ = ["RememberedDataError", "check_remembered", "is_elsewhere"]

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/|[\\/]{2}", re.IGNORECASE)  # one letter would be a drive


class RememberedDataError(ConfigError, FileNotFoundError):
    """`data` is missing, and what the model file remembers does not do; asks for it."""


def is_elsewhere(data: Any) -> bool:
    """Whether a data argument is no place on this machine: an address, or a network share."""
    return ADDRESS.match(str(data).strip()) is not None


def check_remembered(data: Any, model: Any, own_reader: bool = False) -> None:
    """Refuse a data set that a model file remembers unless it is here, or ships with this package.

    Args:
        data: what the file remembers.
        model: the file, for the message.
        own_reader: a class of the user's own finds the data; names may mean something to it, addresses stay refused.

    Raises:
        RememberedDataError: asks for `data=`.
    """
    if not is_elsewhere(data) and (own_reader or _is_here(str(data).strip())):
        return
    raise RememberedDataError(
        f"'data' is missing. '{printable(model)}' remembers data='{printable(data, 200)}', which is neither on this "
        "machine nor a data set of this package, and what a model file names is not fetched. Give it: data=..."
    )


def _is_here(text: str) -> bool:
    """Whether a text names a file or folder here, a folder in `datasets_dir`, or a data set of this package."""
    name = text if Path(text).suffix else f"{text}.yaml"
    plain = Path(text).name == text
    try:
        shipped = plain and (text in PUBLIC_SETS or (ROOT / "cfg" / "datasets" / name).is_file())
        return bool(text) and (shipped or Path(text).exists() or (Path(SETTINGS["datasets_dir"]) / text).is_dir())
    except (OSError, ValueError):  # a name that no file may have
        return False
