"""Metrics of the tasks that find objects: boxes alone, or boxes with masks or keypoints.

A task is a list of branches. Every branch has its own true-positive table, matched with its own overlap, and its own
`Metric`; scores, classes and labels are shared. The first branch is always the boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ultralytics.engine.metrics.ap import ap_per_class
from ultralytics.engine.metrics.base import Metric
from ultralytics.engine.results.tables import DataExportMixin
from ultralytics.nn.public import public
from ultralytics.utils.namespace import SimpleClass

__all__ = ["DetMetrics", "OBBMetrics", "PoseMetrics", "SegmentMetrics"]

PUBLIC = "ultralytics.utils.metrics"


class Branch(NamedTuple):
    """One branch of a task.

    Attributes:
        name: attribute that holds its `Metric`.
        table: key of its true-positive table in the statistics.
        letter: mark in the metric keys, such as `(B)`.
        title: start of its summary columns and pictures.
    """

    name: str
    table: str
    letter: str
    title: str


BOXES = Branch("box", "tp", "B", "Box")
MASKS = Branch("seg", "tp_m", "M", "Mask")
POSES = Branch("pose", "tp_p", "P", "Pose")

_SHARED = ("conf", "pred_cls", "target_cls", "target_img")


def _array(x: Any) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)


@public(PUBLIC)
class DetMetrics(SimpleClass, DataExportMixin):
    """Precision, recall and average precision of boxes.

    Args:
        names: class index to class name.

    Attributes:
        box: `Metric` of the boxes.
        speed: milliseconds per image of every stage.
        stats: lists of arrays, one entry per image, until `clear_stats`.
        nt_per_class: labels per class `(nc,)`.
        nt_per_image: images that have the class `(nc,)`.
    """

    branches = (BOXES,)

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self.names = dict(names or {})
        for branch in self.branches:
            setattr(self, branch.name, Metric())
        self.speed = dict.fromkeys(("preprocess", "inference", "loss", "postprocess"), 0.0)
        self.nt_per_class: np.ndarray | None = None
        self.nt_per_image: np.ndarray | None = None
        self.stats: dict[str, list[np.ndarray]] = {}
        self.clear_stats()

    def _metrics(self) -> list[Metric]:
        return [getattr(self, branch.name) for branch in self.branches]

    # Input ------------------------------------------------------------------------------------------------------------
    def update_stats(self, stat: Mapping[str, Any]) -> None:
        """Add one image.

        Args:
            stat: `tp` `(N, 10)` bool, and one such table per further branch (`tp_m`, `tp_p`), `conf` `(N,)`, `pred_cls`
                `(N,)`, `target_cls` `(M,)`, `target_img` (the classes that occur in the image, each once), and
                optionally `im_name`, under which the image's own figures are kept.
        """
        for key, values in self.stats.items():
            values.append(_array(stat[key]))
        if stat.get("im_name") is not None:
            target_cls, pred_cls = _array(stat["target_cls"]), _array(stat["pred_cls"])
            for branch, metric in zip(self.branches, self._metrics(), strict=True):
                metric.update_image_metrics(_array(stat[branch.table]), target_cls, pred_cls, str(stat["im_name"]))

    def clear_stats(self) -> None:
        """Forget the collected tables; figures already worked out stay."""
        tables = [branch.table for branch in self.branches]
        self.stats = {key: [] for key in (tables[0], *_SHARED, *tables[1:])}

    def clear_image_metrics(self) -> None:
        """Forget the figures per image of all branches."""
        for metric in self._metrics():
            metric.clear_image_metrics()

    def process(
        self, save_dir: Path = Path("."), plot: bool = False, on_plot: Callable[..., Any] | None = None
    ) -> dict[str, np.ndarray]:
        """Work out all figures from the collected tables.

        Args:
            save_dir: folder for pictures.
            plot: write the curves of every branch as pictures.
            on_plot: called with the path of every picture.

        Returns:
            The tables of all images joined, empty when no image was added.
        """
        joined = {key: np.concatenate(values) for key, values in self.stats.items() if values}
        classes = len(self.names)
        counts = {
            key: np.bincount(joined.get(key, np.zeros(0)).astype(int), minlength=classes)
            for key in ("target_cls", "target_img")
        }
        self.nt_per_class, self.nt_per_image = counts["target_cls"], counts["target_img"]
        if not joined:
            return {}
        for branch, metric in zip(self.branches, self._metrics(), strict=True):
            figures = ap_per_class(
                joined[branch.table],
                joined["conf"],
                joined["pred_cls"],
                joined["target_cls"],
                plot=plot,
                on_plot=on_plot,
                save_dir=save_dir,
                names=self.names,
                prefix=branch.title,
            )
            metric.nc = classes
            metric.update(figures[2:])
        return joined

    # Output -----------------------------------------------------------------------------------------------------------
    @property
    def keys(self) -> list[str]:
        """Names of the values of `mean_results`."""
        kinds = ("precision", "recall", "mAP50", "mAP50-95")
        return [f"metrics/{kind}({branch.letter})" for branch in self.branches for kind in kinds]

    def mean_results(self) -> list[float]:
        """Return mean precision, mean recall, mAP50 and mAP50-95 of every branch in turn."""
        return [value for metric in self._metrics() for value in metric.mean_results()]

    def class_result(self, i: int) -> tuple[float, ...]:
        """Return precision, recall, AP50 and AP50-95 of row `i` of every branch in turn."""
        return tuple(value for metric in self._metrics() for value in metric.class_result(i))

    @property
    def maps(self) -> np.ndarray:
        """Average precision per class `(nc,)`, summed over branches."""
        return np.sum([metric.maps for metric in self._metrics()], 0)

    @property
    def fitness(self) -> float:
        """What model selection maximises: the sum of mAP50-95 over branches."""
        return sum(metric.fitness() for metric in self._metrics())

    @property
    def ap_class_index(self) -> np.ndarray | list:
        """Class of every row of the per-class figures."""
        return self.box.ap_class_index

    @property
    def results_dict(self) -> dict[str, float]:
        """The mean results by name, and `fitness`."""
        return {**dict(zip(self.keys, self.mean_results(), strict=True)), "fitness": self.fitness}

    @property
    def curves(self) -> list[str]:
        """Names of the curves of `curves_results`."""
        kinds = ("Precision-Recall", "F1-Confidence", "Precision-Confidence", "Recall-Confidence")
        return [f"{kind}({branch.letter})" for branch in self.branches for kind in kinds]

    @property
    def curves_results(self) -> list[list]:
        """Points, values and axis names of every curve."""
        return [curve for metric in self._metrics() for curve in metric.curves_results]

    def summary(self, normalize: bool = True, decimals: int = 5) -> list[dict[str, Any]]:
        """Return one row per class that has labels.

        Args:
            normalize: accepted for a common interface; all values are fractions already.
            decimals: digits after the point.
        """
        rows = []
        for i, label in enumerate(self.ap_class_index):
            row: dict[str, Any] = {
                "Class": self.names.get(int(label), str(label)),
                "Images": int(self.nt_per_image[label]),
                "Instances": int(self.nt_per_class[label]),
            }
            for branch, metric in zip(self.branches, self._metrics(), strict=True):
                values = {"P": metric.p[i], "R": metric.r[i], "F1": metric.f1[i]}
                row.update({f"{branch.title}-{k}": round(float(v), decimals) for k, v in values.items()})
                if branch is BOXES:
                    aps = {"mAP50": metric.ap50[i], "mAP75": metric.all_ap[i, 5], "mAP50-95": metric.ap[i]}
                    row.update({k: round(float(v), decimals) for k, v in aps.items()})
            rows.append(row)
        return rows


@public(PUBLIC)
class SegmentMetrics(DetMetrics):
    """The same for boxes and instance masks; `seg` is the `Metric` of the masks, `tp_m` their table."""

    branches = (BOXES, MASKS)


@public(PUBLIC)
class PoseMetrics(DetMetrics):
    """The same for boxes and keypoints; `pose` is the `Metric` of the keypoints, `tp_p` their table."""

    branches = (BOXES, POSES)


@public(PUBLIC)
class OBBMetrics(DetMetrics):
    """The same for rotated boxes."""
