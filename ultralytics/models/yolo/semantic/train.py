"""Training of class maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.cfg.merge import DEFAULT_CFG
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.maps import add_polygon_background
from ultralytics.engine.plots.bars import plot_class_bars
from ultralytics.engine.plots.mosaics import plot_images
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo.family import FamilyTrainer
from ultralytics.models.yolo.semantic.task import SEMANTIC
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["SemanticSegmentationTrainer"]

MAX_MASKS = 1000  # of which pixels are counted


class SemanticSegmentationTrainer(FamilyTrainer):
    """Trains semantic segmentation models, for instance `overrides={"model": "yolo26n-sem.yaml", ...}`."""

    spec = SEMANTIC

    def __init__(
        self, cfg: Any = DEFAULT_CFG, overrides: Mapping[str, Any] | None = None, _callbacks: dict | None = None
    ) -> None:
        super().__init__(cfg, overrides, _callbacks)
        self._pixels: np.ndarray | None = None

    # Data -------------------------------------------------------------------------------------------------------------

    def get_dataset(self) -> dict[str, Any]:
        """Return the description of the data set; class maps that are drawn from polygons have a background."""
        return add_polygon_background(check_det_dataset(self.args.data))

    def auto_batch(self, max_num_obj: int = 0, dataset_size: int = 0) -> int:
        """Return the largest batch size that fits into memory."""
        dataset = self.build_dataset(self.data["train"], mode="train", batch=16)
        return BaseTrainer.auto_batch(self, max_num_obj=1, dataset_size=len(dataset))

    # Class weights ----------------------------------------------------------------------------------------------------

    def get_class_counts(self, max_masks: int | None = None) -> np.ndarray:
        """Return the number of pixels of every class (nc,) in the training masks, or in 1,000 of them spread evenly.

        Args:
            max_masks: look at no more masks than this instead.
        """
        dataset = self.train_loader.dataset
        if max_masks is not None:
            return dataset.class_pixels(max_masks)
        if self._pixels is None:
            self._pixels = dataset.class_pixels(MAX_MASKS)
        return self._pixels

    def compute_class_weights(self, class_counts: np.ndarray) -> torch.Tensor:
        """Return weights (nc,) that fall with a class's share of the pixels, `(1 / ln(1.02 + share)) ** cls_pw`.

        The form is that of ENet (Paszke et al. 2016, arXiv:1606.02147).
        """
        counts = np.asarray(class_counts, dtype=np.float64)
        share = counts / max(counts.sum(), 1.0)
        return torch.as_tensor((1 / np.log(1.02 + share)) ** float(self.args.cls_pw), dtype=torch.float32)

    def set_class_weights(self) -> None:
        """Give the network class weights when `cls_pw` asks for them and there are several classes."""
        if self.args.cls_pw > 0 and self.data["nc"] == 1:
            LOGGER.warning(f"cls_pw={self.args.cls_pw} has no effect: the data set has a single class.")
            return
        super().set_class_weights()

    # Pictures ---------------------------------------------------------------------------------------------------------

    def plot_training_samples(self, batch: Mapping[str, Any], ni: int) -> None:
        """Draw a training batch into train_batch{ni}.jpg."""
        fname = Path(self.save_dir) / f"train_batch{ni}.jpg"
        plot_images(batch, paths=batch["im_file"], fname=fname, names=self.data["names"], on_plot=self.on_plot)

    def plot_training_labels(self) -> None:
        """Draw how many pixels every class has into labels.jpg."""
        counts, path = self.get_class_counts(), Path(self.save_dir) / "labels.jpg"
        LOGGER.info(f"Plotting labels to {path}... ")
        plot_class_bars(counts, self.data["names"], path, "Pixels of classes", unit="pixels", on_plot=self.on_plot)


__getattr__, __dir__ = offer(__name__)
