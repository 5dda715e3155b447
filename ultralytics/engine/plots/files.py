"""Writing pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ultralytics.utils.files import writing

__all__ = ["save_figure", "write_image"]


def write_image(file: str | Path, image: np.ndarray) -> None:
    """Encode a BGR array by the suffix of `file` and write it, making its folder; paths of any alphabet work.

    Raises:
        ValueError: if the suffix names no picture format.
        OSError: if the file cannot be written.
    """
    path = Path(file)
    try:
        done, encoded = cv2.imencode(path.suffix or ".jpg", image)
    except cv2.error:
        done = False
    if not done:
        raise ValueError(f"Cannot write '{path}': '{path.suffix}' is no picture format. Use .jpg, .png, .webp or .bmp.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path):
        path.write_bytes(encoded.tobytes())


def save_figure(figure: Any, file: str | Path, dpi: int = 200) -> None:
    """Write a figure of matplotlib by the suffix of `file`, making its folder.

    PNG is left to OpenCV, which compresses the pixels in a third of the time.
    """
    path = Path(file)
    if path.suffix.lower() == ".png":
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        write_image(path, cv2.cvtColor(np.asarray(canvas.buffer_rgba()), cv2.COLOR_RGBA2BGR))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path):
        figure.savefig(path, dpi=dpi)
