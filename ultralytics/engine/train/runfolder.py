"""The folder of a training run: chosen so that two runs never write into the same one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["RunFolderInUseError", "RunFolderLock", "remove_leftovers"]

LOCK_NAME = ".training.lock"


class RunFolderInUseError(RuntimeError, ValueError):
    """Another live run writes into the folder."""


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
