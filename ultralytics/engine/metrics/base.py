"""Figures of one branch of a task (boxes, masks or keypoints)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.nn.public import public
from ultralytics.utils.namespace import SimpleClass

__all__ = ["Metric"]

# What a branch's evaluation yields, in the order of `ap_per_class` behind its true and false positives.
_FIGURES = ("p", "r", "f1", "all_ap", "ap_class_index", "p_curve", "r_curve", "f1_curve", "px", "prec_values")


def _mean(values: Sequence[float] | np.ndarray) -> float:
    """Return the mean as a plain float, 0 for nothing."""
    return float(np.mean(values)) if len(values) else 0.0


@public("ultralytics.utils.metrics")
class Metric(SimpleClass):
    """Precision, recall and average precision per class, and their means.

    Attributes:
        p: precision per class at the best confidence.
        r: recall per class.
        f1: F1 per class.
        all_ap: average precision `(C, 10)` per class and overlap threshold 0.50 ... 0.95.
        ap_class_index: class of every row above.
        nc: number of classes of the data set.
        image_metrics: precision, recall, F1, tp, fp and fn at overlap 0.5 per image file.
        p_curve: precision over confidence `(C, 1000)`.
        r_curve: recall over confidence.
        f1_curve: F1 over confidence.
        px: the 1000 points of the curves.
        prec_values: precision over recall `(C, 1000)` at overlap 0.5.
    """

    def __init__(self) -> None:
        self.nc = 0
        self.image_metrics: dict[str, dict[str, float]] = {}
        self.update([[] for _ in _FIGURES])

    # Per class --------------------------------------------------------------------------------------------------------
    @property
    def ap50(self) -> np.ndarray | list:
        """Average precision at overlap 0.5 per class."""
        return self.all_ap[:, 0] if len(self.all_ap) else []

    @property
    def ap(self) -> np.ndarray | list:
        """Average precision over overlaps 0.50 ... 0.95 per class."""
        return self.all_ap.mean(1) if len(self.all_ap) else []

    @property
    def maps(self) -> np.ndarray:
        """Average precision per class `(nc,)`; classes without labels show the overall mean."""
        out = np.full(self.nc, self.map, dtype=np.float64)
        out[np.asarray(self.ap_class_index, dtype=int)] = self.ap
        return out

    def class_result(self, i: int) -> tuple[float, float, float, float]:
        """Return precision, recall, AP50 and AP50-95 of row `i`."""
        return self.p[i], self.r[i], self.ap50[i], self.ap[i]

    # Means ------------------------------------------------------------------------------------------------------------
    @property
    def mp(self) -> float:
        """Mean precision."""
        return _mean(self.p)

    @property
    def mr(self) -> float:
        """Mean recall."""
        return _mean(self.r)

    @property
    def map50(self) -> float:
        """Mean average precision at overlap 0.5."""
        return _mean(self.ap50)

    @property
    def map75(self) -> float:
        """Mean average precision at overlap 0.75."""
        return _mean(self.all_ap[:, 5]) if len(self.all_ap) else 0.0

    @property
    def map(self) -> float:
        """Mean average precision over overlaps 0.50 ... 0.95."""
        return _mean(self.ap)

    def mean_results(self) -> list[float]:
        """Return mean precision, mean recall, mAP50 and mAP50-95."""
        return [self.mp, self.mr, self.map50, self.map]

    def fitness(self) -> float:
        """Return what model selection maximises: mAP50-95."""
        return self.map

    # Curves -----------------------------------------------------------------------------------------------------------
    @property
    def curves(self) -> list:
        """Names of the curves; the task's metrics class knows them."""
        return []

    @property
    def curves_results(self) -> list[list]:
        """Points, values, name of the abscissa and of the ordinate of the four curves."""
        return [
            [self.px, self.prec_values, "Recall", "Precision"],
            [self.px, self.f1_curve, "Confidence", "F1"],
            [self.px, self.p_curve, "Confidence", "Precision"],
            [self.px, self.r_curve, "Confidence", "Recall"],
        ]

    # Input ------------------------------------------------------------------------------------------------------------
    def update(self, results: Sequence[Any]) -> None:
        """Take over ten figures: what `ap_per_class` returns behind its true and false positives."""
        for name, value in zip(_FIGURES, results, strict=True):
            setattr(self, name, value)

    def update_image_metrics(self, tp: np.ndarray, target_cls: np.ndarray, pred_cls: np.ndarray, im_name: str) -> None:
        """Add one image.

        Args:
            tp: `(N, T)` whether a detection is right; the first threshold counts.
            target_cls: `(M,)` classes of the labels.
            pred_cls: `(N,)` predicted classes.
            im_name: key of the entry.
        """
        right = int(np.asarray(tp)[:, 0].sum()) if len(tp) else 0
        found, labels = len(pred_cls), len(target_cls)
        precision, recall = right / found if found else 0.0, right / labels if labels else 0.0
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        self.image_metrics[im_name] = {
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "tp": right,
            "fp": found - right,
            "fn": labels - right,
        }

    def clear_image_metrics(self) -> None:
        """Forget the figures per image."""
        self.image_metrics.clear()
