"""Bars that compare runs, and classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ultralytics.engine.plots.files import save_figure
from ultralytics.engine.plots.palette import colors
from ultralytics.engine.plots.text import short_number
from ultralytics.utils.text import plot_text

__all__ = ["plot_class_bars", "plot_multitrain_results"]

MAX_NAMES = 60  # class names that fit under the bars


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


def plot_class_bars(
    values: Sequence[float] | np.ndarray,
    names: Mapping[int, str],
    path: str | Path,
    title: str,
    unit: str = "IoU",
    on_plot: Callable[[Path], None] | None = None,
) -> None:
    """Draw one value per class, in the colour that pictures of results give it, with the value above the bar.

    Args:
        values: (nc,) value of every class.
        names: class index to class name.
        path: the picture.
        title: heading.
        unit: what the values are.
        on_plot: called with the path after writing.
    """
    # matplotlib takes half a second to import, and most runs never draw.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values = np.asarray(values, np.float64)
    count = len(values)
    figure = Figure(figsize=(min(max(6.0, 0.45 * count + 2), 24), 5), tight_layout=True)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    bars = axes.bar(range(count), values, color=[np.array(colors(i)) / 255 for i in range(count)], edgecolor="#404040")
    axes.set_ylabel(unit)
    axes.set_title(plot_text(title))
    axes.margins(x=0.01, y=0.12)
    if values.max(initial=0) <= 1:  # shares
        axes.set_ylim(0, 1.08)
    if count <= MAX_NAMES:
        labels = [short_number(value) for value in values]
        axes.bar_label(bars, labels, fontsize=8, padding=2, rotation=90 if count > MAX_NAMES // 4 else 0)
        axes.set_xticks(range(count), [plot_text(names.get(i, str(i))) for i in range(count)], rotation=60, ha="right")
    else:
        axes.set_xlabel("classes")
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, Path(path))
    if on_plot is not None:
        on_plot(Path(path))
