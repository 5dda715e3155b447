"""Data sets that are drawn instead of downloaded, by the name that `generator:` in a data set YAML gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ultralytics.cfg.errors import ConfigValueError, close_names
from ultralytics.data.generators import shapes
from ultralytics.data.generators.shapes import MARK_FILE

__all__ = ["GENERATORS", "MARK_FILE", "find_generator"]

GENERATORS: dict[str, Callable[[Mapping[str, Any], Path], None]] = {"shapes": shapes.generate}


def find_generator(name: Any, source: str = "") -> Callable[[Mapping[str, Any], Path], None]:
    """Return the function that draws data set `name` from its description into a folder.

    Raises:
        ConfigValueError: for an unknown name, naming the known ones.
    """
    if name not in GENERATORS:
        near = close_names(str(name), GENERATORS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(GENERATORS)}."
        raise ConfigValueError(f"{source}: unknown generator '{name}'; {hint}")
    return GENERATORS[name]
