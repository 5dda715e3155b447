"""Reading image sizes as people write them: one number, or a height and a width."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["LARGEST_SIDE", "SIZE_HINT", "image_sides"]

LARGEST_SIDE = 32_768  # pixels; OpenCV's warps address pictures with 16-bit coordinates
SIZE_HINT = "Use one number, imgsz=640, or for predict and export a height and a width, imgsz=[480,640]."


def image_sides(imgsz: Any) -> list[int]:
    """Return one or more sides in pixels.

    Args:
        imgsz: a whole number, a list or tuple of them, or text such as `"640"`, `"480,640"` or `"[480,640]"`.

    Raises:
        TypeError: not made of whole numbers.
        ValueError: a text that is no size, a side below 1 or above `LARGEST_SIDE`.
    """
    value = imgsz
    if isinstance(value, str):
        try:
            value = json.loads(f"[{value.strip().strip('[]()')}]")
        except (ValueError, RecursionError):
            raise ValueError(f"imgsz={imgsz!r} is not a size. {SIZE_HINT}") from None
    elif not isinstance(value, (list, tuple)):
        value = [value]
    if not value or not all(_is_whole(side) for side in value):
        raise TypeError(f"imgsz={imgsz!r} is not made of whole numbers. {SIZE_HINT}")
    sides = [int(side) for side in value]
    if min(sides) < 1:
        raise ValueError(f"imgsz={imgsz} is not positive. {SIZE_HINT}")
    if max(sides) > LARGEST_SIDE:
        raise ValueError(f"imgsz={imgsz} is larger than {LARGEST_SIDE} pixels. {SIZE_HINT}")
    return sides


def _is_whole(value: Any) -> bool:
    """Whether a value counts pixels; numpy's and torch's whole numbers do, booleans do not."""
    return not isinstance(value, (bool, float, str)) and hasattr(value, "__index__")
