"""Colour: shifting hue and scaling saturation and value.

OpenCV's 8-bit HSV has 180 hue levels, 60 to a third of the circle. Turning the hue by a third is the same as moving the
three channels on by one place, so any shift is a turn by whole thirds, which costs nothing, and an addition below 60,
which stays within 8 bits (179 + 59 < 256) because the way back takes hue levels modulo 180.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

__all__ = ["channel_order", "shift_hsv"]

_FLOOR = -0.4995
"""Turns OpenCV's rounding of the products into rounding down."""
_ORDERS: dict[int, tuple[int, int, int] | None] = {0: None, 1: (1, 2, 0), 2: (2, 0, 1)}


def _thirds_and_rest(hue_gain: float) -> tuple[int, int]:
    """A hue shift as whole thirds of the circle and hue levels below 60."""
    return divmod(math.floor(hue_gain * 180) % 180, 60)


def channel_order(hue_gain: float) -> tuple[int, int, int] | None:
    """Where blue, green and red lie in what `shift_hsv` returns; None for (0, 1, 2)."""
    return _ORDERS[_thirds_and_rest(hue_gain)[0]]


def shift_hsv(image: np.ndarray, gains: Sequence[float]) -> np.ndarray:
    """Shift hue and scale saturation and value of a picture.

    Args:
        image: `(H, W, 3)` uint8, BGR.
        gains: Hue as a part of the circle (0.5 is half a turn); saturation and value are multiplied by 1 + gain and
            cut to 0..255.

    Returns:
        A new picture, whose channels are in the order that `channel_order(gains[0])` gives.
    """
    shift = _thirds_and_rest(gains[0])[1]
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    change = np.array([[1, 0, 0, shift], [0, 1 + gains[1], 0, _FLOOR], [0, 0, 1 + gains[2], _FLOOR]])
    cv2.transform(hsv, change, dst=hsv)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR, dst=hsv)
