"""Films by OpenCV, which is kept quiet where this package says itself what cannot be opened."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import cv2

__all__ = ["MPEG4", "open_video_writer", "quiet_opencv"]

MPEG4 = "mp4v"  # every build of OpenCV writes it
PROBE_WH = 256, 256  # encoders of graphics cards have a least size

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


def open_video_writer(
    path: str | os.PathLike, size: tuple[int, int], fps: float, codecs: Sequence[str] = (MPEG4,)
) -> cv2.VideoWriter:
    """Open a film for writing with the first codec that will do.

    Args:
        path: file; its suffix says which container.
        size: width and height.
        fps: frames per second.
        codecs: codes of four letters, the best first. Those that this build of OpenCV lacks are tried once per process.

    Raises:
        OSError: none will do.
    """
    for codec in codecs:
        if codec == MPEG4 or _has_encoder(codec):
            writer = _writer(path, size, fps, codec)
            if writer.isOpened():
                return writer
    raise OSError(f"Cannot write the video '{os.fspath(path)}' (codec {', '.join(codecs)}; {size[0]}x{size[1]}).")


@cache
def _has_encoder(codec: str) -> bool:
    """Return whether OpenCV can encode, found out by a try: FFmpeg inside of it may complain on stderr where not."""
    with tempfile.TemporaryDirectory() as folder:
        writer = _writer(Path(folder) / "film.mp4", PROBE_WH, 30, codec)
        found = writer.isOpened()
        writer.release()
    return found


def _writer(path: str | os.PathLike, size: tuple[int, int], fps: float, codec: str) -> cv2.VideoWriter:
    with quiet_opencv():
        return cv2.VideoWriter(os.fspath(path), cv2.VideoWriter.fourcc(*codec), fps, size)
