"""What a benchmark found: rows, the table in its public form, the files with it, and the drawing."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ultralytics.engine.plots.files import save_figure
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.text import plot_text, printable

__all__ = ["LEGEND", "Row", "reason_of", "table_text", "to_frame", "write_report"]

LEGEND = "Benchmarks legend:  - ✅ Success  - ❎ Export passed but validation failed  - ❌️ Export failed"
LOG = "benchmarks.log"
REASON_CHARS = 300
MISSING = "-"


@dataclass(frozen=True)
class Row:
    """One format of one model.

    Attributes:
        model: stem of the model's file.
        title: name of the format.
        format: its argument.
        size: MB of the file, 0 where there is none.
        metric: the task's key metric, None where it was not validated.
        ms: milliseconds of the network per image.
        reason: why it failed, in a sentence.
        error: class of that error; empty where there was none.
        refused: the format is not built, or does not take an argument: nothing is broken.
    """

    model: str
    title: str
    format: str
    size: float = 0.0
    metric: float | None = None
    ms: float | None = None
    reason: str = ""
    error: str = ""
    refused: bool = False

    @property
    def status(self) -> str:
        """The public sign of how far it came."""
        return "✅" if self.metric is not None else "❎" if self.size else "❌"

    def line(self) -> str:
        """Return what the console says when the row is known."""
        told = f"{self.size:.1f} MB, {self.ms:.1f} ms" if self.ms is not None else self.reason
        return f"{colorstr('benchmark:')} {self.model} {self.title} {self.status} {told}"


def reason_of(text: str) -> str:
    """Return an error's text as one line of sensible length; tools tell theirs on many."""
    return printable(" ".join(text.split()), REASON_CHARS)


def columns_of(rows: Sequence[Row], metric: str, eps: float) -> list[dict[str, str]]:
    """Return the public table: texts by column. Where there are several models, a column names them.

    Args:
        rows: what was measured.
        metric: name of the metric.
        eps: milliseconds added before frames per second are worked out.
    """
    several = len({row.model for row in rows}) > 1
    table = []
    for number, row in enumerate(rows, 1):
        table.append(
            {
                " ": str(number),
                **({"Model": row.model} if several else {}),
                "Format": row.title,
                "Status❔": row.status,
                "Size (MB)": f"{row.size:.1f}",
                metric: MISSING if row.metric is None else str(round(row.metric, 4)),
                "Inference time (ms/im)": MISSING if row.ms is None else str(round(row.ms, 2)),
                "FPS": MISSING if row.ms is None else str(round(1000 / (row.ms + eps), 2)),
                "Reason": row.reason,
            }
        )
    return table


def to_frame(table: Sequence[Mapping[str, str]]) -> Any:
    """Return a table as a polars or pandas frame, as it is where neither is installed."""
    for name in ("polars", "pandas"):
        if find_spec(name) is not None:
            return __import__(name).DataFrame(list(table))
    return list(table)


def table_text(table: Sequence[Mapping[str, str]]) -> str:
    """Return a table for the console, its reasons below it, by the number of their row."""
    names = [name for name in table[0] if name != "Reason"]
    widths = {name: max(map(_width, (name, *(row[name] for row in table)))) for name in names}
    lines = ["  ".join(_padded(name, widths[name]) for name in names)]
    lines += ["  ".join("-" * widths[name] for name in names)]
    lines += ["  ".join(_padded(row[name], widths[name]) for name in names) for row in table]
    reasons = [f"{row[' ']}: {row['Reason']}" for row in table if row["Reason"]]
    return "\n".join(line.rstrip() for line in [*lines, *([""] if reasons else []), *reasons])


def _width(text: str) -> int:
    """Return how many cells of a terminal a text takes; signs are two wide."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def write_report(rows: Sequence[Row], folder: Path, title: str, metric: str, eps: float, seconds: float) -> Any:
    """Log the table, write `benchmarks.csv` and `benchmarks.png`, add to `benchmarks.log`, and return the frame.

    Args:
        rows: what was measured.
        folder: where the files go; the log is in the current folder, as in the public interface.
        title: models, data and image size, in words.
        metric: name of the metric.
        eps: see `columns_of`.
        seconds: how long everything took.
    """
    table = columns_of(rows, metric, eps)
    text = f"\nBenchmarks complete for {title} ({seconds:.2f}s)\n{LEGEND}\n{table_text(table)}\n"
    LOGGER.info(f"{text}\nResults saved to {colorstr('bold', folder)}")
    try:
        with open(LOG, "a", encoding="utf-8") as log:
            log.write(text)
    except OSError as error:  # a folder that cannot be written to must not cost the figures
        LOGGER.warning(f"the table is not added to {LOG} in the current folder: {error}")
    content = io.StringIO()
    writer = csv.DictWriter(content, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    with atomic_write(folder / "benchmarks.csv") as out:
        out.write(content.getvalue().encode("utf-8"))
    _draw(rows, folder / "benchmarks.png", metric)
    return to_frame(table)


def _draw(rows: Sequence[Row], path: Path, metric: str) -> None:
    """Draw a bar of milliseconds for each row, with its metric; a colour for each model. Nothing where all failed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    done = [row for row in rows if row.metric is not None]
    if not done:
        return
    figure = Figure(figsize=(8, 1.4 + 0.34 * len(done)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for model in dict.fromkeys(row.model for row in done):
        places = [place for place, row in enumerate(done) if row.model == model]
        axes.barh(places, [done[place].ms for place in places], label=plot_text(model), height=0.7)
    for place, row in enumerate(done):
        axes.text(row.ms, place, f" {row.ms:.1f} ms, {row.metric:.4f}", va="center", fontsize=8)
    axes.set_yticks(range(len(done)), [row.title for row in done])
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds of the network per image", title=f"speed and {metric}")
    axes.margins(x=0.3)
    figure.legend(loc="outside lower right", ncols=3, fontsize=8)
    save_figure(figure, path, 150)
