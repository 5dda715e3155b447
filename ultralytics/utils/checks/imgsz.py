"""Image sizes: one number or (height, width), multiples of the model's stride."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ultralytics.utils.log import LOGGER
from ultralytics.utils.sizes import SIZE_HINT, image_sides

__all__ = ["check_imgsz"]


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
        ValueError: not one or two numbers from 1 to `LARGEST_SIDE`.
    """
    sides = image_sides(imgsz)
    if len(sides) > max_dim:
        if max_dim != 1 or len(sides) != 2:
            raise ValueError(f"imgsz={imgsz} has {len(sides)} numbers. {SIZE_HINT}")
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


def _largest(stride: Any) -> int:
    """Return the largest stride of a number, a tensor or a list."""
    if hasattr(stride, "tolist"):
        stride = stride.tolist()
    step = int(max(stride)) if isinstance(stride, (list, tuple)) else int(stride)
    if step < 1:
        raise ValueError(f"stride={stride} is not positive.")
    return step
