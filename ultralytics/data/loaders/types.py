"""What all loaders share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Batch", "SourceTypes"]

Batch = tuple[list[str], list[Any], list[str]]  # names, pictures, starts of log lines


@dataclass
class SourceTypes:
    """What kind of source a loader reads."""

    stream: bool = False
    screenshot: bool = False
    from_img: bool = False
    tensor: bool = False
