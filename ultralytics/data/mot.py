"""Tracks as rows of MOT-Challenge files: `frame, id, left, top, width, height, confidence, class, visibility`.

Frames and classes count from 1, boxes are in pixels. In a file of true tracks the seventh number is 1 for rows that
count and 0 for rows that do not, and visibility is what is seen, 0..1. Files of found tracks have the confidence there,
and need not have more than six numbers; what is not known is -1. The format is that of Milan et al., MOT16: A benchmark
for multi-object tracking, 2016 (https://arxiv.org/abs/1603.00831).
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.utils.files import atomic_write
from ultralytics.utils.text import printable

__all__ = ["COLUMNS", "read_rows", "write_rows"]

COLUMNS = ("frame", "id", "left", "top", "width", "height", "confidence", "class", "visibility")
NEEDED, MOST = 6, 10  # numbers in a row; files of found tracks have x, y, z of the world after the confidence
LARGEST = 2**31  # frames and ids
FORMAT = "%d,%d,%.3f,%.3f,%.3f,%.3f,%.4f,%d,%.4f"


def write_rows(path: str | os.PathLike, rows: np.ndarray) -> Path:
    """Write rows (N, 9) of `COLUMNS`, sorted by frame and id; the file appears whole or not at all.

    Returns:
        The file.

    Raises:
        ValueError: another number of columns, or numbers that are not finite.
    """
    rows = np.asarray(rows, float)
    if rows.ndim != 2 or rows.shape[1] != len(COLUMNS):
        raise ValueError(f"rows of tracks have {len(COLUMNS)} columns ({', '.join(COLUMNS)}), not shape {rows.shape}.")
    if not np.isfinite(rows).all():
        bad, column = np.argwhere(~np.isfinite(rows))[0]
        raise ValueError(f"row {bad} of the tracks has {rows[bad, column]} as {COLUMNS[column]}.")
    with atomic_write(path, "w") as file:
        for row in rows[np.lexsort((rows[:, 1], rows[:, 0]))]:
            file.write(FORMAT % tuple(row) + "\n")
    return Path(path)


def read_rows(path: str | os.PathLike) -> np.ndarray:
    """Read a file of true or found tracks.

    Args:
        path: text file with a row a line, numbers separated by commas or blanks.

    Returns:
        Rows (N, 9) of `COLUMNS`, in the order of the file; confidence is 1 and the rest -1 where the file has none.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigValueError: a row that is none, names file, row and what is wrong with it.
    """
    file, rows, first = Path(path), [], {}
    with open(file, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = _row(line)
            except ValueError as error:
                raise ConfigValueError(f"{file}: row {number}: {error}") from None
            if (earlier := first.setdefault(row[:2], number)) != number:
                raise ConfigValueError(
                    f"{file}: row {number}: track {row[1]:.0f} is in frame {row[0]:.0f} already, by row {earlier}."
                )
            rows.append(row)
    return np.array(rows, float).reshape(-1, len(COLUMNS))


def _row(line: str) -> tuple[float, ...]:
    """Return the nine numbers of a line; raises ValueError with what is wrong."""
    parts = line.replace(",", " ").split()
    if not NEEDED <= len(parts) <= MOST:
        raise ValueError(f"it has {len(parts)} of {NEEDED} to {MOST} numbers: {', '.join(COLUMNS)}.")
    values = []
    for name, text in zip(COLUMNS, parts, strict=False):
        try:
            values.append(float(text))
        except ValueError:
            raise ValueError(f"{name} is {printable(text, 40)!r}, which is no number.") from None
        if not math.isfinite(values[-1]):
            raise ValueError(f"{name} is {text}.")
    for name, value, least in (("frame", values[0], 1), ("id", values[1], 0)):
        if not value.is_integer() or not least <= value < LARGEST:
            raise ValueError(f"{name} is {value:g}; expected is a whole number from {least}.")
    if values[4] < 0 or values[5] < 0:
        raise ValueError(f"width and height are {values[4]:g} and {values[5]:g}; expected are pixels of 0 or more.")
    return (*values, *(1.0, -1.0, -1.0)[len(values) - NEEDED :])
