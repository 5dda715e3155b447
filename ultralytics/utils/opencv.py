"""Keeping OpenCV quiet where this package says itself what cannot be opened."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import cv2

__all__ = ["quiet_opencv"]

_FFMPEG_LEVEL = "OPENCV_FFMPEG_LOGLEVEL"  # read when the process opens its first film
_QUIET = "-8"


class _Quiet:
    """Silence that lasts while any thread wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._level = 0

    def enter(self) -> None:
        """Begin to be silent."""
        os.environ.setdefault(_FFMPEG_LEVEL, _QUIET)
        log = cv2.utils.logging
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._level = log.getLogLevel()
                log.setLogLevel(log.LOG_LEVEL_SILENT)

    def leave(self) -> None:
        """Let OpenCV talk again when nobody else wants it silent."""
        with self._lock:
            self._users -= 1
            if not self._users:
                cv2.utils.logging.setLogLevel(self._level)


_quiet = _Quiet()


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Let OpenCV say nothing on stderr inside the block.

    FFmpeg inside of OpenCV has a level of its own, which it takes from the environment once: it stays quiet for the
    whole process, unless the user set `OPENCV_FFMPEG_LOGLEVEL`.
    """
    _quiet.enter()
    try:
        yield
    finally:
        _quiet.leave()
