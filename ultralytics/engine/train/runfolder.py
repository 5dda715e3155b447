"""The folder of a training run: chosen so that two runs never write into the same one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import SimpleNamespace

from filelock import FileLock, Timeout

from ultralytics.cfg.merge import get_save_dir

__all__ = ["RunFolderInUseError", "RunFolderLock", "claim_new", "remove_leftovers"]

LOCK_NAME = ".training.lock"


class RunFolderInUseError(RuntimeError, ValueError):
    """Another live run writes into the folder."""


def claim_new(args: SimpleNamespace, name: str | None = None, reuse: bool = False) -> Path:
    """Make the folder of a run and return it. Runs that ask at the same moment get different ones.

    Args:
        args: configuration: `save_dir`, `project`, `name`, `exist_ok`.
        name: instead of the name in `args`.
        reuse: take a folder that exists, as the user asked for.
    """
    while True:
        folder = get_save_dir(args, name)
        try:
            folder.mkdir(parents=True, exist_ok=reuse)
            return folder
        except FileExistsError:  # a run that started at the same moment was faster
            if not folder.is_dir():
                raise


class RunFolderLock:
    """Exclusive right to write into a run folder, held by the operating system, so that a killed run leaves none
    behind.

    Args:
        folder: the run folder; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_NAME
        self._lock = FileLock(self.path)

    def acquire(self, wait_s: float = 0.0) -> None:
        """Take the lock.

        Args:
            wait_s: seconds to wait for it. Loader processes of a killed run, which hold its lock too, end within that.

        Raises:
            RunFolderInUseError: while another run writes into the folder.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=wait_s)
        except Timeout:
            raise RunFolderInUseError(
                f"Another training run is writing into '{self.path.parent}'. Wait until it ends, or choose another "
                "'name', or leave 'exist_ok' off to get a numbered folder."
            ) from None

    def release(self) -> None:
        """Give the lock back. Its empty file stays: removing it would race with a run that is just taking the lock."""
        self._lock.release()


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files that a killed run left in its folder. Call only while holding the lock."""
    for path in folder.glob(".*.tmp"):
        if path.is_file():
            with contextlib.suppress(OSError):
                os.unlink(path)
