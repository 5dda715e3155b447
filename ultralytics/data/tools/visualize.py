"""A picture with its labels, for looking at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.data.images.io import imread
from ultralytics.data.labels.verify import LabelRules, parse_label

__all__ = ["visualize_image_annotations"]


def visualize_image_annotations(image_path: str | Path, txt_path: str | Path, label_map: Mapping[int, str]) -> Any:
    """Show a picture with its boxes or polygons and class names in a window.

    Args:
        image_path: picture.
        txt_path: its YOLO label file.
        label_map: class index to name.

    Returns:
        The matplotlib figure, also where there is no display.

    Raises:
        ValueError: for label rows that cannot be used.
    """
    from matplotlib import pyplot  # takes half a second to import
    from matplotlib.patches import Polygon

    image = np.ascontiguousarray(imread(image_path)[..., ::-1])
    rows, problems = parse_label(Path(txt_path).read_text(encoding="utf-8-sig"), LabelRules())
    if rows is None:
        kind, line, text = problems[0]
        raise ValueError(f"{txt_path}:{line}: {kind}: {text}")
    figure, axes = pyplot.subplots(1)
    axes.imshow(image)
    size_wh = np.array(image.shape[1::-1], np.float32)
    colors = pyplot.get_cmap("tab20").colors
    for i, cls in enumerate(rows.cls.astype(int).tolist()):
        outline = (rows.segments[i] if rows.segments else _corners(rows.boxes[i])) * size_wh
        color = colors[cls % len(colors)]
        axes.add_patch(Polygon(outline, linewidth=2, edgecolor=color, facecolor="none"))
        x, y = outline[outline[:, 1].argmin()]
        axes.text(x, y - 5, label_map.get(cls, str(cls)), color="black", backgroundcolor=color)
    pyplot.show()
    return figure


def _corners(box: np.ndarray) -> np.ndarray:
    """Return the corners (4, 2) of a box x centre, y centre, width, height."""
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    return box[:2] + signs * box[2:] / 2
