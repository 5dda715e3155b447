"""Line charts and matrices: curves of a validation, confusion matrix, history of a training run.

matplotlib takes half a second to import, so every function imports it itself, and only its object interface is used:
no global state, no window. Where everything lies is worked out here from the few texts whose lengths vary: its own
layout engines measure every text of a figure, several times, which takes as long as drawing them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.engine.plots.files import save_figure
from ultralytics.engine.plots.text import short_number
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import plot_text

__all__ = ["plot_matrix", "plot_mc_curve", "plot_pr_curve", "plot_results"]

_LEGEND_CLASSES = 21  # from here on class names would fill the picture: classes become thin grey lines
_MEAN = {"color": "#1f4ed8", "linewidth": 3, "zorder": 3}
_GRID = {"color": "#d0d0d0", "linewidth": 0.6}
_DPI = 200
# Inches.
_CURVE_SIZE, _LEAST_AXES = (9, 6), 4
_MATRIX_SIDES, _PER_CLASS = (6.2, 14.2), 0.37
LONG_COUNT = 100_000  # of pixels, for instance; more digits do not fit
_LONGEST_NAME = 6  # what is longer is cut off at the border


def _new_figure(width: float, height: float, **layout: Any):
    """Return a figure with a raster canvas; sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, **layout)
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path, on_plot: Callable[..., Any] | None) -> None:
    save_figure(figure, path, _DPI)
    if on_plot is not None:
        on_plot(path)


def _text_width(figure: Any, texts: Sequence[str], size: float) -> float:
    """Return how many inches the widest of some texts takes at a font size in points."""
    from matplotlib.font_manager import FontProperties

    renderer, font = figure.canvas.get_renderer(), FontProperties(size=size)
    widths = (renderer.get_text_width_height_descent(text, font, ismath=False)[0] for text in texts)
    return max(widths, default=0.0) / _DPI


# Curves of a validation -----------------------------------------------------------------------------------------------
def _class_lines(axes: Any, px: np.ndarray, curves: np.ndarray, labels: Sequence[str]) -> None:
    """Draw one line per class; colours and names only while they can be told apart."""
    if 0 < len(labels) < _LEGEND_CLASSES:
        from matplotlib import colormaps

        palette = colormaps["tab10" if len(labels) <= 10 else "tab20"].colors
        for i, (curve, label) in enumerate(zip(curves, labels, strict=True)):
            axes.plot(px, curve, linewidth=1.3, color=palette[i], label=label)
    elif len(curves):
        axes.plot(px, np.asarray(curves).T, linewidth=0.8, color="#b8bcc4")


def _unit_square(figure: Any, axes: Any, xlabel: str, ylabel: str, title: str) -> None:
    """Set the labels of both axes, from 0 to 1, and put the legend to the right of them."""
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    axes.set_xlabel(xlabel, fontsize=13)
    axes.set_ylabel(ylabel, fontsize=13)
    axes.set_title(title, fontsize=14)
    axes.tick_params(labelsize=11)
    axes.grid(**_GRID)
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=11, frameon=False)
    beside = legend.get_window_extent(figure.canvas.get_renderer()).width / _DPI + 0.15
    left, width = 0.7, max(_CURVE_SIZE[0], 0.7 + _LEAST_AXES + beside)
    figure.set_size_inches(width, _CURVE_SIZE[1])
    figure.subplots_adjust(left=left / width, right=1 - beside / width, bottom=0.1, top=0.93)


def _class_names(names: Mapping[int, str] | Sequence[str] | None, count: int) -> list[str]:
    """Return the names of `count` rows, numbers where there are none."""
    known = list(names.values()) if isinstance(names, Mapping) else list(names or ())
    return [plot_text(name) for name in (known if len(known) == count else range(count))]


def plot_pr_curve(
    px: np.ndarray,
    py: np.ndarray | Sequence[np.ndarray],
    ap: np.ndarray,
    save_dir: Path = Path("pr_curve.png"),
    names: Mapping[int, str] | None = None,
    on_plot: Callable[..., Any] | None = None,
) -> None:
    """Write a precision-recall picture.

    Args:
        px: `(P,)` recalls.
        py: `(C, P)` precision per class.
        ap: `(C, T)` average precision per class; the first column is shown.
        save_dir: path of the picture.
        names: class names in row order.
        on_plot: called with the path.
    """
    py, ap = np.asarray(py).reshape(-1, len(px)), np.asarray(ap)
    labels = [f"{name} {score[0]:.3f}" for name, score in zip(_class_names(names, len(py)), ap, strict=True)]
    figure = _new_figure(*_CURVE_SIZE)
    axes = figure.subplots()
    _class_lines(axes, px, py, labels)
    overall = f"all classes {ap[:, 0].mean() if len(ap) else 0:.3f} mAP@0.5"
    axes.plot(px, py.mean(0) if len(py) else np.zeros(len(px)), label=overall, **_MEAN)
    _unit_square(figure, axes, "Recall", "Precision", "Precision-Recall Curve")
    _save(figure, Path(save_dir), on_plot)


