"""Files of parking slots: a JSON list of `{"points": [[x, y], ...]}`, corners in pixels."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.solutions.geometry import Zone, homography, named_zones, project
from ultralytics.utils.files import atomic_write

__all__ = ["read_slots", "slot_grid", "write_slots"]


def read_slots(path: str | os.PathLike) -> list[Zone]:
    """Read the slots of a file.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigValueError: it is no list of slots; names the first that is none.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"json_file '{path}' does not exist.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigValueError(f"json_file '{path}' is not JSON: {error}") from None
    if not isinstance(content, list) or not content:
        raise ConfigValueError(f"json_file '{path}' has no slots: it is to be a list of {{'points': [[x, y], ...]}}.")
    slots = []
    for number, entry in enumerate(content):
        try:
            slots += named_zones({f"slot {number}": entry["points"]}).values()
        except (TypeError, KeyError, ValueError, IndexError) as error:
            told = f": {error}" if isinstance(error, ConfigValueError) else ", which is no {'points': [[x, y], ...]}."
            raise ConfigValueError(f"json_file '{path}', entry {number}{told}") from None
    return slots


def write_slots(path: str | os.PathLike, slots: Iterable[Sequence[Sequence[float]]]) -> Path:
    """Write the corners of slots; the file appears whole or not at all.

    Raises:
        ConfigValueError: a slot that is no zone.
    """
    zones = named_zones({f"slot {number}": points for number, points in enumerate(slots)})
    with atomic_write(path, "w") as file:
        json.dump([{"points": [list(point) for point in zone.points]} for zone in zones.values()], file)
    return Path(path)


def slot_grid(corners: Sequence[Sequence[float]], rows: int, columns: int) -> list[list[tuple[float, float]]]:
    """Return the corners of slots that share an area evenly, as a camera sees it, whatever its angle.

    Args:
        corners: upper left, upper right, lower right and lower left corner of the whole area, in pixels.
        rows: slots below each other.
        columns: slots beside each other.

    Raises:
        ConfigValueError: other than four corners, or no slots.
    """
    if len(corners) != 4 or rows < 1 or columns < 1:
        raise ConfigValueError(
            f"a grid has four corners and at least one slot, not {len(corners)} and {rows}x{columns}."
        )
    ground = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], float)
    seen = homography(np.column_stack((ground, np.asarray(corners, float))))
    return [
        [project(seen, (column + dx, row + dy)) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1))]
        for row in range(rows)
        for column in range(columns)
    ]
