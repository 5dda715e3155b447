"""A scatter plot whose points show how dense they lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["plt_color_scatter"]


def plt_color_scatter(
    v: Sequence[float] | np.ndarray,
    f: Sequence[float] | np.ndarray,
    bins: int = 20,
    cmap: str = "viridis",
    alpha: float = 0.8,
    edgecolors: str = "none",
) -> None:
    """Draw points into matplotlib's current axes, coloured by the number of points in their cell of a grid.

    Args:
        v: (N,) horizontal positions.
        f: (N,) vertical positions.
        bins: cells of the grid along each axis.
        cmap: name of the colour map.
        alpha: opacity of the points, 0..1.
        edgecolors: colour of their outlines.
    """
    from matplotlib import pyplot as plt  # half a second that only plotting should cost

    v, f = np.asarray(v, float), np.asarray(f, float)
    counts, *edges = np.histogram2d(v, f, bins=bins) if len(v) else (np.zeros((1, 1)), np.zeros(2), np.zeros(2))
    column, row = (
        np.clip(np.searchsorted(edge, values, side="right") - 1, 0, len(edge) - 2)
        for edge, values in zip(edges, (v, f), strict=True)
    )
    plt.scatter(v, f, c=counts[column, row], cmap=cmap, alpha=alpha, edgecolors=edgecolors)
