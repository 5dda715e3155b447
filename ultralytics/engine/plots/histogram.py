"""Histogram of the distances in a data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ultralytics.engine.plots.files import save_figure

__all__ = ["plot_depth_histogram"]

BINS = 100


def plot_depth_histogram(depths: np.ndarray, file: str | Path, on_plot: Callable[[Path], None] | None = None) -> None:
    """Draw how often distances occur, with mean and median as lines and the figures in a box.

    Args:
        depths: (N,) metres.
        file: picture to write.
        on_plot: called with the path after writing.
    """
    # matplotlib takes half a second to import, and most runs never draw.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    depths = np.asarray(depths, np.float64).reshape(-1)
    figure = Figure(figsize=(8, 6), tight_layout=True)
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    panel.set_xlabel("depth in metres")
    panel.set_ylabel("pixels")
    text = "no known distances"
    if depths.size:
        panel.hist(depths, bins=BINS, color="#0BDBEB")
        for name, value, style in (("mean", depths.mean(), "-"), ("median", np.median(depths), "--")):
            panel.axvline(value, color="#042AFF", linestyle=style, label=f"{name} {value:.2f} m")
        panel.legend()
        text = f"count {depths.size:,}\nmin {depths.min():.2f} m\nmax {depths.max():.2f} m\nstd {depths.std():.2f} m"
    box = {"boxstyle": "round", "facecolor": "white", "alpha": 0.8}
    panel.text(0.98, 0.5, text, transform=panel.transAxes, ha="right", va="center", bbox=box)
    save_figure(figure, file)
    if on_plot is not None:
        on_plot(Path(file))