def plot_mc_curve(
    px: np.ndarray,
    py: np.ndarray | Sequence[np.ndarray],
    save_dir: Path = Path("mc_curve.png"),
    names: Mapping[int, str] | None = None,
    xlabel: str = "Confidence",
    ylabel: str = "Metric",
    on_plot: Callable[..., Any] | None = None,
) -> None:
    """Write a picture of a metric over confidence, with the best point of the smoothed mean.

    Args:
        px: `(P,)` confidences.
        py: `(C, P)` metric per class.
        save_dir: path of the picture.
        names: class names in row order.
        xlabel: name of the abscissa.
        ylabel: name of the ordinate.
        on_plot: called with the path.
    """
    py = np.asarray(py).reshape(-1, len(px))
    figure = _new_figure(*_CURVE_SIZE)
    axes = figure.subplots()
    _class_lines(axes, px, py, _class_names(names, len(py)))
    mean = _box_filter(py.mean(0), len(px) // 20) if len(py) else np.zeros(len(px))
    best = int(mean.argmax())
    axes.plot(px, mean, label=f"all classes {mean[best]:.2f} at {px[best]:.3f}", **_MEAN)
    axes.plot(px[best], mean[best], "o", markersize=8, color=_MEAN["color"], zorder=4)
    _unit_square(figure, axes, xlabel, ylabel, f"{ylabel}-{xlabel} Curve")
    _save(figure, Path(save_dir), on_plot)


def _box_filter(y: np.ndarray, width: int) -> np.ndarray:
    """Return `y` averaged over a centred window of about `width` points."""
    half = width // 2
    padded = np.pad(y, half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")


# Confusion matrix -----------------------------------------------------------------------------------------------------
def plot_matrix(
    values: np.ndarray,
    labels: Sequence[str],
    path: Path,
    title: str = "Confusion Matrix",
    fractions: bool = False,
    on_plot: Callable[..., Any] | None = None,
) -> None:
    """Write a picture of a confusion matrix.

    Args:
        values: `(K, K)`, rows are predictions, columns are labels.
        labels: K names.
        path: path of the picture.
        title: heading.
        fractions: the values are shares: two digits, and nothing where a share is below 0.005.
        on_plot: called with the path.
    """
    count = len(labels)
    text = 13 if count < 10 else 10 if count < 30 else 9 if count < 60 else 7
    names = [plot_text(label) for label in labels] if count < 100 else []
    figure, axes, bar_axes = _square_beside_bar(names, count, text)
    blank = 0.005 if fractions else 0.5
    shown = np.where(values < blank, np.nan, values)
    edges = np.arange(count + 1) - 0.5
    image = axes.pcolormesh(edges, edges, shown, cmap="Blues", vmin=0, edgecolors="#e6e6e6", linewidth=0.5)
    if count < 60:
        middle = np.nanmax(shown, initial=0) / 2
        for row, column in np.argwhere(np.isfinite(shown)):
            value = values[row, column]
            color = "white" if value > middle else "#1b1b1b"
            content = f"{value:.2f}" if fractions else f"{value:.0f}" if value < LONG_COUNT else short_number(value)
            axes.text(column, row, content, ha="center", va="center", fontsize=text, color=color)
    axes.set_title(title, fontsize=17, pad=14)
    bar = figure.colorbar(image, cax=bar_axes)
    bar.ax.tick_params(labelsize=11)
    bar.outline.set_visible(False)
    _save(figure, path, on_plot)


def _square_beside_bar(names: Sequence[str], count: int, text: float) -> tuple[Any, Any, Any]:
    """Return a figure, square axes for `count` rows and columns, and narrow ones to the right of them.

    Args:
        names: of rows and columns; without any, they are counted.
        count: rows.
        text: font size of the names, in points.
    """
    side = float(np.clip(count * _PER_CLASS, *_MATRIX_SIDES))
    before = 0.6 + min(_text_width(_new_figure(1, 1), names, text), _LONGEST_NAME) if names else 0.9
    after, above = 1.4, 0.7
    width, height = before + side + after, before + side + above
    figure = _new_figure(width, height)
    axes = figure.add_axes((before / width, before / height, side / width, side / height))
    bar_axes = figure.add_axes(((before + side + 0.25) / width, before / height, 0.3 / width, side / height))
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    axes.set_xlabel("True", fontsize=15)
    axes.set_ylabel("Predicted", fontsize=15)
    if names:
        axes.set_xticks(range(count), names, rotation=90, fontsize=text)
        axes.set_yticks(range(count), names, fontsize=text)
    axes.spines[:].set_visible(False)
    return figure, axes, bar_axes


# History of a run -----------------------------------------------------------------------------------------------------
def _read_columns(file: Path) -> dict[str, np.ndarray]:
    """Return the columns of a results file; empty or unreadable cells are NaN."""
    try:
        with open(file, encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} is no table of results: {error}.") from error
    if len(rows) < 2:
        return {}

    def number(cell: str) -> float:
        try:
            return float(cell)
        except ValueError:
            return math.nan

    names = [name.strip() for name in rows[0]]
    table = np.array([[number(c) for c in row[: len(names)] + [""] * (len(names) - len(row))] for row in rows[1:]])
    return {name: table[:, i] for i, name in enumerate(names)}


def _gaussian(y: np.ndarray, sigma: float = 3.0) -> np.ndarray:
    """Return `y` under a Gaussian window that is cut and re-weighted at the ends and leaves out NaN."""
    offset = np.arange(len(y))[:, None] - np.arange(len(y))[None]
    weight = np.exp(-0.5 * (offset / sigma) ** 2) * np.isfinite(y)
    with np.errstate(invalid="ignore"):
        return weight @ np.nan_to_num(y) / weight.sum(1)


def _panel_order(names: Sequence[str]) -> list[str]:
    """Return the columns to draw, in reading order of a grid of two rows: train above validation, metrics beside."""
    train = [n for n in names if "loss" in n and not n.startswith("val/")]
    val = [n for n in names if "loss" in n and n.startswith("val/")]
    metrics = [n for n in names if "metric" in n]
    half = math.ceil(len(metrics) / 2)
    return [*train, *metrics[:half], *val, *metrics[half:]]


def plot_results(
    file: str | Path = "path/to/results.csv", dir: str | Path = "", on_plot: Callable[..., Any] | None = None
) -> None:
    """Write `results.png` beside a run's `results.csv`: every loss and metric over the epochs.

    Columns are found by name, so files of any task, with padded or plain headers, will do.

    Args:
        file: a results file.
        dir: a folder whose `results*.csv` files are drawn into one picture instead.
        on_plot: called with the path of the picture.

    Raises:
        FileNotFoundError: if there is no results file.
    """
    folder = Path(dir) if dir else Path(file).parent
    files = sorted(folder.glob("results*.csv")) if dir else [Path(file)]
    files = [f for f in files if f.is_file()]
    if not files:
        raise FileNotFoundError(f"no results.csv to plot: '{folder if dir else file}' has none; train a model first.")
    tables = {f.stem: columns for f in files if (columns := _read_columns(f))}
    panels = list(dict.fromkeys(n for columns in tables.values() for n in _panel_order(list(columns))))
    if not panels:
        LOGGER.warning(f"{files[0]} has no epochs or no loss and metric columns; results.png not written.")
        return
    across = math.ceil(len(panels) / 2)
    figure = _new_figure(2.6 * across + 1, 6.4, layout="constrained")
    grid = figure.subplots(2, across, squeeze=False).ravel()
    for axes, name in zip(grid, panels, strict=False):
        for stem, columns in tables.items():
            if name not in columns:
                continue
            epochs = columns.get("epoch", np.arange(1, len(columns[name]) + 1))
            axes.plot(epochs, columns[name], ".-", color=None, linewidth=1.6, markersize=6, label=plot_text(stem))
            axes.plot(epochs, _gaussian(columns[name]), ":", linewidth=2, color="#e8590c", label="smooth")
        axes.set_title(plot_text(name), fontsize=11)
        axes.tick_params(labelsize=9)
        axes.grid(**_GRID)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    grid[0].legend(fontsize=9, frameon=False)
    _save(figure, folder / "results.png", on_plot)
