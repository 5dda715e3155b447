"""results.csv: one row an epoch, and its repair when a run is resumed.

Format: unpadded names and `%.6g` values separated by commas, `epoch,time,train/...,metrics/...,val/...,lr/pg0,...`;
epochs count from 1. The rows also travel in the checkpoint, so a file that has rows from after the checkpoint, a
torn last line, or is gone, is written anew.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralytics.utils.files import atomic_write, writing

__all__ = ["CsvLog"]


class CsvLog:
    """The table of a run.

    Args:
        path: file that mirrors the table; None keeps it in memory only (processes other than the first).
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.columns: list[str] = []
        self.rows: list[list[str]] = []

    def append(self, epoch: int, seconds: float, values: Mapping[str, Any]) -> None:
        """Add a row and write it out.

        Args:
            epoch: number of the epoch, from 0.
            seconds: since the run began.
            values: column name to number. A name not seen before becomes a column that earlier rows leave empty.
        """
        record = {
            "epoch": str(epoch + 1),
            "time": f"{seconds:.6g}",
            **{k: f"{float(v):.6g}" for k, v in values.items()},
        }
        fresh = [name for name in record if name not in self.columns]
        self.columns += fresh
        self.rows = [row + [""] * len(fresh) for row in self.rows]
        row = [record.get(name, "") for name in self.columns]
        self.rows.append(row)
        if self.path is None:
            return
        if fresh or not self.path.exists():
            self.rewrite()
        else:
            with writing(self.path, append=True), open(self.path, "a", encoding="utf-8", newline="") as file:
                file.write(",".join(row) + "\n")

    def rewrite(self) -> None:
        """Write the whole table, or remove the file when there is none."""
        if self.path is None:
            return
        if not self.rows:
            self.path.unlink(missing_ok=True)
            return
        with atomic_write(self.path, "w") as file:
            file.write("\n".join(",".join(row) for row in [self.columns, *self.rows]) + "\n")

    def as_columns(self) -> dict[str, list[float | int | None]]:
        """Return column name -> values, what checkpoints keep as `train_results`."""
        return {name: [_number(row[i]) for row in self.rows] for i, name in enumerate(self.columns)}

    def load_columns(self, table: Mapping[str, list[Any]], until_epoch: int) -> None:
        """Take over the rows of a checkpoint up to and including epoch `until_epoch` (from 0) and rewrite the file.

        Raises:
            ValueError: what the checkpoint holds is no table of numbers.
        """
        if not _is_table(table):
            raise ValueError("the checkpoint's table of results is damaged, so its run cannot be continued exactly.")
        self.columns = list(table)
        rows = zip(*table.values(), strict=True)
        self.rows = [["" if v is None else f"{v:.6g}" for v in row] for row in rows]
        if "epoch" in self.columns:
            at = self.columns.index("epoch")
            self.rows = [row for row in self.rows if float(row[at]) <= until_epoch + 1]
        self.rewrite()

    @staticmethod
    def read(path: Path) -> dict[str, list[float | int | None]]:
        """Read a results.csv, also a padded one of older versions; incomplete lines are left out.

        Raises:
            ValueError: no text, or a cell that is no number; names file and line.
        """
        if not path.exists():
            return {}
        try:
            with open(path, encoding="utf-8", newline="") as file:
                lines = [[cell.strip() for cell in line] for line in csv.reader(file)]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path} is no table of results: {error}.") from error
        if not lines:
            return {}
        columns, rows = lines[0], []
        for number, line in enumerate(lines[1:], 2):
            try:
                rows += [[_number(cell) for cell in line]] if len(line) == len(columns) else []
            except (ValueError, OverflowError) as error:
                raise ValueError(f"{path}, line {number}: {error}; expected numbers.") from error
        return {name: [row[i] for row in rows] for i, name in enumerate(columns)}


def _is_table(table: Any) -> bool:
    """Whether these are columns of numbers, all of one length, with names that a line can hold."""
    if not isinstance(table, Mapping) or not all(isinstance(column, list) for column in table.values()):
        return False
    names = all(isinstance(name, str) and not set(name) & set(',"\r\n') for name in table)
    numbers = all(v is None or isinstance(v, (int, float)) for column in table.values() for v in column)
    return names and numbers and len({len(c) for c in table.values()}) <= 1 and None not in table.get("epoch", [])


def _number(text: str) -> float | int | None:
    """Return the number that a cell holds, None for an empty one."""
    if not text:
        return None
    value = float(text)
    return int(value) if value.is_integer() and "." not in text and "e" not in text.lower() else value
