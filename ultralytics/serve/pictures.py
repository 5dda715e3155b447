"""Bodies of requests that are pictures: what is taken, how much of it, and where it is counted.

A body comes from anybody. Its type is looked at before it is read, its bytes are counted as they come, the size of the
picture is read from the header before it is decoded, and its name is shown and used for nothing else.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from ultralytics.data.images.io import JPEG_START, mend_jpeg
from ultralytics.solutions.received import SHOWN_NAME, PixelLimitError, UploadError, received_picture
from ultralytics.utils.text import printable

__all__ = ["Budget", "Limits", "OverBudget", "Refusal", "decoded", "is_multipart", "is_picture"]

PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


class Refusal(Exception):
    """A request that is not answered with results.

    Args:
        code: status of HTTP.
        text: what is wrong, for the caller.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class OverBudget(Exception):
    """Requests under way hold as many bytes as they may."""


@dataclass(frozen=True)
class Limits:
    """How much a request may be.

    Attributes:
        body: bytes.
        pictures: number of pictures.
        pixels: of a picture.
        seconds: until the body has come, and again until there is an answer.
    """

    body: int = 16 * 2**20
    pictures: int = 16
    pixels: int = 25_000_000
    seconds: float = 30.0


class Budget:
    """Counts the bytes that requests under way hold, so that many large ones cannot fill the memory.

    Args:
        total: bytes, at most.
    """

    def __init__(self, total: int) -> None:
        self.total, self.used = total, 0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Count bytes in.

        Raises:
            OverBudget: there would be too many.
        """
        with self._lock:
            if self.used + count > self.total:
                raise OverBudget(f"requests under way hold {self.used >> 20} MiB, at most {self.total >> 20} are held.")
            self.used += count

    def give(self, count: int) -> None:
        """Count bytes out."""
        with self._lock:
            self.used -= count


def is_multipart(content_type: str) -> bool:
    """Return whether a body is a form with files."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def is_picture(content_type: str) -> bool:
    """Return whether a body may be one picture; what it is shows its content."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/octet-stream" or (kind.startswith("image/") and kind != "image/svg+xml")


def decoded(data: bytes, name: str, limits: Limits) -> np.ndarray:
    """Return a picture (H, W, 3) BGR uint8.

    A file that was cut off is refused, although a decoder would fill up what is missing.

    Args:
        data: content of the file.
        name: what the caller calls it.
        limits: how large it may be.

    Raises:
        Refusal: no picture, or not a whole one (422), or too many pixels (413).
    """
    shown = printable(name, SHOWN_NAME)
    if not data:
        raise Refusal(422, f"'{shown}' is empty.")
    try:
        picture = received_picture(data, name, limits.pixels)
    except PixelLimitError as error:
        raise Refusal(413, str(error)) from None
    except UploadError as error:
        raise Refusal(422, str(error)) from None
    cut_jpeg = data.startswith(JPEG_START) and mend_jpeg(data) is None
    if cut_jpeg or (data.startswith(PNG_START) and PNG_END not in data):
        raise Refusal(422, f"'{shown}' is not complete.")
    return picture
