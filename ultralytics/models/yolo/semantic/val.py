"""Validation of class maps.

Truth and prediction meet in the pixels of the letterboxed network input; only what is written to files goes back to the
original pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.maps import ClassIds, add_polygon_background
from ultralytics.engine.metrics.confusion import ConfusionMatrix
from ultralytics.engine.metrics.semantic import SemanticMetrics
from ultralytics.engine.plots.files import write_image
from ultralytics.engine.plots.mosaics import plot_images
from ultralytics.engine.task import SelectOptions
from ultralytics.models.yolo.detect.val import DetectionValidator, common_folder
from ultralytics.models.yolo.semantic.stages import check_output, pixel_values
from ultralytics.models.yolo.semantic.task import SEMANTIC
from ultralytics.ops.masks import scale_masks
from ultralytics.utils.dist import all_gather_object
from ultralytics.utils.env import rank
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import label_text

__all__ = ["SemanticSegmentationValidator"]

FOLDER = "results"  # of predicted masks, in that of the run


class SemanticSegmentationValidator(DetectionValidator):
    """Validator of semantic segmentation models.

    Between its steps predictions are the classes of all pixels of a batch, (B, H, W), as its `semantic_mask` has them.
    """

    spec = SEMANTIC
    metrics: SemanticMetrics

    def __init__(
        self,
        dataloader: Any = None,
        save_dir: str | Path | None = None,
        args: Any = None,
        _callbacks: dict[str, list] | None = None,
    ) -> None:
        super().__init__(dataloader, save_dir, args, _callbacks)
        self._target_hw: Sequence[int] | None = None
        self._ids: ClassIds | None = None
        if self.args.save_txt:
            LOGGER.warning("save_txt writes rows of objects, of which class maps have none; use save_json for masks.")
            self.args.save_txt = False

    # Data -------------------------------------------------------------------------------------------------------------

    def get_data(self) -> dict[str, Any]:
        """Return the description of the data set; class maps that are drawn from polygons have a background."""
        return add_polygon_background(check_det_dataset(self.args.data))

    def preprocess(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the batch on the device, pictures as 0..1."""
        moved = super().preprocess(batch)
        self._target_hw = tuple(moved["semantic_mask"].shape[-2:])
        return moved

    def select_options(self) -> SelectOptions:
        """Return the size that class maps are to have."""
        return SelectOptions(size_hw=self._target_hw)

    def postprocess(self, preds: Any) -> torch.Tensor:
        """Return the class of every pixel (B, H, W), at the size of the truth."""
        if self.exported:
            check_output(pixel_values(preds), self.names, self.args.model)
        return self.spec.select(preds, self.select_options())

    # Metrics ----------------------------------------------------------------------------------------------------------

    def init_metrics(self, model: Any) -> None:
        """Reset what is counted and learn class names."""
        self.names = model.names
        self.nc = len(self.names)
        self.metrics = type(self.metrics)(self.names)
        shown = {0: "background", 1: self.names[0]} if self.nc == 1 else self.names
        self.confusion_matrix = ConfusionMatrix(names=shown, task=self.spec.name)
        files = list(getattr(self.dataloader.dataset, "im_files", ()))
        self._prefix = common_folder(files)
        known = int((self.data or {}).get("nc", self.nc))
        if known > self.nc:
            LOGGER.warning(
                f"data '{self.args.data}' has {known} classes, the model {self.nc}; pixels of the others are left out."
            )

    def update_metrics(self, preds: torch.Tensor, batch: Mapping[str, Any]) -> None:
        """Count one batch of class maps (B, H, W)."""
        self.seen += len(preds)
        self.metrics.update_stats(preds, batch["semantic_mask"])
        if self.args.save_json and not self.training:
            self.save_pred_masks(preds, batch)

    def gather_stats(self) -> None:
        """Bring what the ranks counted to the main one."""
        metrics = self.metrics
        counts = [None if x is None else x.cpu() for x in (metrics.matrix, metrics.image_counts)]
        parts = all_gather_object((*counts, self.seen))
        if rank() not in {-1, 0}:
            metrics.clear_stats()
            return
        parts = [part for part in parts if part[0] is not None]  # a rank may have had no pictures
        if parts:
            metrics.matrix, metrics.image_counts, self.seen = (sum(column) for column in zip(*parts, strict=True))

    def get_stats(self) -> dict[str, float]:
        """Return mean IoU, pixel accuracy and the fitness."""
        self.metrics.process(save_dir=self.save_dir, plot=self.plotting, on_plot=self.on_plot)
        if self.metrics.matrix is not None:
            self.confusion_matrix.matrix = self.metrics.matrix.cpu().numpy().T.astype(float)
        self.metrics.clear_stats()
        return self.metrics.results_dict

    # Text -------------------------------------------------------------------------------------------------------------

    def get_desc(self) -> str:
        """Return the head of the table."""
        return ("%22s" + "%11s" * 4) % ("Class", "Images", "Pixels", "mIoU", "PixAcc")

    def print_results(self) -> None:
        """Log the table: all classes, and every class where there are several."""
        metrics, row = self.metrics, "%22s" + "%11i" * 2 + "%11.3g" * 2
        total = int(metrics.nt_per_class.sum())
        LOGGER.info(row % ("all", self.seen, total, *metrics.mean_results()))
        if not total:
            LOGGER.warning(
                f"no pixels of a class found in the '{self.args.split}' set: there is nothing to measure class maps by."
            )
        if self.args.verbose and not self.training and self.nc > 1:
            for i, c in enumerate(metrics.ap_class_index):
                counts = metrics.nt_per_image[c], metrics.nt_per_class[c]
                LOGGER.info(row % (label_text(self.names[c]), *counts, *metrics.class_result(i)))

    # Pictures ---------------------------------------------------------------------------------------------------------

    def plot_predictions(self, batch: dict[str, Any], preds: torch.Tensor, ni: int) -> None:
        """Write `val_batch<ni>_pred.jpg` with the predicted classes."""
        fname = self.save_dir / f"val_batch{ni}_pred.jpg"
        plot_images(
            {"semantic_mask": preds}, batch["img"], batch["im_file"], fname, names=self.names, on_plot=self.on_plot
        )

    # Files ------------------------------------------------------------------------------------------------------------

    def save_pred_masks(self, preds: torch.Tensor, batch: Mapping[str, Any]) -> None:
        """Write the class maps of a batch as masks of the data set's kind, `results/<path of the picture>.png`.

        They are grey, have the size of the original picture and the numbers that the data set's own masks have.
        """
        if self._ids is None:
            self._ids = ClassIds.from_data({**self.data, "nc": self.nc})
        for i, file in enumerate(batch["im_file"]):
            path = self.save_dir / FOLDER / Path(self._inner_path(file)).with_suffix(".png")
            write_image(path, self._ids.to_numbers(self.scale_map(preds[i], batch, i)))

    def scale_map(self, classes: torch.Tensor, batch: Mapping[str, Any], si: int) -> np.ndarray:
        """Return a class map (H, W) of the input in the pixels of picture `si` of the batch."""
        pad = batch["ratio_pad"][si] if "ratio_pad" in batch else None
        large = scale_masks(classes[None, None].float(), batch["ori_shape"][si], ratio_pad=pad, mode="nearest")
        return large[0, 0].to(torch.int32).cpu().numpy()


__getattr__, __dir__ = offer(__name__)
