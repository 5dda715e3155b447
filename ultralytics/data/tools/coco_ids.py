"""Numbers of COCO's classes: 91 were planned, 80 are in use, and files number them from 1 to 90."""

from __future__ import annotations

__all__ = ["COCO80_TO_91", "COCO91_TO_80"]

_UNUSED = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91}
COCO80_TO_91 = tuple(i for i in range(1, 92) if i not in _UNUSED)
COCO91_TO_80 = tuple(COCO80_TO_91.index(i) if i not in _UNUSED else None for i in range(1, 92))
