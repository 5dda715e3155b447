"""What strangers send: pictures with their limits, and films that lie in a file only as long as they are read."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ultralytics.data.images.formats import VID_FORMATS
from ultralytics.data.images.io import UnreadableImageError, read_bytes
from ultralytics.utils.text import printable

__all__ = [
    "MAX_PICTURE_BYTES",
    "MAX_PICTURE_PIXELS",
    "PixelLimitError",
    "UploadError",
    "received_film",
    "received_picture",
]

MAX_PICTURE_BYTES = 32 * 2**20
MAX_PICTURE_PIXELS = 64_000_000
SHOWN_NAME = 60  # characters


class UploadError(ValueError):
    """Something that was sent is not taken; the message is for whoever sent it."""


class PixelLimitError(UploadError):
    """A picture has too many pixels."""


def received_picture(data: bytes, name: str, max_pixels: int | None = None) -> np.ndarray:
    """Return a picture (H, W, 3) BGR uint8 from the bytes of a file.

    The size is read from the header before anything is decoded, since a small file may describe a huge picture.

    Args:
        data: content of the file.
        name: what the sender calls it, for errors; it is no path.
        max_pixels: pixels, at most; `MAX_PICTURE_PIXELS` where None.

    Raises:
        PixelLimitError: too many pixels.
        UploadError: too many bytes, or no picture.
    """
    shown, most = printable(name, SHOWN_NAME), MAX_PICTURE_PIXELS if max_pixels is None else max_pixels
    if len(data) > MAX_PICTURE_BYTES:
        raise UploadError(f"'{shown}' has more than {MAX_PICTURE_BYTES >> 20} MiB.")
    try:
        with Image.open(io.BytesIO(data)) as header:
            width, height = header.size
            suffix = (header.format or "").lower()
    except Image.DecompressionBombError:
        width = height = most
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, MemoryError):
        raise UploadError(f"'{shown}' is not a picture of a known format.") from None
    if width * height > most:
        raise PixelLimitError(f"'{shown}' has more than {most / 1e6:g} million pixels.")
    try:
        return read_bytes(data, f"upload.{suffix}")
    except UnreadableImageError:
        raise UploadError(f"'{shown}' is damaged and cannot be decoded.") from None


@contextlib.contextmanager
def received_film(data: bytes, name: str) -> Iterator[Path]:
    """Keep a film in a temporary file of this user's alone for the length of a block.

    Args:
        data: content of the file; its size is limited by whoever receives it.
        name: what the sender calls it; only its suffix is used, and only a known one.

    Raises:
        UploadError: the suffix is none of a film.
    """
    suffix = name.rpartition(".")[2].lower()
    if suffix not in VID_FORMATS:
        raise UploadError(f"'{printable(name, SHOWN_NAME)}' is not a film of a known format.")
    handle, path = tempfile.mkstemp(suffix=f".{suffix}", prefix="yolo-upload-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        yield Path(path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
