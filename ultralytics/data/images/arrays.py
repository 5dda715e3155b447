"""Pictures stored as numpy arrays (`.npy`), for any number of channels.

Beside the pictures of a folder lie the arrays of their disk cache, under the same names. Those are no pictures of their
own: `without_cached` tells them apart.
"""

from __future__ import annotations

import os
import struct
import tokenize
from collections.abc import Iterable

import numpy as np

from ultralytics.data.images.formats import is_array, is_image

__all__ = ["MARK", "TRAILER", "is_cached_array", "read_array", "without_cached"]

TRAILER = struct.Struct("<8sqq")  # end of a cached array: mark, size and time of the picture it was made from
MARK = b"yolo-px1"


def read_array(path: str | os.PathLike) -> np.ndarray:
    """Read an array file; its numbers are data and never objects to be rebuilt.

    Raises:
        FileNotFoundError: where there is none.
        OSError, ValueError: saying why it cannot be read.
    """
    try:
        # Mapped first: a file that promises more numbers than it has is found out before memory is taken for them.
        return np.array(np.lib.format.open_memmap(path, mode="r"))
    except (EOFError, OverflowError, SyntaxError, TypeError, tokenize.TokenError) as error:  # of a damaged header
        raise ValueError(f"no array file ({error})") from error


def is_cached_array(path: str | os.PathLike) -> bool:
    """Whether an array file was made by the disk cache. Others may be somebody's data."""
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) < TRAILER.size:
            return False
        file.seek(-TRAILER.size, os.SEEK_END)
        return file.read(len(MARK)) == MARK


def without_cached(files: Iterable[str]) -> list[str]:
    """Return the files of folders without arrays that are the cache of a picture, be it there or gone."""
    files = list(files)
    owners = {os.path.splitext(file)[0] for file in files if is_image(file)}
    return [
        file
        for file in files
        if not is_array(file) or (os.path.splitext(file)[0] not in owners and not is_cached_array(file))
    ]
