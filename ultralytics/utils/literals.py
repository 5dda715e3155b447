"""Values written as text: Python literals and JSON, of a size that costs milliseconds to read.

`ast.literal_eval` evaluates nothing, but a megabyte of brackets takes it seconds, and deep nesting ends in
MemoryError or RecursionError. Here a text is looked at before it is parsed, and every fault is a ValueError.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

__all__ = ["MAX_CHARS", "mark_of", "parse_json", "parse_literal", "read_json"]

MAX_CHARS = 1_000_000  # of a literal; class names of the largest public data sets take that much
MAX_PARTS = 150_000  # commas, brackets and the like, each of which costs microseconds
MAX_JSON_BYTES = 4_000_000_000  # of an annotation file; the largest public ones have 2 GB
STRUCTURE = ",:[({+*<=>"


def parse_literal(text: str, limit: int = MAX_CHARS) -> Any:
    """Return the value of a Python literal: numbers, texts, booleans, None, and lists, tuples, dictionaries of those.

    Args:
        text: what to read; nothing in it is evaluated.
        limit: most characters.

    Raises:
        ValueError: too long, or no literal.
    """
    if len(text) > limit:
        raise ValueError(f"it has {len(text):,} characters, at most {limit:,} are read")
    if sum(map(text.count, STRUCTURE)) > MAX_PARTS:
        raise ValueError(f"it has more than {MAX_PARTS:,} parts")
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError("it is no plain value") from error


def parse_json(text: str | bytes, limit: int = MAX_CHARS) -> Any:
    """Return the value of a JSON text.

    Args:
        text: what to read; bytes are UTF-8.
        limit: most characters.

    Raises:
        ValueError: too long, not UTF-8, or no JSON; names the line.
    """
    if len(text) > limit:
        raise ValueError(f"it has {len(text):,} characters, at most {limit:,} are read")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no UTF-8 text (byte {error.start})") from error
    except (ValueError, RecursionError, MemoryError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise ValueError(f"it is no JSON that can be read: {reason}") from error


def mark_of(file: str | Path) -> Any:
    """Return the content of a JSON file that marks a folder of ours, None where it is missing or damaged."""
    try:
        return read_json(file)
    except (OSError, ValueError):
        return None


def read_json(file: str | Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: its content cannot be read; names the file and the line.
    """
    try:
        return parse_json(Path(file).read_bytes(), MAX_JSON_BYTES)
    except ValueError as error:
        raise ValueError(f"'{file}' cannot be read: {error}.") from error
