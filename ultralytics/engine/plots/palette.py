"""Colours: the class palette, the pose palette and the human skeleton that is drawn with it."""

from __future__ import annotations

import numpy as np

from ultralytics.nn.public import public

__all__ = ["KEYPOINT_COLORS", "LIMB_COLORS", "POSE_PALETTE", "SKELETON", "Colors", "colors", "contrasting"]

# Red, green and blue as hexadecimal digits.
CLASS_RGB = (
    "042AFF 0BDBEB F3F3F3 00DFB7 111F68 FF6FDD FF444F CCED00 00F344 BD00FF "
    "00B4FF DD00BA 00FFFF 26C000 01FFB3 7D24FF 7B0068 FF1B6C FC6D2F A2FF0B"
)
POSE_RGB = (
    "FF8000 FF9933 FFB266 E6E600 FF99FF 99CCFF FF66FF FF33FF 66B2FF 3399FF "
    "FF9999 FF6666 FF3333 99FF99 66FF66 33FF33 00FF00 0000FF FF0000 FFFFFF"
)
# Pairs of keypoints, counted from 1, in the order of the COCO person: nose, eyes, ears, shoulders, elbows, wrists ...
SKELETON = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13)),  # legs and hips
    *((6, 12), (7, 13), (6, 7)),  # trunk
    *((6, 8), (7, 9), (8, 10), (9, 11)),  # arms
    *((2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),  # head
)
LIMB_INDEX = (9,) * 4 + (7,) * 3 + (0,) * 5 + (16,) * 7
KEYPOINT_INDEX = (16,) * 5 + (0,) * 6 + (9,) * 6
DARK_TEXT, LIGHT_TEXT = (104, 31, 17), (255, 255, 255)  # BGR
LIGHT_ABOVE = 150  # luma, 0..255, above which white text is hard to read


def _table(digits: str) -> np.ndarray:
    """Return hexadecimal digits as (N, 3) colours; spaces do not matter."""
    return np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(-1, 3)


POSE_PALETTE = _table(POSE_RGB)
LIMB_COLORS = POSE_PALETTE[list(LIMB_INDEX)]
KEYPOINT_COLORS = POSE_PALETTE[list(KEYPOINT_INDEX)]


@public("ultralytics.utils.plotting")
class Colors:
    """The class palette: `colors(i)` is an RGB tuple, `colors(i, True)` a BGR one; indices wrap around."""

    def __init__(self) -> None:
        self.palette = [tuple(color) for color in _table(CLASS_RGB).tolist()]
        self.n = len(self.palette)
        self.pose_palette = POSE_PALETTE.copy()

    def __call__(self, i: int, bgr: bool = False) -> tuple[int, int, int]:
        """Return colour `i` as red, green and blue, or turned round."""
        color = self.palette[int(i) % self.n]
        return color[::-1] if bgr else color

    @staticmethod
    def hex2rgb(h: str) -> tuple[int, int, int]:
        """Return `#RRGGBB` as red, green and blue, 0..255."""
        return tuple(_table(h.lstrip("#")).tolist()[0])


colors = Colors()


def contrasting(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return dark or white text colour, whichever reads better on a BGR background."""
    blue, green, red = color[:3]
    return DARK_TEXT if 0.114 * blue + 0.587 * green + 0.299 * red > LIGHT_ABOVE else LIGHT_TEXT
