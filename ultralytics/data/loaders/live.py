"""Live sources: cameras, network streams, the screen."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import cv2
import numpy as np

from ultralytics.data.describe.locate import read_lines
from ultralytics.data.loaders.types import BROKEN_IN_A_ROW, Batch, SourceTypes
from ultralytics.utils.checks import require
from ultralytics.utils.downloads import refuse_offline
from ultralytics.utils.log import LOGGER
from ultralytics.utils.opencv import quiet_opencv
from ultralytics.utils.text import printable, without_password

__all__ = ["LoadScreenshots", "LoadStreams", "get_best_youtube_url", "is_video_page"]

QUEUE_LENGTH = 30  # frames kept per stream with `buffer=True`
# Seconds to wait before each attempt to reach a source again; after the last one it is given up.
PAUSES = (0.5, 1, 2, 4, 8, 16, 30, 30)


@dataclass
class _Stream:
    """One live source and what its reading thread has found."""

    name: str
    label: str
    cap: cv2.VideoCapture
    fps: float
    frames: float
    queue: deque[tuple[float, np.ndarray]]  # frames with the times at which they came
    thread: threading.Thread | None = None
    connected: bool = True
    ended: bool = False

    @property
    def recorded(self) -> bool:
        """Whether the source is a film, which has an end."""
        return self.frames != float("inf")


class LoadStreams:
    """Live sources, each read by a thread of its own.

    A batch holds the frames that are there: one of every source as long as all send at one rate and the network keeps
    up, otherwise those of the sources that sent one since their last turn; `order` tells which. A source that stops is
    left out, connected to again after growing pauses, and given up in the end; the others go on meanwhile.

    Args:
        sources: `.streams` file with one address a line, address, camera number, or a list of those.
        vid_stride: use every so many-th frame.
        buffer: queue frames, so that none is lost, instead of using the newest.
        channels: 3 for colour, 1 for grey.

    Attributes:
        order: positions in `sources` of the pictures in the last batch.
        fps: frames a second of every source.

    Raises:
        ConnectionError: a source cannot be opened or yields no picture.
        NotImplementedError: for pages of video sites.
    """

    def __init__(self, sources: Any = "file.streams", vid_stride: int = 1, buffer: bool = False, channels: int = 3):
        self.mode, self.vid_stride, self.buffer, self.channels = "stream", vid_stride, buffer, channels
        self.sources = _stream_addresses(sources)
        self.bs = len(self.sources)
        self.order = list(range(self.bs))
        self.running = True
        self.source_type = SourceTypes(stream=True)
        self._news = threading.Condition()  # of frames, ends and closing
        self._streams: list[_Stream] = []
        try:
            for number, address in enumerate(self.sources, 1):
                self._streams.append(
                    self._connect(address, f"{number}/{self.bs}: {printable(without_password(address))}")
                )
        except BaseException:
            self.close()
            raise
        self.fps = [stream.fps for stream in self._streams]
        self.frames = [stream.frames for stream in self._streams]
        self.shape = [stream.queue[0][1].shape for stream in self._streams]
        for i, stream in enumerate(self._streams):
            stream.thread = threading.Thread(target=self._read, args=(i, stream), daemon=True)
            stream.thread.start()

    @property
    def caps(self) -> list[cv2.VideoCapture]:
        """Open captures."""
        return [stream.cap for stream in self._streams]

    @property
    def threads(self) -> list[threading.Thread | None]:
        """Reading threads."""
        return [stream.thread for stream in self._streams]

    def __len__(self) -> int:
        return self.bs

    # Reading ----------------------------------------------------------------------------------------------------------
    def _connect(self, address: str, label: str) -> _Stream:
        """Open a source and read its first frame."""
        cap = _capture(address)
        found, frame = cap.read() if cap.isOpened() else (False, None)
        if not found:
            cap.release()
            raise ConnectionError(f"{label}: cannot be opened, or sends no picture; check address and connection.")
        fps = cap.get(cv2.CAP_PROP_FPS)
        fps = fps if 0 < fps < 1000 else 30.0
        count = cap.get(cv2.CAP_PROP_FRAME_COUNT)
        LOGGER.info(f"{label}: {frame.shape[1]}x{frame.shape[0]} at {fps:.1f} frames a second")
        frames = count if 0 < count < 1e9 else float("inf")
        return _Stream(address, label, cap, fps, frames, deque([(time.monotonic(), self._converted(frame))]))

    def _converted(self, frame: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)[..., None] if self.channels == 1 else frame

    def _read(self, i: int, stream: _Stream) -> None:
        """Read a source to its end; the body of its thread, which alone touches the capture."""
        try:
            self.update(i, stream.cap, stream.name)
        finally:
            stream.cap.release()
            with self._news:
                stream.ended = True
                self._news.notify_all()

    def update(self, i: int, cap: cv2.VideoCapture, stream: str) -> None:
        """Read frames of source `i` until it ends or `close` is called."""
        mine = self._streams[i]
        failures, position = 0, 1  # the first frame was read on connecting
        while self.running:
            if self.buffer and len(mine.queue) >= QUEUE_LENGTH:
                self._rested(0.005)
                continue
            if mine.recorded and not self.buffer and not failures:
                self._rested(self.vid_stride / mine.fps)  # a file stands in for a live source: keep its pace
            found = all(cap.grab() for _ in range(self.vid_stride))
            found, frame = cap.retrieve() if found else (False, None)
            position += self.vid_stride
            if found:
                failures = 0
                self._take(mine, frame)
            elif not mine.recorded:
                if not self._reconnect(mine):
                    return
            elif position >= mine.frames or (failures := failures + 1) > BROKEN_IN_A_ROW:
                return  # a decoder says the same of a broken frame and of the end, the announced count tells

    def _take(self, stream: _Stream, frame: np.ndarray) -> None:
        """Queue a frame."""
        frame = self._converted(frame)
        with self._news:
            if not self.buffer:
                stream.queue.clear()
            stream.queue.append((time.monotonic(), frame))
            stream.connected = True
            self._news.notify_all()

    def _rested(self, seconds: float) -> bool:
        """Pause a reading thread; tell whether it is to go on, which it is not once `close` was called."""
        with self._news:
            return not self._news.wait_for(lambda: not self.running, seconds)

    def _reconnect(self, stream: _Stream) -> bool:
        """Try to reach a source again until it sends a picture; tell whether it did."""
        if not self.running:
            return False
        with self._news:
            stream.connected = False
            self._news.notify_all()
        LOGGER.warning(f"{stream.label}: no picture any more; trying to connect again.")
        since = time.monotonic()
        for pause in PAUSES:
            if not self._rested(pause):
                return False
            _open(stream.cap, stream.name)
            found, frame = stream.cap.read() if stream.cap.isOpened() else (False, None)
            if found:
                LOGGER.info(f"{stream.label}: pictures come again after {time.monotonic() - since:.0f} s.")
                self._take(stream, frame)
                return True
        LOGGER.warning(f"{stream.label}: given up after {len(PAUSES)} attempts to connect again.")
        return False

    # Giving -----------------------------------------------------------------------------------------------------------
    def __iter__(self) -> LoadStreams:
        return self

    def __next__(self) -> Batch:
        """Wait for new frames; the iteration ends when the last source has ended."""
        with self._news:
            while self.running and (seconds := self._patience()) > 0:
                self._news.wait(seconds)
            order = [i for i, stream in enumerate(self._streams) if stream.queue] if self.running else []
            images = [self._streams[i].queue.popleft()[1] for i in order]
        if not images:
            self.close()
            raise StopIteration
        self.order = order
        return [self.sources[i] for i in order], images, [""] * len(order)

    def _patience(self) -> float:
        """Return for how many seconds to wait for further frames; 0 to go on with those that are there.

        A frame waits for those of other sources for half of the time that its own source takes for one. So sources of
        one rate come together, and no fast one falls behind for a slow one. Queued films are read in step.
        """
        missing = [stream for stream in self._streams if not stream.queue and stream.connected and not stream.ended]
        if self.buffer and any(stream.recorded for stream in missing):
            return 0.5
        waiting = [stream for stream in self._streams if stream.queue]
        if not waiting:
            return 0 if all(stream.ended for stream in self._streams) else 0.5
        if not missing:
            return 0
        ends = (stream.queue[0][0] + self.vid_stride / stream.fps / 2 for stream in waiting)
        return max(0.0, min(ends) - time.monotonic())

    def close(self) -> None:
        """Have the threads end, which let go of the sources.

        They are not waited for: a read from a dead connection takes long, and the garbage collector may close what was
        given up, in a thread that holds what ending threads want. Its own lock a thread may take once more.
        """
        with self._news:
            self.running = False
            self._news.notify_all()
        for stream in self._streams:
            if stream.thread is None:
                stream.cap.release()


def _stream_addresses(sources: Any) -> list[str]:
    """List of addresses from a `.streams` file, one address or several."""
    if isinstance(sources, (str, Path)) and Path(sources).is_file() and Path(sources).suffix.lower() == ".streams":
        lines = read_lines(Path(sources))
        return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [str(one).strip() for one in (sources if isinstance(sources, (list, tuple)) else [sources])]


def _capture(address: str) -> cv2.VideoCapture:
    if is_video_page(address):
        get_best_youtube_url(address)
    if urlparse(address).hostname:
        refuse_offline(address)
    capture = cv2.VideoCapture()
    _open(capture, address)
    return capture


def _open(capture: cv2.VideoCapture, address: str) -> None:
    """Open a source, or the next one, or none: the capture tells."""
    with quiet_opencv(), contextlib.suppress(cv2.error):
        capture.open(int(address) if address.isdecimal() else address)


def is_video_page(address: str) -> bool:
    """Return whether an address is one of a site whose pages play films."""
    return (urlparse(address).hostname or "").removeprefix("www.") in {"youtube.com", "youtu.be"}


def get_best_youtube_url(url: str, method: str = "pytube") -> str | None:
    """Pages of video sites are not resolved to streams.

    Raises:
        NotImplementedError: always, saying what to do instead.
    """
    raise NotImplementedError(
        f"'{url}' is a web page, not a video. Download the video with a tool of your choice and give the file, or give "
        "the address of the stream itself."
    )


class LoadScreenshots:
    """Pictures of the screen, without end.

    Args:
        source: `screen`, `screen N` for monitor N, or `screen [N] LEFT TOP WIDTH HEIGHT` for a part of it in pixels.
        channels: 3 for colour, 1 for grey.

    Raises:
        ImportError: the package `mss` is not installed.
        ValueError: for another form of `source`, or a monitor that does not exist.
    """

    def __init__(self, source: str, channels: int = 3):
        words = source.split()[1:]
        if len(words) not in {0, 1, 4, 5} or not all(word.lstrip("-").isdecimal() for word in words):
            raise ValueError(f"source '{source}': use 'screen', 'screen N' or 'screen [N] LEFT TOP WIDTH HEIGHT'.")
        numbers = [int(word) for word in words]
        self.screen = numbers.pop(0) if len(numbers) in {1, 5} else 0
        self.sct = require("mss", why=f"source '{source}'").mss()
        if not 0 <= self.screen < len(self.sct.monitors):
            raise ValueError(f"source '{source}': there are monitors 0 to {len(self.sct.monitors) - 1}.")
        monitor = self.sct.monitors[self.screen]
        left, top, width, height = numbers or (0, 0, monitor["width"], monitor["height"])
        self.left, self.top, self.width, self.height = monitor["left"] + left, monitor["top"] + top, width, height
        self.monitor = {"left": self.left, "top": self.top, "width": width, "height": height}
        self.mode, self.bs, self.frame, self.fps, self.channels = "stream", 1, 0, 30, channels
        self.source_type = SourceTypes(screenshot=True)

    def __iter__(self) -> LoadScreenshots:
        return self

    def __next__(self) -> Batch:
        image = np.ascontiguousarray(np.asarray(self.sct.grab(self.monitor))[..., :3])
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None] if self.channels == 1 else image
        self.frame += 1
        place = f"{self.left},{self.top},{self.width},{self.height}"
        return [str(self.screen)], [image], [f"screen {self.screen} (LTWH): {place}: "]
