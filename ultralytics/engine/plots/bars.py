"""Bars that compare runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ultralytics.engine.plots.files import save_figure

__all__ = ["plot_multitrain_results"]


def plot_multitrain_results(scores: Mapping[str, float], key: str = "fitness", save_dir: str | Path = Path()) -> Path:
    """Draw one score of several runs, and their mean, into `multitrain_results.png`.

    Args:
        scores: name of the run -> score.
        key: name of the score.
        save_dir: target folder.

    Returns:
        The file.

    Raises:
        ValueError: there are no scores.
    """
    # matplotlib takes half a second to import, and most runs never draw.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not scores:
        raise ValueError("no scores to plot.")
    mean = float(np.mean(list(scores.values())))
    figure = Figure(figsize=(max(4.0, 0.6 * len(scores) + 2), 4), tight_layout=True)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.bar(list(scores), list(scores.values()))
    axes.axhline(mean, linestyle=":", color="black", label=f"mean {mean:.3f}")
    axes.set_ylabel(key)
    axes.tick_params(axis="x", rotation=45)
    axes.legend(frameon=False)
    file = Path(save_dir) / "multitrain_results.png"
    save_figure(figure, file)
    return file
