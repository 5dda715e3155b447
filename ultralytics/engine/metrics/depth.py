"""Metrics of depth estimation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ultralytics.engine.results.tables import DataExportMixin
from ultralytics.nn.public import public
from ultralytics.utils.namespace import SimpleClass

__all__ = ["DepthMetrics", "depth_figures"]

FIGURES = ("delta1", "delta2", "delta3", "abs_rel", "rmse", "silog")
FEWEST = 10  # pixels with a known distance that an image needs to count
THRESHOLD = 1.25  # ratio of two distances that are still near to each other; its powers are delta2 and delta3
ALIGNMENTS = ("median", "none")


@public("ultralytics.utils.metrics")
class DepthMetrics(SimpleClass, DataExportMixin):
    """Means over images of how near predicted distances come to the true ones.

    `delta1` to `delta3` are shares of pixels whose ratio to the truth is below 1.25, its square and its cube, `abs_rel`
    the mean error as a share of the truth, `rmse` the root of the mean squared error in metres, `silog` a hundred times
    the standard deviation of log differences.

    Args:
        min_depth: metres; truth that is not above counts as unknown.
        max_depth: metres; truth that is not below counts as unknown.
        align: "median" brings each prediction to the median of its truth first, "none" takes it as it is.
    """

    def __init__(self, min_depth: float = 0.001, max_depth: float = 100.0, align: str = "median") -> None:
        if align not in ALIGNMENTS:
            raise ValueError(f"align='{align}' is not valid; use 'median' or 'none'.")
        if not 0 < min_depth < max_depth:
            raise ValueError(f"min_depth={min_depth} and max_depth={max_depth} are no range of distances above 0.")
        self.min_depth, self.max_depth, self.align = min_depth, max_depth, align
        self.speed = dict.fromkeys(("preprocess", "inference", "loss", "postprocess"), 0.0)
        self.clear_stats()

    def update_stats(self, preds: torch.Tensor, targets: torch.Tensor) -> None:
        """Measure a batch.

        Args:
            preds: (B, 1, H, W) or (B, H, W) metres.
            targets: the same, 0 where the truth is not known.
        """
        preds, targets = (maps.flatten(1) for maps in (preds, targets))
        if preds.shape != targets.shape:
            raise ValueError(
                f"{len(preds)} predictions of {preds.shape[1]} pixels cannot be compared with {len(targets)} targets "
                f"of {targets.shape[1]}; bring them to one size first."
            )
        pairs = zip(preds, targets, strict=True)
        found = (depth_figures(*pair, self.min_depth, self.max_depth, self.align) for pair in pairs)
        self.rows += [row for row in found if row is not None]

    def merge(self, rows: Sequence[Sequence[float]]) -> None:
        """Take over rows that other processes measured."""
        self.rows += [tuple(row) for row in rows]

    def process(self, *args: Any, **kwargs: Any) -> None:
        """Work out the means over the images measured so far; arguments are ignored."""
        if self.rows:
            self._means = tuple(sum(column) / len(self.rows) for column in zip(*self.rows, strict=True))

    def clear_stats(self) -> None:
        """Forget all images."""
        self.rows: list[tuple[float, ...]] = []  # the six figures of every image
        self._means = (0.0,) * len(FIGURES)

    @property
    def keys(self) -> list[str]:
        """Names of the figures."""
        return [f"metrics/{name}" for name in FIGURES]

    def mean_results(self) -> list[float]:
        """Return the figures in the order of `keys`."""
        return list(self._means)

    @property
    def delta1(self) -> float:
        """Share of pixels with a ratio below 1.25."""
        return self._means[0]

    @property
    def delta2(self) -> float:
        """Share of pixels with a ratio below 1.25 squared."""
        return self._means[1]

    @property
    def delta3(self) -> float:
        """Share of pixels with a ratio below 1.25 cubed."""
        return self._means[2]

    @property
    def abs_rel(self) -> float:
        """Mean error as a share of the truth."""
        return self._means[3]

    @property
    def rmse(self) -> float:
        """Root of the mean squared error, metres."""
        return self._means[4]

    @property
    def silog(self) -> float:
        """A hundred times the standard deviation of log differences."""
        return self._means[5]

    @property
    def fitness(self) -> float:
        """What model selection maximises: `delta1`."""
        return self.delta1

    @property
    def results_dict(self) -> dict[str, float]:
        """The figures by name, and `fitness`."""
        return {**dict(zip(self.keys, self._means, strict=True)), "fitness": self.fitness}

    @property
    def curves(self) -> list:
        """Depth has no curves."""
        return []

    @property
    def curves_results(self) -> list:
        """Depth has no curves."""
        return []

    def summary(self, normalize: bool = True, decimals: int = 5) -> list[dict[str, Any]]:
        """Return one row with the figures, rounded to `decimals`."""
        return [{name: round(value, decimals) for name, value in zip(FIGURES, self._means, strict=True)}]


def depth_figures(
    pred: torch.Tensor, target: torch.Tensor, min_depth: float = 0.001, max_depth: float = 100.0, align: str = "median"
) -> tuple[float, ...] | None:
    """Return the six figures of one image, None where too few of its pixels have a known distance.

    Args:
        pred: (N,) metres.
        target: (N,) metres, anything outside of the range where they are not known.
        min_depth: metres, the end of the range that predictions are clamped to.
        max_depth: metres, the other end.
        align: "median" or "none".
    """
    known = (target > min_depth) & (target < max_depth)
    truth, found = target.masked_select(known).float(), pred.masked_select(known).float()
    if len(truth) < FEWEST:
        return None
    if align == "median":
        finite = found.isfinite()
        if finite.any():
            pair = (truth, found) if finite.all() else (truth[finite], found[finite])
            middle, own = map(lower_median, pair)
            found = found * (middle / own.clamp(min=min_depth))
    found = found.nan_to_num(nan=max_depth, posinf=max_depth, neginf=min_depth).clamp(min_depth, max_depth)
    difference = found.log() - truth.log()
    ratio, error = difference.abs().exp(), found - truth
    shares = [(ratio < THRESHOLD**power).count_nonzero() / len(truth) for power in (1, 2, 3)]
    spread = difference.square().mean() - difference.mean().square()
    terms = (*shares, (error.abs() / truth).mean(), error.square().mean().sqrt(), 100 * spread.clamp(min=0).sqrt())
    return tuple(torch.stack(terms).double().tolist())


def lower_median(values: torch.Tensor) -> torch.Tensor:
    """Return the median of finite values (N,), of two middle ones the lower, as `torch.median`.

    On a processor that is left to numpy, which takes a tenth of torch's time.
    """
    if values.device.type != "cpu":
        return values.median()
    middle = (len(values) - 1) // 2
    return values.new_tensor(np.partition(values.detach().numpy(), middle)[middle])
