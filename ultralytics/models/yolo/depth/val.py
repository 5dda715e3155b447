"""Validation of depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ultralytics.engine.metrics.depth import DepthMetrics
from ultralytics.engine.plots.panels import plot_depth_panels
from ultralytics.engine.task import Frame
from ultralytics.models.yolo.depth.calibrate import (
    fit_calibration_selective,
    plot_calibrated,
    record_of,
    set_calibration,
)
from ultralytics.models.yolo.depth.stages import resized_depth
from ultralytics.models.yolo.depth.task import DEPTH
from ultralytics.models.yolo.detect.val import DetectionValidator, common_folder
from ultralytics.utils.dist import all_gather_object
from ultralytics.utils.env import rank
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["DepthValidator"]

MAX_DEPTH = 100.0  # metres, where the data set does not say
TABLE = ("delta1", "abs_rel", "rmse", "silog")
SHOWN = 4  # pictures of a batch that are drawn


class DepthValidator(DetectionValidator):
    """Validator of depth models: pictures and truth are stretched to squares; between its steps is (B, 1, h, w)."""

    spec = DEPTH
    _shapes: Mapping[str, Sequence[int]] = {}  # height and width of every picture, where maps are written

    # Metrics ----------------------------------------------------------------------------------------------------------

    @property
    def max_depth(self) -> float:
        """Metres from which on truth counts as unknown."""
        return float((self.data or {}).get("max_depth") or MAX_DEPTH)

    def init_metrics(self, model: Any) -> None:
        """Reset what is counted."""
        self.names, self.nc = model.names, len(model.names)
        self.metrics = DepthMetrics(max_depth=self.max_depth)
        self._prefix = common_folder(list(getattr(self.dataloader.dataset, "im_files", ())))
        labels = getattr(self.dataloader.dataset, "labels", ()) if self.args.save_txt else ()
        self._shapes = {label["im_file"]: label["shape"] for label in labels}

    def preprocess(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the batch on the device, pictures as 0..1, metres as (B, 1, H, W) float32."""
        moved = super().preprocess(batch)
        depth = moved["depth"].float()
        return {**moved, "depth": depth[:, None] if depth.ndim == 3 else depth}

    def postprocess(self, preds: Any) -> torch.Tensor:
        """Return metres (B, 1, h, w)."""
        return self.spec.select(preds, self.select_options())

    def update_metrics(self, preds: torch.Tensor, batch: dict[str, Any]) -> None:
        """Measure one batch of metres (B, 1, h, w)."""
        self.seen += len(preds)
        targets = batch["depth"]
        self.metrics.update_stats(resized_depth(preds, targets.shape[-2:]), targets)
        if self.args.save_txt:
            for i, metres in enumerate(preds):
                self._write_map(metres, batch, i)

    def gather_stats(self) -> None:
        """Bring what the ranks measured to the main one."""
        parts = all_gather_object((self.metrics.rows, self.seen))
        if rank() in {-1, 0}:
            self.metrics.clear_stats()
            for rows, _ in parts:
                self.metrics.merge(rows)
            self.seen = sum(seen for _, seen in parts)

    def get_stats(self) -> dict[str, float]:
        """Return the figures and the fitness."""
        self.metrics.process()
        return self.metrics.results_dict

    def finalize_metrics(self) -> None:
        """Complete the metrics object."""
        self.metrics.speed = self.speed
        self.metrics.save_dir = self.save_dir

    # Text -------------------------------------------------------------------------------------------------------------

    def get_desc(self) -> str:
        """Return the head of the table."""
        return ("%22s" + "%11s" * (1 + len(TABLE))) % ("Class", "Images", *TABLE)

    def print_results(self) -> None:
        """Log the table."""
        figures = [getattr(self.metrics, name) for name in TABLE]
        LOGGER.info(("%22s%11i" + "%11.3g" * len(TABLE)) % ("depth_val", self.seen, *figures))
        if not self.metrics.rows:
            LOGGER.warning(
                f"no image of the '{self.args.split}' set has 10 pixels with a distance between 0.001 and "
                f"{self.max_depth:g} m: there is nothing to measure predictions by."
            )

    # Pictures and files -----------------------------------------------------------------------------------------------

    def plot_val_samples(self, batch: dict[str, Any], ni: int) -> None:
        """Write `val_batch<ni>_labels.jpg`: pictures beside their truth."""
        self._draw(batch, (), f"val_batch{ni}_labels.jpg")

    def plot_predictions(self, batch: dict[str, Any], preds: torch.Tensor, ni: int) -> None:
        """Write `val_batch<ni>_pred.jpg`: pictures beside truth and predictions (B, 1, h, w)."""
        self._draw(batch, [preds], f"val_batch{ni}_pred.jpg")

    def _draw(self, batch: Mapping[str, Any], preds: Any, name: str) -> None:
        file = self.save_dir / name
        plot_depth_panels(batch["img"][:SHOWN], preds, file, batch["depth"][:SHOWN], max_images=SHOWN)
        self.on_plot(file)

    def _write_map(self, metres: torch.Tensor, batch: Mapping[str, Any], i: int) -> None:
        """Write one picture's depth at its own size into `labels/`."""
        file, input_hw = batch["im_file"][i], tuple(batch["img"].shape[2:])
        size_hw = self._shapes.get(file, input_hw)
        blank = np.broadcast_to(np.uint8(0), (*(int(side) for side in size_hw), 3))  # of that size, without memory
        frame = Frame(blank, file, input_hw, self.names)
        result = self.spec.finish(metres, frame)
        result.save_txt(self.save_dir / "labels" / f"{self._flat_name(file)}.txt")

    # Calibration ------------------------------------------------------------------------------------------------------

    def calibrate(self, model: torch.nn.Module) -> dict[str, Any] | None:
        """Choose the scale of a network by the data set's split, and set it.

        Args:
            model: network with a depth head, changed in place.

        Returns:
            The record that files have as `depth_calibration`; None, with a warning, where there is too little to choose
            by.
        """
        self._open(model)
        found = fit_calibration_selective(model, self.dataloader, self.device, max_depth=self.max_depth)
        if found is None:
            return None
        numbers = found["a"], found["b"]
        if self.args.plots:
            set_calibration(model, (1.0, 0.0))
            for file in plot_calibrated(model, self.dataloader, self.device, numbers, found["name"], self.save_dir):
                self.on_plot(file)
        set_calibration(model, numbers)
        LOGGER.info(
            f"depth calibration '{found['name']}': factor {np.exp(found['b']):.4g}, by {found['images']} images"
        )
        return record_of(found, dataset_hash(self.dataloader.dataset), self.args.split)


def dataset_hash(dataset: Any) -> str | None:
    """Return what stands for the files of a data set, None where it says nothing."""
    told = getattr(dataset, "get_cache_hash", None)
    return str(told()) if callable(told) else None


__getattr__, __dir__ = offer(__name__)
