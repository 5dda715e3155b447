"""Image sizes: one number or (height, width), multiples of the model's stride."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from ultralytics.utils.log import LOGGER

__all__ = ["check_imgsz"]

USE = "Use one number, imgsz=640, or for predict and export a height and a width, imgsz=[480,640]."


def check_imgsz(
    imgsz: int | str | Sequence[int], stride: Any = 32, min_dim: int = 1, max_dim: int = 2, floor: int = 0
) -> int | list[int]:
    """Return an image size that the network can take.

    Args:
        imgsz: pixels, one number or [height, width]; text such as `"640"`, `"480,640"` or `"[480,640]"` is read.
        stride: number (or tensor, or list of numbers: the largest counts) that both sides must be a multiple of.
        min_dim: 2 always returns a list.
        max_dim: 1 turns [height, width] into one number, the larger, with a warning.
        floor: smallest side in pixels.

    Returns:
        The size, rounded up to multiples of the stride with a warning where needed: a number for one side, else a list.

    Raises:
        TypeError: not a number or a list of them.
        ValueError: not one or two positive numbers.
    """
    sides = _sides(imgsz)
    if len(sides) > max_dim:
        if max_dim != 1 or len(sides) != 2:
            raise ValueError(f"imgsz={imgsz} has {len(sides)} numbers. {USE}")
        LOGGER.warning(
            f"imgsz={imgsz} is a height and a width where training and validation take one number; using {max(sides)}."
        )
        sides = [max(sides)]
    step = _largest(stride)
    fitted = [max(math.ceil(side / step) * step, math.ceil(floor / step) * step) for side in sides]
    if fitted != sides:
        least = f" and the minimum of {floor}" if floor else ""
        LOGGER.warning(f"imgsz={imgsz} does not fit stride {step}{least}; using {fitted}.")
    if len(fitted) < min_dim:
        return fitted * 2
    return fitted[0] if len(fitted) == 1 and min_dim == 1 else fitted


def _sides(imgsz: Any) -> list[int]:
    """Read one or more positive whole numbers."""
    value = imgsz
    if isinstance(value, str):
        try:
            value = json.loads(f"[{value.strip().strip('[]()')}]")
        except ValueError:
            raise TypeError(f"imgsz='{imgsz}' is not a size. {USE}") from None
    elif not isinstance(value, (list, tuple)):
        value = [value]
    if not value or not all(_is_whole(side) for side in value):
        raise TypeError(f"imgsz={imgsz!r} is not made of whole numbers. {USE}")
    sides = [int(side) for side in value]
    if min(sides) < 1:
        raise ValueError(f"imgsz={imgsz} is not positive. {USE}")
    return sides


def _is_whole(value: Any) -> bool:
    """Whether a value counts pixels; numpy's and torch's whole numbers do, booleans do not."""
    return not isinstance(value, (bool, float, str)) and hasattr(value, "__index__")


def _largest(stride: Any) -> int:
    """Return the largest stride of a number, a tensor or a list."""
    if hasattr(stride, "tolist"):
        stride = stride.tolist()
    step = int(max(stride)) if isinstance(stride, (list, tuple)) else int(stride)
    if step < 1:
        raise ValueError(f"stride={stride} is not positive.")
    return step
