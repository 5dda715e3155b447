"""Metrics of image classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ultralytics.engine.results.tables import DataExportMixin
from ultralytics.nn.public import public
from ultralytics.utils.namespace import SimpleClass

__all__ = ["ClassifyMetrics"]


@public("ultralytics.utils.metrics")
class ClassifyMetrics(SimpleClass, DataExportMixin):
    """Share of images whose class is the first guess (`top1`) or among the first five (`top5`)."""

    def __init__(self) -> None:
        self.top1 = 0.0
        self.top5 = 0.0
        self.speed = dict.fromkeys(("preprocess", "inference", "loss", "postprocess"), 0.0)

    def process(self, targets: Sequence[torch.Tensor], pred: Sequence[torch.Tensor]) -> None:
        """Work out the shares.

        Args:
            targets: classes `(B,)` per batch.
            pred: guesses `(B, k)` per batch, best first.
        """
        if not sum(map(len, targets)):
            self.top1 = self.top5 = 0.0
            return
        right = torch.cat(list(targets))[:, None] == torch.cat(list(pred))
        self.top1 = float(right[:, 0].float().mean())
        self.top5 = float(right[:, :5].any(1).float().mean())

    @property
    def fitness(self) -> float:
        """What model selection maximises: the mean of both shares."""
        return (self.top1 + self.top5) / 2

    @property
    def keys(self) -> list[str]:
        """Names of the figures."""
        return ["metrics/accuracy_top1", "metrics/accuracy_top5"]

    @property
    def results_dict(self) -> dict[str, float]:
        """The figures by name, and `fitness`."""
        return {**dict(zip(self.keys, (self.top1, self.top5), strict=True)), "fitness": self.fitness}

    @property
    def curves(self) -> list:
        """Classification has no curves."""
        return []

    @property
    def curves_results(self) -> list:
        """Classification has no curves."""
        return []

    def summary(self, normalize: bool = True, decimals: int = 5) -> list[dict[str, Any]]:
        """Return one row with both shares, rounded to `decimals`."""
        return [{"top1_acc": round(self.top1, decimals), "top5_acc": round(self.top5, decimals)}]
