"""Rows of plain values as a data frame, CSV or JSON text. CSV and JSON need no further package."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from ultralytics.nn.public import public

__all__ = ["DataExportMixin"]

Rows = Sequence[Mapping[str, Any]]


@public("ultralytics.utils")
class DataExportMixin:
    """Gives tables to a class whose `summary(normalize, decimals)` returns one dictionary per row."""

    def to_df(self, normalize: bool = False, decimals: int = 5) -> Any:
        """Return the summary as a polars DataFrame, or a pandas one where only pandas is installed.

        Raises:
            ImportError: if neither is installed.
        """
        return _frame(self.summary(normalize=normalize, decimals=decimals))

    def to_csv(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return the summary as CSV text; nested values are written the way Python prints them."""
        return _csv(self.summary(normalize=normalize, decimals=decimals))

    def to_json(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return the summary as a JSON list."""
        return json.dumps(self.summary(normalize=normalize, decimals=decimals), separators=(",", ":"))


def _frame(rows: Rows) -> Any:
    for name in ("polars", "pandas"):
        if find_spec(name) is not None:
            return __import__(name).DataFrame(list(rows))
    raise ImportError(
        "to_df needs polars (or pandas): pip install 'ultralytics[logging]'. to_csv, to_json and summary need neither."
    )


def _csv(rows: Rows) -> str:
    if not rows:
        return ""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
