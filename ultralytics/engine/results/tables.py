"""Rows of plain values as a data frame or as text. Only data frames need a further package."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ultralytics.engine.results.markup import columns_of, html_text, store_rows, xml_text
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

    def to_xml(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return the summary as XML text, one `row` element each (8.3)."""
        return xml_text(self.summary(normalize=normalize, decimals=decimals))

    def to_html(self, normalize: bool = False, decimals: int = 5, index: bool = False) -> str:
        """Return the summary as a table in HTML, with numbered lines if `index` says so (8.3)."""
        return html_text(self.summary(normalize=normalize, decimals=decimals), index)

    def to_sql(
        self,
        table_name: str = "results",
        normalize: bool = False,
        decimals: int = 5,
        db_path: str | Path = "results.db",
    ) -> None:
        """Append the summary to a table of an SQLite database (8.3); see `store_rows` for what it raises."""
        store_rows(self.summary(normalize=normalize, decimals=decimals), table_name, db_path)


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
    text = io.StringIO()
    writer = csv.DictWriter(text, columns_of(rows), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
