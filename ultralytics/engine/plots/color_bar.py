"""Colour bar of a depth map: which colour is how far away."""

from __future__ import annotations

import cv2
import numpy as np

from ultralytics.engine.plots.dense import colorize_depth
from ultralytics.engine.plots.text import TextWriter

__all__ = ["draw_color_bar"]

HEIGHT, WIDTH = 0.6, 0.03  # of the picture
LEAST_HEIGHT, LEAST_WIDTH = 24, 6  # pixels
SHADE = 0.35  # of the picture's brightness that is left behind the text
TEXT = (255, 255, 255)
TICKS = 5


def draw_color_bar(
    image: np.ndarray,
    near: float,
    far: float,
    writer: TextWriter,
    cmap: str = "jet",
    mode: str = "disparity",
    margin: int = 3,
) -> None:
    """Draw the scale of colours at the right side, in place, with distances in metres; near is at the top.

    Pictures too small for it stay as they are.

    Args:
        image: (H, W, 3) BGR.
        near, far: metres at the ends of the scale.
        writer: of the text.
        cmap, mode: as in `colorize_depth`.
        margin: pixels around bar and text.
    """
    height, width = image.shape[:2]
    bar_h, bar_w = max(int(height * HEIGHT), LEAST_HEIGHT), max(int(width * WIDTH), LEAST_WIDTH)
    texts = {share: f"{_distance(share, near, far, mode):.3g} m" for share in np.linspace(0, 1, TICKS)}
    writer = writer.fitted(max(texts.values(), key=len), max(width // 4, 1))
    text_w, text_h = max(writer.size(text)[0] for text in texts.values()), writer.size("0")[1]
    box_w, box_h = bar_w + text_w + 3 * margin, bar_h + text_h + 2 * margin
    if box_w > width // 2 or box_h > height or far <= near:
        return
    top, left = (height - box_h) // 2, width - box_w
    patch = image[top : top + box_h, left:]
    patch[:] = (patch * SHADE).astype(np.uint8)
    y0, x0 = top + margin + text_h // 2, left + margin
    shares = np.linspace(0, 1, bar_h)
    column = np.array([[_distance(share, near, far, mode)] for share in shares], np.float32)
    bar = colorize_depth(column, near, far, cmap, mode)
    image[y0 : y0 + bar_h, x0 : x0 + bar_w] = bar
    cv2.rectangle(image, (x0, y0), (x0 + bar_w - 1, y0 + bar_h - 1), TEXT, 1)
    shown = [0, TICKS - 1] if bar_h < TICKS * (text_h + margin) else range(TICKS)
    for i in shown:
        share, text = list(texts.items())[i]
        y = y0 + round(share * (bar_h - 1)) - text_h // 2
        writer.draw(image, text, (x0 + bar_w + margin, y), TEXT)


def _distance(share: float, near: float, far: float, mode: str) -> float:
    """Return the metres at a place of the bar, 0 at the near end, 1 at the far one, colours being spread evenly."""
    if mode == "metric":
        return near + share * (far - near)
    return 1 / (1 / near + share * (1 / far - 1 / near))
