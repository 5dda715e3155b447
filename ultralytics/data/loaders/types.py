"""What all loaders share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["BROKEN_IN_A_ROW", "Batch", "SourceTypes"]

Batch = tuple[list[str], list[Any], list[str]]  # names, pictures, starts of log lines
BROKEN_IN_A_ROW = 1000  # frames of a film that cannot be decoded, after which nothing better is expected


@dataclass
class SourceTypes:
    """What kind of source a loader reads."""

    stream: bool = False
    screenshot: bool = False
    from_img: bool = False
    tensor: bool = False
