"""Film files, decoded ahead in a thread."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from ultralytics.data.loaders.types import BROKEN_IN_A_ROW
from ultralytics.data.prefetch import AheadIterator
from ultralytics.utils.opencv import quiet_opencv

__all__ = ["Film"]

POSITIONS = (cv2.CAP_PROP_POS_MSEC, cv2.CAP_PROP_POS_FRAMES, cv2.CAP_PROP_POS_AVI_RATIO)


class Film:
    """A film whose frames may be decoded before they are asked for; otherwise it answers as `cv2.VideoCapture` does.

    Scripts ask the object for times and positions: it answers with those of the frame that `stream` gave last, not of
    the one that was decoded last.

    Args:
        *source: what `cv2.VideoCapture` takes; nothing for a film that cannot be opened.

    Attributes:
        announced: number of frames that the file says it has.
        readable: frames that could be decoded so far.
    """

    def __init__(self, *source: str) -> None:
        with quiet_opencv():
            self._capture = cv2.VideoCapture(*source)  # no base class: instances of subclasses of OpenCV's crash
        # It allows one thread at a time. The garbage collector may release it in the one that decodes: no plain lock.
        self._lock = threading.RLock()
        self._ahead: AheadIterator | None = None
        self._places: dict[int, float] = {}
        self.readable = 0
        self.announced = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def stream(self, stride: int = 1, ahead: int = 2) -> Iterator[np.ndarray]:
        """Give the frames (H, W, 3) of the rest of the film, without those that cannot be decoded.

        Args:
            stride: give every so many-th frame.
            ahead: number of frames to decode before their turn; 0 for none, and without a thread.
        """
        decoded = self._steps(stride)
        frames = decoded
        if ahead:
            self._ahead = AheadIterator(itertools.repeat(None), lambda _: next(decoded, None), ahead)
            frames = iter(self._ahead.__next__, None)
        try:
            for image, self._places in frames:
                yield image
        finally:
            self._stop()

    def _steps(self, stride: int) -> Iterator[tuple[np.ndarray, dict[int, float]]]:
        """Decode the film; gives frames and their positions."""
        position = broken = 0
        # A decoder says the same at a broken frame and at the end: only the count that the file announces tells.
        while broken < BROKEN_IN_A_ROW:
            wanted = (position + 1) % stride == 0
            with self._lock:
                found, image = self._capture.grab(), None
                if found and wanted:
                    found, image = self._capture.retrieve()
                places = {key: self._capture.get(key) for key in POSITIONS} if wanted else {}
            if not found and position >= self.announced:
                return
            position, broken = position + 1, 0 if found else broken + 1
            self.readable += found
            if image is not None and found:
                yield image, places

    def get(self, propId: int) -> float:
        """Return a property; positions are those of the frame that was given last."""
        if propId in self._places:
            return self._places[propId]
        with self._lock:
            return self._capture.get(propId)

    def _stop(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def release(self) -> None:
        """Let go of the file; nothing more of it is decoded."""
        self._stop()
        with self._lock:  # of the frame that is being decoded
            self._capture.release()

    def __getattr__(self, name: str) -> Any:
        """Return any other method of the capture."""
        method = getattr(vars(self).get("_capture"), name)

        def locked(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                return method(*args, **kwargs)

        return locked
