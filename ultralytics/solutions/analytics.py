"""`Analytics`: charts of how many objects there are."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import numpy as np

from ultralytics.engine.plots.palette import colors
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.helpers import plt_settings
from ultralytics.utils.lazy import offer

__all__ = ["Analytics", "draw_chart"]

Series = dict[str, list[float]]
GREY, PAPER = "#444444", "#F3F3F3"
LIGHT = 230  # of 255; what is lighter in all parts cannot be seen on paper
_TONES = [tuple(part / 255 for part in colors(i)) for i in range(colors.n) if min(colors(i)) < LIGHT]


@plt_settings()
def draw_chart(
    kind: str,
    frames: list[int],
    series: Series,
    figsize: tuple[float, float] = (12.8, 7.2),
    title: str = "Ultralytics Solutions",
) -> np.ndarray:
    """Draw a chart.

    Args:
        kind: "line" or "area" over the frames; "bar" or "pie" of the last value of every series.
        frames: numbers of the frames.
        series: name to values, one for every frame.
        figsize: width and height in hundreds of pixels.
        title: above the chart.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=figsize, dpi=100, facecolor=PAPER)
    axes = figure.add_subplot(facecolor=PAPER)
    tones = [_TONES[i % len(_TONES)] for i in range(len(series))]
    axes.set_title(title, color=GREY, fontsize=18)
    if kind in {"line", "area"}:
        for (name, values), tone in zip(series.items(), tones, strict=True):
            axes.plot(frames, values, color=tone, linewidth=2, marker="o", markersize=4, label=name)
            if kind == "area":
                axes.fill_between(frames, values, color=tone, alpha=0.4)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("Frame", color=GREY, fontsize=13)
        axes.set_ylabel("Objects", color=GREY, fontsize=13)
        axes.grid(alpha=0.4)
    else:
        _draw_last(axes, kind, {name: values[-1] for name, values in series.items() if values}, tones)
    if axes.get_legend_handles_labels()[0] and kind != "bar":
        axes.legend(loc="upper left")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., 2::-1])


def _draw_last(axes: Any, kind: str, values: dict[str, float], tones: list[tuple[float, ...]]) -> None:
    """Draw the last values of series as bars, or as parts of a whole."""
    used = tones[: len(values)]
    if kind == "bar":
        bars = axes.bar(list(values), list(values.values()), color=used)
        axes.bar_label(bars, fmt="%g")
        axes.set_ylabel("Objects", color=GREY, fontsize=13)
    elif sum(values.values()):
        seen = {name: value for name, value in values.items() if value}
        used = [tone for tone, value in zip(used, values.values(), strict=True) if value]
        labels = [f"{name} ({value:g})" for name, value in seen.items()]
        axes.pie(list(seen.values()), colors=used, startangle=90, autopct="%.0f%%", labels=labels)
        axes.axis("equal")


class Analytics(BaseSolution):
    """Draws the numbers of objects over the last frames, in all or of every class.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `analytics_type` and `figsize` are about this.

    Attributes:
        type: kind of chart.
        clswise_count: class name to objects in the last frame.
        max_points: frames that a chart goes back.
        update_every: frames from one drawing to the next; frames between get the same chart.
        last_plot_im: the chart (H, W, 3) BGR.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.type = self.CFG["analytics_type"]
        self.figsize = self.CFG["figsize"]
        self.title = "Ultralytics Solutions"
        self.max_points, self.update_every = 45, 30
        self.total_counts = 0
        self.clswise_count: Counter[str] = Counter()
        self.last_plot_im: np.ndarray | None = None
        self._past: deque[tuple[int, dict[str, int]]] = deque(maxlen=self.max_points)

    def process(self, im0: np.ndarray, frame_number: int | None = None) -> SolutionResults:
        """Count the objects of a frame (H, W, 3) BGR.

        Args:
            im0: the frame.
            frame_number: its number; counted when None.

        Returns:
            `plot_im`, the chart; `classwise_count` and `total_tracks`.
        """
        number = self.frame_no + 1 if frame_number is None else frame_number
        self.extract_tracks(im0)
        self.total_counts = len(self.track_ids)
        self.clswise_count = Counter(self.name_of(cls) for cls in self.clss)
        stale = self.last_plot_im is None or number % self.update_every == 0
        self.update_graph(number, dict(self.clswise_count), self.type, redraw=stale)
        self.display_output(self.last_plot_im)
        return SolutionResults(
            plot_im=self.last_plot_im,
            total_tracks=self.total_counts,
            classwise_count=dict(self.clswise_count),
        )

    def update_graph(
        self, frame_number: int, count_dict: dict[str, int] | None = None, plot: str = "line", redraw: bool = True
    ) -> np.ndarray:
        """Add a frame's numbers to the chart and draw it.

        Args:
            frame_number: number of the frame.
            count_dict: class name to objects; `total_counts` without classes when None.
            plot: "line", "area", "bar" or "pie".
            redraw: draw the chart, otherwise only remember.

        Returns:
            The chart (H, W, 3) BGR.
        """
        self._past.append((frame_number, {"Objects": self.total_counts} if count_dict is None else count_dict))
        if redraw or self.last_plot_im is None:
            frames = [number for number, _ in self._past]
            names = list(dict.fromkeys(name for _, counts in self._past for name in counts))
            series: Series = {name: [counts.get(name, 0) for _, counts in self._past] for name in names}
            if plot == "line":
                series = {"Objects": [sum(counts.values()) for _, counts in self._past]}
            self.last_plot_im = draw_chart(plot, frames, series, tuple(self.figsize), self.title)
        return self.last_plot_im


__getattr__, __dir__ = offer(__name__)
