"""Confusion matrix: what every label was taken for.

Rows are predictions, columns are labels; for tasks that find objects the last of both is the background. Every
detection above the confidence is counted once: in the column of the label it took, whatever its class, or in the
background column. That also holds for images without labels and for images in which nothing matched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.engine.metrics.match import choose_labels
from ultralytics.engine.plots.curves import plot_matrix
from ultralytics.engine.plots.matches import plot_match_views
from ultralytics.engine.results.tables import DataExportMixin
from ultralytics.nn.public import public
from ultralytics.ops.iou import box_iou
from ultralytics.ops.rotated import batch_probiou
from ultralytics.utils.log import LOGGER

__all__ = ["ConfusionMatrix"]

COUNTED_ABOVE = 0.25
RUN_CONF = {False: 0.001, True: 0.01}  # what validation runs of upright and of rotated boxes take part with
WITHOUT_BACKGROUND = frozenset({"classify", "semantic"})  # tasks in which everything has one of the classes
MATCHES = ("TP", "FP", "FN", "GT")
MATCH_FIELDS = ("bboxes", "cls", "conf", "masks", "keypoints")


@public("ultralytics.utils.metrics")
class ConfusionMatrix(DataExportMixin):
    """Counts of predictions against labels.

    Args:
        names: class index to class name.
        task: `classify` and `semantic` have no background; `obb` compares rotated boxes.
        save_matches: keep the boxes of every image until the next one, for `plot_matches`.

    Attributes:
        matrix: `(nc + 1, nc + 1)` counts, `(nc, nc)` without background.
        matches: boxes of the last image by kind, `TP`, `FP`, `FN` and `GT`, or None.
    """

    def __init__(
        self, names: Mapping[int, str] | None = None, task: str = "detect", save_matches: bool = False
    ) -> None:
        self.task = task
        self.names = dict(names or {})
        self.nc = len(self.names)
        side = self.nc if task in WITHOUT_BACKGROUND else self.nc + 1
        self.matrix = np.zeros((side, side))
        self.matches: dict[str, dict[str, list]] | None = {} if save_matches else None

    # Input ------------------------------------------------------------------------------------------------------------
    def process_cls_preds(self, preds: Sequence[torch.Tensor], targets: Sequence[torch.Tensor]) -> None:
        """Count classified images: guesses `(B, k)`, best first, and classes `(B,)`, per batch."""
        if not len(preds):
            return
        first = torch.cat([p[:, 0] for p in preds]).cpu().numpy().astype(int)
        true = torch.cat(list(targets)).cpu().numpy().astype(int)
        np.add.at(self.matrix, (first, true), 1)

    def process_batch(
        self,
        detections: Mapping[str, torch.Tensor],
        batch: Mapping[str, Any],
        conf: float = 0.25,
        iou_thres: float = 0.45,
    ) -> None:
        """Count one image.

        Args:
            detections: `bboxes` `(N, 4)` corners (`(N, 5)` rotated boxes for `obb`), `conf` `(N,)`, `cls` `(N,)`.
            batch: `bboxes` `(M, 4 or 5)` and `cls` `(M,)` of the labels.
            conf: only detections above this count. None and the thresholds of a validation run, 0.001 and for rotated
                boxes 0.01, stand for 0.25.
            iou_thres: a detection may take a label when their overlap is above this.
        """
        conf = COUNTED_ABOVE if conf in (None, RUN_CONF[detections["bboxes"].shape[1] == 5]) else conf
        loud = torch.nonzero(detections["conf"] > conf)[:, 0]
        loud = loud[detections["conf"][loud].argsort(descending=True, stable=True)]
        boxes, predicted = detections["bboxes"][loud], detections["cls"][loud].view(-1)
        true_boxes, true = batch["bboxes"], batch["cls"].view(-1)

        taken = np.full(len(loud), -1)
        if len(loud) and len(true):
            overlap = (batch_probiou if boxes.shape[1] == 5 else box_iou)(boxes, true_boxes).cpu().numpy()
            taken = choose_labels(np.where(overlap > iou_thres, overlap, 0)[None])[0]
        rows, columns = predicted.cpu().numpy().astype(int), true.cpu().numpy().astype(int)
        found = taken >= 0
        missed = np.setdiff1d(np.arange(len(columns)), taken)
        np.add.at(self.matrix, (rows, np.where(found, columns[taken], self.nc) if len(columns) else self.nc), 1)
        np.add.at(self.matrix, (self.nc, columns[missed]), 1)
        if self.matches is not None:
            right = found.copy()
            right[found] = rows[found] == columns[taken[found]]
            lost = np.sort(np.concatenate([missed, taken[found & ~right]]))
            self.matches = {kind: {} for kind in MATCHES}
            for detection, is_right in zip(loud.tolist(), right.tolist(), strict=True):
                self._append_matches("TP" if is_right else "FP", detections, detection)
            for kind, rows in (("FN", lost.tolist()), ("GT", range(len(true)))):
                for row in rows:
                    self._append_matches(kind, batch, row)

    def _append_matches(self, mtype: str, batch: Mapping[str, Any], idx: int) -> None:
        """Keep one box of the present image; masks and keypoints come along where there are any.

        Args:
            mtype: `TP`, `FP`, `FN` or `GT`.
            batch: detections for the first two, labels for the others.
            idx: row in them.
        """
        for key in MATCH_FIELDS:
            if batch.get(key) is not None:
                self.matches[mtype].setdefault(key, []).append(batch[key][idx])

    # Output -----------------------------------------------------------------------------------------------------------
    def tp_fp(self) -> tuple[np.ndarray, np.ndarray]:
        """Return right and wrong predictions per class `(nc,)`."""
        right = self.matrix.diagonal()
        wrong = self.matrix.sum(1) - right
        return right[: self.nc].copy(), wrong[: self.nc]

    def labels(self) -> list[str]:
        """Return the names of rows and columns."""
        names = [self.names.get(i, str(i)) for i in range(self.nc)]
        return names if self.task in WITHOUT_BACKGROUND else [*names, "background"]

    def normalized(self) -> np.ndarray:
        """Return the matrix with every column divided by its sum."""
        return self.matrix / (self.matrix.sum(0, keepdims=True) + 1e-9)

    def plot(
        self, normalize: bool = True, save_dir: str | Path = "", on_plot: Callable[..., Any] | None = None
    ) -> None:
        """Write `confusion_matrix.png` or `confusion_matrix_normalized.png`.

        Args:
            normalize: show shares of the labels instead of counts.
            save_dir: folder of the picture.
            on_plot: called with the path of the picture.
        """
        name = "confusion_matrix_normalized.png" if normalize else "confusion_matrix.png"
        title = "Confusion Matrix Normalized" if normalize else "Confusion Matrix"
        values = self.normalized() if normalize else self.matrix
        plot_matrix(values, self.labels(), Path(save_dir) / name, title, normalize, on_plot)

    def plot_matches(
        self,
        img: torch.Tensor,
        im_file: str,
        save_dir: Path,
        show_labels: bool = True,
        show_conf: bool = True,
    ) -> None:
        """Write four views of the last image into `save_dir/visualizations`: labels, right, wrong and missed boxes.

        Args:
            img: `(3, H, W)` image in 0..1, RGB.
            im_file: its path; the picture takes its name.
            save_dir: folder of the run.
            show_labels: write class names.
            show_conf: write scores.
        """
        if not self.matches:
            return
        plot_match_views(img, self.matches, self.names, Path(im_file).name, Path(save_dir), show_labels, show_conf)

    def print(self) -> None:
        """Log the matrix row by row."""
        for row in self.matrix:
            LOGGER.info(" ".join(map(str, row)))

    def summary(self, normalize: bool = False, decimals: int = 5) -> list[dict[str, Any]]:
        """Return one row per predicted class: its name under `Predicted`, then one value per label class.

        Args:
            normalize: give shares of the labels instead of counts.
            decimals: digits after the point.
        """
        names = self._unique_labels()
        values = (self.normalized() if normalize else self.matrix).round(decimals)
        return [
            {"Predicted": name, **{column: float(v) for column, v in zip(names, row, strict=True)}}
            for name, row in zip(names, values, strict=True)
        ]

    def _unique_labels(self) -> list[str]:
        """Return the labels with repeated names numbered, so that no column is lost."""
        names, seen = [], set()
        for name in self.labels():
            unique, number = name, 1
            while unique.casefold() in seen or unique == "Predicted":
                number += 1
                unique = f"{name}_{number}"
            seen.add(unique.casefold())
            names.append(unique)
        return names
