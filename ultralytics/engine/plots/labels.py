"""Picture of a data set's labels: how many of each class, where, and how large."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from ultralytics.engine.plots.files import save_figure
from ultralytics.engine.plots.palette import colors
from ultralytics.ops.boxes import xywh2xyxy
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import plot_text

__all__ = ["plot_labels"]

MAX_BOXES = 500  # boxes drawn over each other; more only make the picture dark
MAX_NAMES = 30  # class names that fit under the histogram


def plot_labels(
    boxes: np.ndarray,
    cls: np.ndarray,
    names: Mapping[int, str] | None = None,
    save_dir: str | Path = Path(""),
    on_plot: Callable[[Path], None] | None = None,
) -> None:
    """Write `labels.jpg` with four panels: class counts, boxes, positions, sizes.

    Args:
        boxes: (N, 4 or more) centre, width and height as shares of the picture's sides.
        cls: (N,) class indices.
        names: class index to class name.
        save_dir: target folder.
        on_plot: called with the path after writing.
    """
    # matplotlib takes half a second to import, and most runs never draw.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    LOGGER.info(f"Plotting labels to {Path(save_dir) / 'labels.jpg'}... ")
    classes = np.asarray(cls).reshape(-1).astype(int)
    boxes = np.asarray(boxes, np.float32)[:, :4]
    names = dict(names or {})
    figure = Figure(figsize=(8, 8), tight_layout=True)
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2).ravel()
    _count_panel(panels[0], classes, names)
    panels[1].imshow(_box_picture(boxes, classes)[..., ::-1])
    panels[1].axis("off")
    for panel, columns, (x_name, y_name) in zip(
        panels[2:], (boxes[:, :2], boxes[:, 2:]), ("xy", ("width", "height")), strict=True
    ):
        panel.hist2d(columns[:, 0], columns[:, 1], bins=50, range=((0, 1), (0, 1)), cmap="Blues", cmin=1)
        panel.set_xlabel(x_name)
        panel.set_ylabel(y_name)
    path = Path(save_dir) / "labels.jpg"
    save_figure(figure, path)
    if on_plot is not None:
        on_plot(path)


def _count_panel(panel, classes: np.ndarray, names: dict[int, str]) -> None:
    """Draw a bar per class."""
    bins = max(len(names), int(classes.max(initial=-1)) + 1, 1)
    counts = np.bincount(classes, minlength=bins)
    panel.bar(range(bins), counts, color=[np.array(colors(i)) / 255 for i in range(bins)])
    panel.set_ylabel("instances")
    if 0 < len(names) < MAX_NAMES:
        panel.set_xticks(range(bins), [plot_text(names.get(i, i)) for i in range(bins)], rotation=90, fontsize=10)
    else:
        panel.set_xlabel("classes")


def _box_picture(boxes: np.ndarray, classes: np.ndarray, side: int = 1000) -> np.ndarray:
    """Draw boxes, all moved to the middle, onto a white BGR square."""
    picture = np.full((side, side, 3), 255, np.uint8)
    centred = np.concatenate((np.full((len(boxes), 2), 0.5, np.float32), boxes[:, 2:4]), 1)[:MAX_BOXES]
    for corners, label in zip(xywh2xyxy(centred) * side, classes, strict=False):
        x1, y1, x2, y2 = corners.astype(int).tolist()
        cv2.rectangle(picture, (x1, y1), (x2, y2), colors(label, True), 1)
    return picture
