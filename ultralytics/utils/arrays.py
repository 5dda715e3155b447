"""Reading numpy's array files when somebody else may have made them: numbers only, no larger than the file.

`np.load` with pickle switched off still takes memory for whatever shape a header names, and packed archives unpack to
any size. Here the header is compared with the bytes that are there before any memory is taken.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

__all__ = ["ArrayFileError", "read_array", "read_arrays"]

KINDS = "biuf"  # booleans, whole and floating-point numbers


class ArrayFileError(ValueError):
    """A file that holds no plain array of numbers; the text says what it holds instead."""


def read_array(stream: IO[bytes], nbytes: int) -> np.ndarray:
    """Read one array in numpy's `.npy` format.

    Args:
        stream: where it starts.
        nbytes: bytes from there to its end, header included.

    Raises:
        ArrayFileError: no such array, one of objects or records, or more or fewer bytes than its header says.
    """
    start = stream.tell()
    try:
        version = np.lib.format.read_magic(stream)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, by_columns, dtype = readers[version](stream)
    except Exception as error:  # the header is a Python literal, and its reader raises whatever that may cause
        raise ArrayFileError(f"it has no readable array header ({type(error).__name__}: {error})") from error
    if dtype.kind not in KINDS or dtype.subdtype is not None:
        raise ArrayFileError(f"it holds '{dtype}', not numbers")
    size, left = math.prod(shape) * dtype.itemsize, nbytes - (stream.tell() - start)
    if any(side < 0 for side in shape) or size != left:
        raise ArrayFileError(f"its header says {shape} {dtype}, which are {size:,} bytes; it has {left:,}")
    content = bytearray(size)
    if stream.readinto(content) != size:
        raise ArrayFileError("it is cut off")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")


def read_arrays(file: str | os.PathLike, names: Collection[str]) -> dict[str, np.ndarray]:
    """Read arrays of an archive that `np.savez` has written.

    Args:
        file: the archive; arrays in it have to be stored as they are, not packed.
        names: the arrays to read.

    Raises:
        FileNotFoundError: no such file.
        ArrayFileError: damaged, no such archive, or an array is missing or no plain one; names file and array.
    """
    whole, arrays = Path(file).stat().st_size, {}
    name = ""
    try:
        with zipfile.ZipFile(file) as archive:
            for name in names:
                info = archive.getinfo(f"{name}.npy")
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > whole:
                    raise ArrayFileError("it is packed, or larger than the file")
                with archive.open(info) as stream:
                    arrays[name] = read_array(stream, info.file_size)
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # the zip reader raises what it stumbles over
        place = f"array '{name}' of '{file}'" if name else f"'{file}'"
        raise ArrayFileError(f"{place} cannot be read: {error}.") from error
    return arrays
