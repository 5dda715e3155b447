"""What an exported file says about itself: one reader for the texts of ONNX, the JSON of TorchScript and YAML.

A file may come from a stranger, so every value is checked before it is used: its size before it is parsed, its type
and range after. Values are parsed as literals and never evaluated. Keys that this package does not use stay texts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ultralytics.utils.literals import parse_json, parse_literal
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import printable
from ultralytics.utils.yaml_io import YAML

__all__ = [
    "MAX_JSON_CHARS",
    "METADATA",
    "MetadataError",
    "parse_metadata",
    "parse_metadata_json",
    "peek_beside",
    "read_beside",
    "write_beside",
]

METADATA = "metadata.yaml"  # in the folder of an export, where other programs look for it
MAX_JSON_CHARS = 1_500_000  # of all metadata together
MAX_KEYS = 1_000
MAX_TEXT = 100_000  # characters of a text
MAX_NAMES = 100_000
MAX_SIDE = 16_384  # pixels
PLAIN = (str, int, float, bool, type(None))


class MetadataError(ValueError):
    """A value that a file gives about itself and that cannot be right; the text names file and key.

    Attributes:
        source: the file.
        key: the key of the value.
        problem: what is wrong with it.
    """

    def __init__(self, source: str, key: str, problem: str) -> None:
        super().__init__(f"{source}: metadata '{printable(key, 80)}' {problem}.")
        self.source, self.key, self.problem = source, key, problem

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.source, self.key, self.problem)


# Readers: the value in the form that it is used in, or a ValueError ---------------------------------------------------


def _whole(least: int, most: int) -> Callable[[Any], int]:
    """Return a reader of whole numbers in a range; `32.0` is one, `True` is none."""

    def read(value: Any) -> int:
        number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else least - 1
        if not least <= number <= most or number != int(number):
            raise ValueError
        return int(number)

    return read


def _truth(value: Any) -> bool:
    if value not in {True, False}:
        raise ValueError
    return bool(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError
    return value


def _sides(value: Any) -> list[int]:
    """Read the height and width of the input; one number stands for both."""
    sides = [_whole(1, MAX_SIDE)(side) for side in (value if isinstance(value, (list, tuple)) else [value])]
    if len(sides) not in {1, 2}:
        raise ValueError
    return sides * 2 if len(sides) == 1 else sides


def _numbered(value: Any) -> dict[int, Any]:
    """Read a list, or a mapping whose keys are 0, 1, 2 ..., also as texts; return a dictionary in that order."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(_sequence(value))
    index = _whole(0, MAX_NAMES - 1)
    numbered = {index(int(key) if isinstance(key, str) else key): item for key, item in pairs}
    if sorted(numbered) != list(range(len(value))):
        raise ValueError
    return dict(sorted(numbered.items()))


def _sequence(value: Any) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return value


def _names(value: Any) -> dict[int, str]:
    names = _numbered(value)
    if not all(isinstance(name, (str, int, float)) for name in names.values()):
        raise ValueError
    return {number: str(name) for number, name in names.items()}


def _keypoints(value: Any) -> list[int]:
    count, size = _sequence(value)
    return [_whole(1, 10_000)(count), _whole(2, 3)(size)]


def _keypoint_names(value: Any) -> list[str] | dict[int, list[str]]:
    """Read the names of keypoints, those of all classes or those of each."""
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        return list(value)
    return {number: [_text(name) for name in _sequence(names)] for number, names in _numbered(value).items()}


