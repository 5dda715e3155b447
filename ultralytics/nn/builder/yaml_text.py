"""Writing a model YAML for people: one row per line, with its index, under a comment that says what the file is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

__all__ = ["model_yaml_text", "row_text"]

ROWS = ("backbone", "head")
NOT_WRITTEN = frozenset({*ROWS, "yaml_file"})


class _Dumper(yaml.SafeDumper):
    """Writes truth values as the YAMLs of this package do: True, False."""


_Dumper.add_representer(bool, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:bool", str(value)))


def model_yaml_text(content: Mapping[str, Any], comment: str = "", notes: Mapping[int, str] | None = None) -> str:
    """Return the text of a model YAML.

    Args:
        content: what the text reads back as; the name of the file it came from is left out.
        comment: text above the first key, without the signs that make it a comment.
        notes: words behind a row's index, by index over backbone and head together.
    """
    parts = ["".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())] if comment else []
    parts.append("".join(_entry(key, value) for key, value in content.items() if key not in NOT_WRITTEN))
    index = 0
    for key in ROWS:
        lines = [f"{key}:\n", "  # [from, repeats, module, args]\n"]
        for row in content.get(key) or ():
            note = (notes or {}).get(index)
            lines.append(f"  - {row_text(row)} # {index}{f' {note}' if note else ''}\n")
            index += 1
        parts.append("".join(lines) if len(lines) > 2 else f"{key}: []\n")
    return "\n".join(parts)


def row_text(value: Any) -> str:
    """Return a value on one line; text has quotes only where YAML would read it as something else."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=float("inf"), sort_keys=False)
    return text.removesuffix("\n...\n").strip()


def _entry(key: str, value: Any) -> str:
    """Return a top-level key; tables such as `scales` get a line per entry."""
    if isinstance(value, Mapping) and value:
        return f"{key}:\n" + "".join(f"  {row_text(name)}: {row_text(item)}\n" for name, item in value.items())
    return f"{key}: {row_text(value)}\n"
