"""Rows of plain values as XML or HTML text, or in an SQLite database: forms that 8.3 offered. No further package."""

from __future__ import annotations

import html
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

__all__ = ["columns_of", "html_text", "store_rows", "xml_text"]

Rows = Sequence[Mapping[str, Any]]
KINDS = {bool: "INTEGER", int: "INTEGER", float: "REAL"}


def columns_of(rows: Rows) -> list[str]:
    """Return the keys of all rows in the order in which they come."""
    return list(dict.fromkeys(key for row in rows for key in row))


def xml_text(rows: Rows) -> str:
    """Return one `row` element a row; nested values are nested elements, lists have their items under `item`."""
    root = ElementTree.Element("data")
    for row in rows:
        _fill(ElementTree.SubElement(root, "row"), row)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _fill(element: ElementTree.Element, value: Any) -> None:
    """Put a value into an element; names that XML does not allow become attributes of `value` elements."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            plain = re.fullmatch(r"[A-Za-z_][\w.-]*", str(key), re.ASCII)
            named = {} if plain else {"name": str(key)}
            _fill(ElementTree.SubElement(element, str(key) if plain else "value", named), item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _fill(ElementTree.SubElement(element, "item"), item)
    elif value is not None:
        element.text = str(value)


def html_text(rows: Rows, index: bool = False) -> str:
    """Return a table with one line a row; nested values are written the way Python prints them.

    Args:
        rows: what to show.
        index: begin every line with its number.
    """
    columns = columns_of(rows)
    head = [*([""] if index else []), *columns]
    lines = (
        [*([number] if index else []), *("" if row.get(c) is None else row[c] for c in columns)]
        for number, row in enumerate(rows)
    )
    parts = ("<thead>", _line(head, "th"), "</thead>", "<tbody>", *(_line(line, "td") for line in lines), "</tbody>")
    return "\n".join(('<table border="1" class="dataframe">', *parts, "</table>"))


def _line(cells: Sequence[Any], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"


def store_rows(rows: Rows, table: str, db_path: str | Path) -> None:
    """Append rows to a table of an SQLite database, all of them or none; both are made where they are missing.

    Args:
        rows: nested values are stored as JSON.
        table: name of the table.
        db_path: the database's file.

    Raises:
        ValueError: the table is there with other columns, or the file is no database.
    """
    columns = columns_of(rows)
    if not columns:
        return
    wanted = ", ".join(f"{_quoted(c)} {_kind(row.get(c) for row in rows)}" for c in columns)
    places = f"({', '.join(map(_quoted, columns))}) VALUES ({', '.join('?' * len(columns))})"
    Path(db_path).parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(db_path)) as base, base:
            base.execute(f"CREATE TABLE IF NOT EXISTS {_quoted(table)} ({wanted})")
            content = ([_cell(row.get(c)) for c in columns] for row in rows)
            base.executemany(f"INSERT INTO {_quoted(table)} {places}", content)
    except sqlite3.DatabaseError as error:
        raise ValueError(f"rows with {columns} cannot be added to table '{table}' of '{db_path}': {error}.") from error


def _quoted(name: str) -> str:
    """Return a name of SQL, whatever it holds."""
    return '"' + str(name).replace('"', '""') + '"'


def _kind(values: Iterator[Any]) -> str:
    kinds = {KINDS.get(type(value), "TEXT") for value in values if value is not None}
    return kinds.pop() if len(kinds) == 1 else "REAL" if kinds == {"INTEGER", "REAL"} else "TEXT"


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (Mapping, list, tuple)) else value