def _arguments(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError
    for key, item in value.items():
        items = item if isinstance(item, (list, tuple)) else [item]
        if not isinstance(key, str) or not all(isinstance(one, PLAIN) for one in items):
            raise ValueError
    return dict(value)


FIELDS: dict[str, tuple[Callable[[Any], Any], str]] = {  # reader, and what it expects
    "args": (_arguments, "the arguments of the export by name, plain values"),
    "batch": (_whole(1, 65_536), "a whole number from 1 to 65,536"),
    "channels": (_whole(1, 1_024), "a whole number from 1 to 1,024"),
    "dynamic": (_truth, "True or False"),
    "end2end": (_truth, "True or False"),
    "free_batch": (_truth, "True or False"),
    "imgsz": (_sides, f"height and width in pixels, such as [640, 640], at most {MAX_SIDE:,}"),
    "kpt_names": (_keypoint_names, "names of keypoints: a list, or a list for every class"),
    "kpt_shape": (_keypoints, "the number of keypoints and of values for each, such as [17, 3]"),
    "names": (_names, f"class names by number, such as {{0: 'cat', 1: 'dog'}}, without gaps, at most {MAX_NAMES:,}"),
    "stride": (_whole(1, 1_024), "a whole number from 1 to 1,024"),
}
TEXTS = dict.fromkeys(("head", "task"), (_text, f"a text of at most {MAX_TEXT:,} characters"))


# The whole ------------------------------------------------------------------------------------------------------------


def parse_metadata(raw: Mapping[Any, Any], source: str = "the model") -> dict[str, Any]:
    """Turn stored metadata, where values may be texts, into checked values.

    Args:
        raw: keys and values as the file has them.
        source: what error messages call the file.

    Returns:
        `stride`, `batch`, `channels` as int, `imgsz` as [height, width], `names` by number, `kpt_shape`, `kpt_names`,
        `args`, `dynamic`, `end2end` in their types, everything else as text. Keys whose value is None are left out, and
        so are texts of unknown keys above `MAX_TEXT` characters.

    Raises:
        MetadataError: a value of the wrong type or out of range; says what was expected.
    """
    if len(raw) > MAX_KEYS:
        raise MetadataError(source, "*", f"has {len(raw):,} keys; at most {MAX_KEYS:,} are read")
    parsed: dict[str, Any] = {}
    for name, value in raw.items():
        key = str(name)
        if key in FIELDS and isinstance(value, str):
            value = _literal(value, key, source)
        if value is None:
            continue
        if key in FIELDS or key in TEXTS:
            parsed[key] = _read(value, key, source)
        elif len(text := str(value)) <= MAX_TEXT:
            parsed[key] = text
    return parsed


def _literal(text: str, key: str, source: str) -> Any:
    """Return the value that a text stands for: a Python literal, as this package writes it, or JSON.

    Raises:
        MetadataError: it stands for none, or is too long.
    """
    try:
        return parse_literal(text)
    except ValueError as error:
        if any(word in text for word in ("true", "false", "null")):
            with contextlib.suppress(ValueError):
                return parse_json(text)
        raise MetadataError(source, key, f"is {_shown(text)}: {error}; expected {FIELDS[key][1]}") from None


def _read(value: Any, key: str, source: str) -> Any:
    """Return a value in the form that it is used in.

    Raises:
        MetadataError: not what was expected.
    """
    reader, expected = FIELDS.get(key) or TEXTS[key]
    try:
        return reader(value)
    except (ValueError, TypeError) as error:
        raise MetadataError(source, key, f"is {_shown(value)}; expected {expected}") from error


def _shown(value: Any) -> str:
    try:
        return repr(printable(value, 60)) if isinstance(value, str) else printable(repr(value), 60)
    except ValueError:  # a number with more digits than Python writes
        return f"a {type(value).__name__}"


def parse_metadata_json(text: str | bytes, source: str, key: str = "config.txt") -> dict[str, Any]:
    """Read metadata that is stored as one JSON object; see `parse_metadata`.

    Args:
        text: the JSON; bytes are UTF-8.
        source: what error messages call the file.
        key: where in the file it is stored.

    Raises:
        MetadataError: too large, no JSON, no object, or a wrong value.
    """
    try:
        content = parse_json(text, MAX_JSON_CHARS)
    except ValueError as error:
        raise MetadataError(source, key, f"cannot be read: {error}") from error
    if not isinstance(content, Mapping):
        raise MetadataError(source, key, f"is a {type(content).__name__}; expected a JSON object")
    return parse_metadata(content, source)


def read_beside(folder: Path) -> dict[str, Any] | None:
    """Return what the metadata file of an exported folder says, None where there is none.

    Raises:
        MetadataError: it cannot be read, or a value in it is wrong.
    """
    file = folder / METADATA
    if not file.is_file():
        return None
    try:
        raw = YAML.load(file)
    except ValueError as error:
        raise MetadataError(str(folder), METADATA, f"cannot be read: {str(error).rstrip('.')}") from error
    return parse_metadata(raw, str(file))


def peek_beside(folder: Path) -> dict[str, Any]:
    """Return the same without complaint about what running the folder will complain about; empty where there is none.

    Raises:
        MetadataError: a file that is there and wrong.
    """
    try:
        return read_beside(folder) or {}
    except MetadataError:
        raise
    except (OSError, ValueError) as error:
        LOGGER.debug(f"{folder}: {error}")
        return {}


def write_beside(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write the metadata file of an exported folder."""
    YAML.save(folder / METADATA, dict(metadata))
