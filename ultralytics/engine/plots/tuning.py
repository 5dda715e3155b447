"""Charts of a hyper-parameter search: fitness against each argument, and over the trials."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.engine.plots.files import save_figure
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import plot_text

__all__ = ["plot_tune_results"]

LOGARITHMIC = 100  # ratio of the largest value to the smallest one from which an axis is logarithmic
WINDOW = 3.0  # trials: standard deviation of the smoothed line
_BEST = {"marker": "+", "color": "#d62728", "s": 120, "linewidths": 2, "zorder": 3}


def plot_tune_results(
    results_file: str | Path = "tune_results.ndjson", exclude_zero_fitness_points: bool = True
) -> None:
    """Draw `tune_scatter_plots.png` and `tune_fitness.png` beside the results of a search.

    Args:
        results_file: `tune_results.ndjson`, or the table `tune_results.csv`.
        exclude_zero_fitness_points: leave trials out that failed.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it holds no results of a search.
    """
    path = Path(results_file)
    try:
        fitness, columns = _read_table(path) if path.suffix == ".csv" else _read_lines(path)
    except (KeyError, TypeError, UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no results of a search: {error}.") from error
    numbers = np.arange(1, len(fitness) + 1)
    if exclude_zero_fitness_points:
        kept = fitness > 0
        fitness, numbers = fitness[kept], numbers[kept]
        columns = {
            key: [value for value, keep in zip(values, kept, strict=True) if keep] for key, values in columns.items()
        }
    if not len(fitness):
        LOGGER.warning(f"{path}: no trial has a fitness above 0, nothing is drawn.")
        return
    _draw_scatter(fitness, columns, path.with_name("tune_scatter_plots.png"))
    _draw_course(numbers, fitness, path.with_name("tune_fitness.png"))


def _read_lines(path: Path) -> tuple[np.ndarray, dict[str, list[Any]]]:
    """Return the fitness of every trial, and the values of every argument."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    keys = list(rows[0]["hyperparameters"]) if rows else []
    return np.array([float(row["fitness"]) for row in rows]), {k: [r["hyperparameters"][k] for r in rows] for k in keys}


def _read_table(path: Path) -> tuple[np.ndarray, dict[str, list[Any]]]:
    heads, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines() or [""])
    rows = [row for row in rows if len(row) == len(heads)]
    columns = {head.strip(): [row[i].strip() for row in rows] for i, head in enumerate(heads)}
    return np.array([float(value) for value in columns.pop("fitness")]), columns


def _positions(values: list[Any]) -> tuple[list[float], list[str]]:
    """Return numbers to draw at, and the texts below them where the values are names."""
    try:
        return [float(value) for value in values], []
    except (TypeError, ValueError):
        names = list(dict.fromkeys(str(value) for value in values))
        return [float(names.index(str(value))) for value in values], names


def _draw_scatter(fitness: np.ndarray, columns: dict[str, list[Any]], path: Path) -> None:
    from matplotlib.figure import Figure  # slow to import

    side = max(1, math.ceil(math.sqrt(len(columns))))
    rows = max(1, math.ceil(len(columns) / side))
    figure = Figure(figsize=(2.6 * side + 1, 2.4 * rows + 0.6), layout="tight")
    panels = figure.subplots(rows, side, squeeze=False).ravel()
    best = int(np.argmax(fitness))
    for panel in panels[len(columns) :]:
        panel.set_axis_off()
    for panel, (key, values) in zip(panels, columns.items(), strict=False):
        x, names = _positions(values)
        panel.scatter(x, fitness, c=np.arange(len(fitness)), cmap="viridis", s=14, alpha=0.8, edgecolors="none")
        panel.scatter(x[best], fitness[best], **_BEST)
        panel.set_title(
            f"{key} = {x[best]:.3g}" if not names else plot_text(f"{key} = {Path(str(values[best])).stem}"), fontsize=9
        )
        if names:
            panel.set_xticks(range(len(names)), [plot_text(Path(name).stem) for name in names], rotation=30, fontsize=6)
        elif min(x) > 0 and max(x) >= LOGARITHMIC * min(x):
            panel.set_xscale("log")
        else:
            panel.locator_params(axis="x", nbins=5)
        panel.tick_params(labelsize=6)
    save_figure(figure, path)


def _draw_course(numbers: np.ndarray, fitness: np.ndarray, path: Path) -> None:
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(10, 5.5), layout="tight")
    axes = figure.subplots()
    axes.plot(numbers, fitness, "o", color="#7aa6d8", label="trial")
    weights = np.exp(-0.5 * ((numbers[:, None] - numbers[None]) / WINDOW) ** 2)
    axes.plot(numbers, weights @ fitness / weights.sum(1), "--", color="#7f7f7f", label="smoothed")
    axes.step(numbers, np.maximum.accumulate(fitness), where="post", color="#d62728", label="best so far")
    axes.set(title="Fitness by trial", xlabel="trial", ylabel="fitness")
    axes.grid(color="#d0d0d0", linewidth=0.6)
    axes.legend(frameon=False)
    save_figure(figure, path)
