"""Metrics of semantic segmentation: overlaps of classes, from counts of pixels.

Shapes: B images, H x W pixels, n classes that pixels can have: nc, or 2 with one class, which is 1 against 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.engine.plots.bars import plot_class_bars
from ultralytics.engine.results.tables import DataExportMixin
from ultralytics.nn.public import public
from ultralytics.utils.namespace import SimpleClass

__all__ = ["SemanticMetrics"]

MOST_BINS = 2**24  # of one count


@public("ultralytics.utils.metrics")
class SemanticMetrics(SimpleClass, DataExportMixin):
    """Intersection over union and accuracy per class, and their means.

    Args:
        names: class index to class name.

    Attributes:
        matrix: (n, n) pixels by true class (rows) and predicted class; None before the first batch.
        cm_nc: n.
        nt_per_image: (nc,) images that show each class.
        nt_per_class: (nc,) pixels of each class.
    """

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self.names = dict(names or {})
        self.nc = len(self.names)
        self.cm_nc = max(self.nc, 2)
        self.speed = dict.fromkeys(("preprocess", "inference", "loss", "postprocess"), 0.0)
        self.matrix: torch.Tensor | None = None
        self.image_counts: torch.Tensor | None = None  # (n,) images that show each class
        self.process()

    # Input ------------------------------------------------------------------------------------------------------------
    def update_stats(self, preds: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch; pixels whose truth or prediction is no class are left out.

        Args:
            preds: (B, H, W) predicted classes.
            targets: (B, H, W) true classes; 255 is ignored.
        """
        per_image = _pixel_counts(targets, preds.to(targets.device), self.cm_nc)
        matrix, images = per_image.sum(0), (per_image.sum(2) > 0).sum(0)
        self.matrix = matrix if self.matrix is None else self.matrix + matrix
        self.image_counts = images if self.image_counts is None else self.image_counts + images

    def clear_stats(self) -> None:
        """Forget the counts; figures stay."""
        self.matrix = self.image_counts = None

    def process(
        self, save_dir: str | Path = Path("."), plot: bool = False, on_plot: Callable[[Path], None] | None = None
    ) -> None:
        """Work out the figures from the counts.

        Args:
            save_dir: folder for `iou_bar_chart.png`.
            plot: draw it.
            on_plot: called with the path of the picture.
        """
        n = self.cm_nc
        matrix = np.zeros((n, n), np.int64) if self.matrix is None else self.matrix.cpu().numpy().astype(np.int64)
        images = np.zeros(n, np.int64) if self.image_counts is None else self.image_counts.cpu().numpy()
        right, true, found = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
        rows = slice(1, 2) if self.nc == 1 else slice(self.nc)
        self._iou = (right / np.maximum(true + found - right, 1))[rows]
        self._accuracy = (right / np.maximum(true, 1))[rows]
        self.nt_per_class, self.nt_per_image = true[rows], images[rows]
        self._pixel_accuracy = float(right.sum() / max(matrix.sum(), 1))
        present = self.nt_per_class > 0
        self._miou = float(self._iou[present].mean()) if present.any() else 0.0
        if plot and self.nc:
            title = f"IoU of classes, mean {self._miou:.3f}"
            plot_class_bars(self._iou, self.names, Path(save_dir) / "iou_bar_chart.png", title, on_plot=on_plot)

    # Figures ----------------------------------------------------------------------------------------------------------
    @property
    def miou(self) -> float:
        """Mean IoU of the classes that the truth shows."""
        return self._miou

    @property
    def pixel_accuracy(self) -> float:
        """Share of pixels of the right class."""
        return self._pixel_accuracy

    @property
    def per_class_iou(self) -> np.ndarray:
        """IoU of every class (nc,), 0 for those that neither truth nor prediction show."""
        return self._iou

    @property
    def per_class_pixel_accuracy(self) -> np.ndarray:
        """Share of every class's pixels that were found (nc,)."""
        return self._accuracy

    @property
    def ap_class_index(self) -> list[int]:
        """Classes that the truth shows."""
        return np.flatnonzero(self.nt_per_class).tolist()

    @property
    def fitness(self) -> float:
        """What model selection maximises: the mean IoU."""
        return self._miou

    @property
    def keys(self) -> list[str]:
        """Names of the figures."""
        return ["metrics/mIoU", "metrics/pixel_acc"]

    def mean_results(self) -> list[float]:
        """Return mean IoU and pixel accuracy."""
        return [self._miou, self._pixel_accuracy]

    def class_result(self, i: int) -> list[float]:
        """Return IoU and pixel accuracy of class `ap_class_index[i]`."""
        c = self.ap_class_index[i]
        return [float(self._iou[c]), float(self._accuracy[c])]

    @property
    def results_dict(self) -> dict[str, float]:
        """The figures by name, and `fitness`."""
        return {**dict(zip(self.keys, self.mean_results(), strict=True)), "fitness": self.fitness}

    @property
    def curves(self) -> list:
        """There are no curves."""
        return []

    @property
    def curves_results(self) -> list:
        """There are no curves."""
        return []

    def summary(self, normalize: bool = True, decimals: int = 5) -> list[dict[str, Any]]:
        """Return one row per class that the truth shows, figures rounded to `decimals`."""
        means = {"mIoU": round(self._miou, decimals), "pixel_acc": round(self._pixel_accuracy, decimals)}
        return [
            {
                "Class": self.names[c],
                "Images": int(self.nt_per_image[c]),
                "Pixels": int(self.nt_per_class[c]),
                "IoU": round(float(self._iou[c]), decimals),
                **means,
            }
            for c in self.ap_class_index
        ]


def _pixel_counts(true: torch.Tensor, found: torch.Tensor, n: int) -> torch.Tensor:
    """Return how many pixels of each image have which true class (rows) and which predicted one (B, n, n)."""
    count = len(true)
    if count > 1 and (true.device.type == "cpu" or count * n * n > MOST_BINS):
        # one by one: what is worked out between stays in the processor's cache
        parts = zip(true.split(1), found.split(1), strict=True)
        return torch.cat([_pixel_counts(*part, n) for part in parts])
    wide = torch.int64 if n > 2**15 else torch.int32
    true, found = true.reshape(count, -1).to(wide), found.reshape(count, -1).to(wide)
    known = (true >= 0) & (true < n) & (found >= 0) & (found < n)
    image = torch.arange(count, device=true.device, dtype=wide)[:, None]
    cells = torch.where(known, (image * n + true) * n + found, count * n * n)
    return torch.bincount(cells.flatten(), minlength=count * n * n + 1)[:-1].view(count, n, n)
