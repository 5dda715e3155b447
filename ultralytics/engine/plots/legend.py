"""Legend of a class map: a swatch and a name for every class that is in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ultralytics.engine.plots.text import TextWriter

__all__ = ["draw_legend"]

MOST_WIDTH, MOST_HEIGHT = 0.5, 0.9  # of the picture
SHADE = 0.35  # of the picture's brightness that is left behind the text
TEXT, EDGE = (255, 255, 255), (230, 230, 230)
LEAST_ROW = 9  # pixels; smaller text cannot be read


def draw_legend(
    image: np.ndarray,
    entries: Sequence[tuple[str, tuple[int, int, int]]],
    writer: TextWriter,
    margin: int = 3,
    bottom: bool = False,
) -> None:
    """Write names and colours into a corner on the left, in columns, in place.

    It takes at most half of the width; where that does not hold all names, the last line says how many are left out.
    Pictures too small for a line that can be read stay as they are.

    Args:
        image: (H, W, 3) BGR.
        entries: names and BGR colours.
        writer: of the text.
        margin: pixels around text.
        bottom: in the lower corner instead of the upper one.
    """
    height, width = image.shape[:2]
    if not entries:
        return
    longest = max((name for name, _ in entries), key=len)
    room = int(width * MOST_WIDTH)
    writer = writer.fitted(longest, max(room - 6 * margin - writer.size(longest)[1], 1))
    row_h = writer.size(longest)[1] + margin
    rows = int((height * MOST_HEIGHT - 2 * margin) // row_h)
    columns = _columns([name for name, _ in entries], rows, room, writer, row_h, margin)
    if not columns or row_h < LEAST_ROW:
        return
    shown = sum(len(names) for names, _ in columns)
    left_out = len(entries) - shown
    if left_out:
        columns[-1][0][-1] = f"+{left_out + 1}"
    box_h = min(max(len(names) for names, _ in columns) * row_h + 2 * margin, height)
    box_w = min(sum(column_w for _, column_w in columns) + 2 * margin, width)
    patch = image[height - box_h :, :box_w] if bottom else image[:box_h, :box_w]
    patch[:] = (patch * SHADE).astype(np.uint8)
    x, index = margin, 0
    for names, column_w in columns:
        for row, name in enumerate(names):
            y = margin + row * row_h
            if index < shown - bool(left_out):
                _swatch(patch, (x, y), row_h - margin, entries[index][1])
            writer.draw(patch, name, (x + row_h + margin, y), TEXT)
            index += 1
        x += column_w


def _columns(
    names: Sequence[str], rows: int, room: int, writer: TextWriter, row_h: int, margin: int
) -> list[tuple[list[str], int]]:
    """Return columns of names with their widths, as many as there is room for."""
    columns, used = [], 2 * margin
    for start in range(0, len(names), max(rows, 1)):
        part = list(names[start : start + rows])
        column_w = row_h + 3 * margin + max((writer.size(name)[0] for name in part), default=0)
        if not part or used + column_w > room:
            break
        columns.append((part, column_w))
        used += column_w
    return columns


def _swatch(patch: np.ndarray, xy: tuple[int, int], side: int, color: tuple[int, int, int]) -> None:
    """Draw a square of a colour with a light edge, which dark colours need."""
    x, y = xy
    cv2.rectangle(patch, (x, y), (x + side, y + side - 1), color, -1)
    cv2.rectangle(patch, (x, y), (x + side, y + side - 1), EDGE, 1)
