"""Reading and writing YAML: UTF-8, safe types only, errors that name the file and the line.

Numbers such as `1e-3` are read as floats, the way people write learning rates; YAML 1.1 would make them text.

A few bytes of YAML can stand for a billion values, since an alias repeats all that its anchor holds. So the text is
gone through once before anything is made of it, and the values are counted as if every alias were written out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

import yaml

from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER, colorstr

__all__ = ["YAML", "YamlError", "yaml_load", "yaml_print", "yaml_save"]

MAX_BYTES = 10_000_000  # of a file
MAX_NODES = 100_000  # values, keys and lists of a file, aliases written out
MAX_DEPTH = 100  # lists and mappings inside each other
MAX_DIGITS = 400  # of a number; a longer one could not even be printed

_EXPONENT_FLOAT = re.compile(r"^[-+]?(?:\d+|\d+\.\d*|\.\d+)[eE][-+]?\d+$")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Safe loader that also reads `1e-3` as a number, and whose every error knows its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make the value of a node.

        Raises:
            yaml.constructor.ConstructorError: its text is no value of its kind, such as the 32nd of a month.
        """
        number = node.tag in {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
        if number and len(node.value) > MAX_DIGITS:
            raise yaml.constructor.ConstructorError(
                None,
                None,
                f"a number of {len(node.value):,} characters, at most {MAX_DIGITS} are read",
                node.start_mark,
            )
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
            problem = f"{str(node.value)[:40]!r} is no {node.tag.rpartition(':')[2]}"
            problem += f" ({error})" if isinstance(error, ValueError) else ""
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
    """Safe writer that quotes text which `_Loader` would read as a number."""


for _side in (_Loader, _Dumper):
    _side.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT_FLOAT, list("-+0123456789."))


class YamlError(yaml.YAMLError, ValueError):
    """A YAML file that cannot be read; the text names the file, the line and the reason."""


class YAML:
    """Load, save and print YAML files; the methods are class methods, no object is needed."""

    @classmethod
    def load(cls, file: str | Path | TextIO = "data.yaml", append_filename: bool = False) -> dict[str, Any]:
        """Read a file or an open text stream whose top level is a mapping.

        Args:
            file: path or open stream.
            append_filename: add the path under the key `yaml_file`.

        Returns:
            The mapping; empty for an empty file.

        Raises:
            FileNotFoundError: no such file.
            YamlError: not UTF-8 text, not YAML, no mapping at the top level, or too large.
        """
        if hasattr(file, "read"):
            return cls.parse(file.read(), str(getattr(file, "name", "stream")))
        path = Path(file)
        if (size := path.stat().st_size) > MAX_BYTES:
            raise YamlError(f"{path} has {size / 1e6:,.0f} MB; a YAML file has at most {MAX_BYTES / 1e6:.0f} MB.")
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise YamlError(f"{path} is not a YAML file: it is not UTF-8 text (byte {error.start}).") from error
        data = cls.parse(text, str(path))
        if append_filename:
            data["yaml_file"] = str(file)
        return data

    @classmethod
    def parse(cls, text: str, source: str = "text") -> dict[str, Any]:
        """Read YAML from a string; `source` is what error messages call it.

        Raises:
            YamlError: not YAML, no mapping at the top level, or too large.
        """
        if len(text) > MAX_BYTES:
            raise YamlError(f"{source} has {len(text):,} characters; a YAML file has at most {MAX_BYTES:,}.")
        try:
            _check_extent(text, source)
            data = yaml.load(text, Loader=_Loader)  # a subclass of the safe loader
        except YamlError:
            raise
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{source}, line {mark.line + 1}, column {mark.column + 1}" if mark else source
            parts = [part for name in ("context", "problem") if (part := getattr(error, name, None))]
            raise YamlError(f"{place}: {', '.join(parts) or error}.") from error
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise YamlError(f"{source}: expected 'key: value' lines at the top level, found a {type(data).__name__}.")
        return data

    @classmethod
    def save(cls, file: str | Path = "data.yaml", data: Mapping[str, Any] | None = None, header: str = "") -> None:
        """Write a mapping in its own key order; the file is replaced as a whole or not at all.

        Args:
            file: path; missing folders are made.
            data: mapping. Paths and other objects without a YAML form are written as text, arrays as lists.
            header: text before the first key, such as a comment line.
        """
        with atomic_write(file, "w") as stream:
            stream.write(header + cls.dump(data or {}))

    @classmethod
    def dump(cls, data: Mapping[str, Any]) -> str:
        """Return a mapping as YAML text."""
        return yaml.dump(_plain(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)

    @classmethod
    def print(cls, yaml_file: str | Path | Mapping[str, Any]) -> None:
        """Log a YAML file or a mapping."""
        if isinstance(yaml_file, (str, Path)):
            LOGGER.info(f"Printing '{colorstr('bold', 'black', yaml_file)}'\n\n{cls.dump(cls.load(yaml_file))}")
        else:
            LOGGER.info(cls.dump(yaml_file))


def _check_extent(text: str, source: str) -> None:
    """Count what a text stands for, without making it.

    Raises:
        YamlError: more than `MAX_NODES` values, more than `MAX_DEPTH` levels, or a value that contains itself.
    """
    sizes: dict[str, int] = {}  # values that an anchor stands for
    nested: list[tuple[str | None, int]] = []  # open lists and mappings: anchor, and the count before them
    total = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = nested.pop()
            if anchor:
                sizes[anchor] = total - before
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        problem, anchor = "", event.anchor
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == name for name, _ in nested):
                problem = f"'*{anchor}' stands inside of what it repeats, so there would be no end to it"
            total += sizes.get(anchor, 1)  # one without an anchor is told of later, as a mistake in the text
        else:
            if isinstance(event, yaml.CollectionStartEvent):
                nested.append((anchor, total))
            elif anchor:
                sizes[anchor] = 1
            total += 1
        if total > MAX_NODES:
            problem = f"the file stands for more than {MAX_NODES:,} values, aliases written out"
        elif len(nested) > MAX_DEPTH:
            problem = f"more than {MAX_DEPTH} lists and mappings inside each other"
        if problem:
            raise YamlError(f"{source}, line {event.start_mark.line + 1}: {problem}.")


def _plain(value: Any) -> Any:
    """Return a copy made of the types that YAML knows."""
    if value is None or isinstance(value, (bool, int, float, str)):
        known = next((kind for kind in (bool, int, float, str) if isinstance(value, kind)), type(None))
        return known(value) if value is not None else None  # numpy floats and string enums lose their subclass
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, SimpleNamespace):
        return _plain(vars(value))
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(item) for item in value)
    if hasattr(value, "tolist"):  # numpy and torch scalars and arrays
        return _plain(value.tolist())
    return str(value)


yaml_load = YAML.load
yaml_save = YAML.save
yaml_print = YAML.print
