"""Live sources: cameras, network streams, the screen."""

from __future__ import annotations

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

__all__ = ["LoadScreenshots", "LoadStreams", "get_best_youtube_url", "is_video_page"]

QUEUE_LENGTH = 30  # frames kept per stream with `buffer=True`
RECONNECTS = 3


@dataclass
class _Stream:
    """One live source and what its reading thread has found."""

    name: str
    cap: cv2.VideoCapture
    fps: float
    frames: float
    queue: deque
    thread: threading.Thread | None = None
    ended: bool = False


class LoadStreams:
    """Live sources, each read by a thread of its own.

    Args:
        sources: `.streams` file with one address a line, address, camera number, or a list of those.
        vid_stride: use every so many-th frame.
        buffer: queue frames, so that none is lost, instead of using the newest.
        channels: 3 for colour, 1 for grey.

    Raises:
        ConnectionError: a source cannot be opened or yields no picture.
        NotImplementedError: for pages of video sites.
    """

    def __init__(self, sources: Any = "file.streams", vid_stride: int = 1, buffer: bool = False, channels: int = 3):
        self.mode, self.vid_stride, self.buffer, self.channels = "stream", vid_stride, buffer, channels
        self.sources = _stream_addresses(sources)
        self.bs = len(self.sources)
        self.running = True
        self.source_type = SourceTypes(stream=True)
        self._news = threading.Condition()
        self._streams: list[_Stream] = []
        try:
            for number, address in enumerate(self.sources, 1):
                self._streams.append(self._connect(address, f"{number}/{self.bs}: {address}"))
        except BaseException:
            self.close()
            raise
        self.fps = [stream.fps for stream in self._streams]
        self.frames = [stream.frames for stream in self._streams]
        self.shape = [stream.queue[0].shape for stream in self._streams]
        for i, stream in enumerate(self._streams):
            stream.thread = threading.Thread(target=self.update, args=(i, stream.cap, stream.name), daemon=True)
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
        return _Stream(address, cap, fps, frames, deque([self._converted(frame)]))

    def _converted(self, frame: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)[..., None] if self.channels == 1 else frame

    def update(self, i: int, cap: cv2.VideoCapture, stream: str) -> None:
        """Read frames of source `i` until it ends or `close` is called; the body of its thread."""
        mine = self._streams[i]
        recorded = mine.frames != float("inf")
        failures, position = 0, 1  # the first frame was read on connecting
        while self.running:
            if self.buffer and len(mine.queue) >= QUEUE_LENGTH:
                time.sleep(0.005)
                continue
            if recorded and not self.buffer and not failures:
                time.sleep(self.vid_stride / mine.fps)  # a file stands in for a live source: keep its pace
            found = all(cap.grab() for _ in range(self.vid_stride))
            found, frame = cap.retrieve() if found else (False, None)
            position += self.vid_stride
            if found:
                failures = 0
                with self._news:
                    if not self.buffer:
                        mine.queue.clear()
                    mine.queue.append(self._converted(frame))
                    self._news.notify_all()
            elif (failures := failures + 1) > (BROKEN_IN_A_ROW if recorded else RECONNECTS):
                break
            elif recorded:  # a decoder says the same of a broken frame and of the end, the announced count tells
                if position >= mine.frames:
                    break
            else:
                LOGGER.warning(f"{stream}: no picture, connecting again ({failures} of {RECONNECTS}) ...")
                time.sleep(0.5 * failures)
                cap.open(int(stream) if stream.isdecimal() else stream)
        with self._news:
            mine.ended = True
            self._news.notify_all()

    def __iter__(self) -> LoadStreams:
        return self

    def __next__(self) -> Batch:
        """Wait for a new frame of every source; the first source to end ends the iteration."""
        with self._news:
            while self.running and not all(stream.queue for stream in self._streams):
                if any(stream.ended and not stream.queue for stream in self._streams):
                    break
                self._news.wait(0.5)
            ready = self.running and all(stream.queue for stream in self._streams)
            images = [stream.queue.popleft() for stream in self._streams] if ready else []
        if not images:
            self.close()
            raise StopIteration
        return list(self.sources), images, [""] * self.bs

    def close(self) -> None:
        """End the threads and let go of the sources."""
        self.running = False
        for stream in self._streams:
            if stream.thread is not None and stream.thread is not threading.current_thread():
                stream.thread.join(timeout=5)
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
    try:
        return cv2.VideoCapture(int(address) if address.isdecimal() else address)
    except cv2.error:
        return cv2.VideoCapture()


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
