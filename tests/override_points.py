"""The methods that users are known to override, with their classes, where the list is at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

LIST = Path(__file__).resolve().parent.parent.parent / "shared" / "spec" / "override-points.json"


def listed(start: str) -> set[tuple[str, str]]:
    """Return (class, method) of all classes whose place begins with `start`, constructors left out."""
    if not LIST.exists():
        pytest.skip(f"the list of methods is not here ({LIST.name})")
    return {
        (place.partition(":")[2], method)
        for place, methods in json.loads(LIST.read_text(encoding="utf-8")).items()
        if place.startswith(start)
        for method in methods
        if method != "__init__"
    }
