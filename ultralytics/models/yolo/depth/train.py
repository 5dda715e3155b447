"""Training of depth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.data.build import build_dataloader
from ultralytics.engine.plots.histogram import plot_depth_histogram
from ultralytics.engine.plots.panels import plot_depth_panels
from ultralytics.engine.train import setup
from ultralytics.engine.train.process import loader_workers
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo.depth.calibrate import calibrate_checkpoint
from ultralytics.models.yolo.depth.task import DEPTH
from ultralytics.models.yolo.depth.val import MAX_DEPTH, dataset_hash
from ultralytics.models.yolo.family import FamilyTrainer
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["DepthTrainer"]


class DepthTrainer(FamilyTrainer):
    """Trains depth models: `DepthTrainer(overrides={"model": "yolo26n-depth.yaml", "data": ...}).train()`."""

    spec = DEPTH

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Move a batch to the device; pictures become 0..1, metres float32. `multi_scale` resizes pictures alone."""
        moved = super().preprocess_batch(batch)
        return {**moved, "depth": moved["depth"].float()}

    def get_class_counts(self) -> np.ndarray:
        """Return zeros (nc,): a distance has no class."""
        return np.zeros(self.data["nc"], np.int64)

    def set_class_weights(self) -> None:
        """Say that there are no classes to weigh, where `cls_pw` asks for it."""
        if self.args.cls_pw > 0:
            LOGGER.warning(f"cls_pw={self.args.cls_pw} has no effect: a distance has no class.")

    def auto_batch(self, max_num_obj: int = 0, dataset_size: int = 0) -> int:
        """Return the largest batch size that fits into memory."""
        dataset = self.build_dataset(self.data["train"], mode="train", batch=16)
        return BaseTrainer.auto_batch(self, max_num_obj=1, dataset_size=len(dataset))

    # Pictures ---------------------------------------------------------------------------------------------------------

    def plot_training_samples(self, batch: Mapping[str, Any], ni: int) -> None:
        """Draw a training batch beside its truth into train_batch{ni}.jpg."""
        file = Path(self.save_dir) / f"train_batch{ni}.jpg"
        plot_depth_panels(batch["img"], (), file, batch["depth"])
        self.on_plot(file)

    def plot_training_labels(self) -> None:
        """Draw how often distances occur into labels.jpg."""
        file, dataset = Path(self.save_dir) / "labels.jpg", self.train_loader.dataset
        if not hasattr(dataset, "known_depths"):  # one of somebody's own
            return
        LOGGER.info(f"Plotting labels to {file}... ")
        plot_depth_histogram(dataset.known_depths(), file, on_plot=self.on_plot)

    # Calibration ------------------------------------------------------------------------------------------------------

    def final_eval(self) -> None:
        """Make the final files, and choose their scale by the pictures to validate on."""
        super().final_eval()
        if self.is_main and setup.held_out(self) is not None:
            self.calibrate_files()

    def calibrate_files(self) -> None:
        """Calibrate best.pt and last.pt; what goes wrong is told, and leaves a file as it was."""
        split = "val" if self.data.get("val") else "test"
        loader = None
        try:
            loader = self._calibration_loader(split)
            for file in (self.best, self.last):
                if file.exists():
                    self._calibrate(file, loader, split)
        except Exception as error:  # the training has succeeded, whatever this needs and lacks
            LOGGER.warning(f"depth calibration failed and was left out: {type(error).__name__}: {error}")
        finally:
            if hasattr(loader, "close"):
                loader.close()

    def _calibrate(self, file: Path, loader: Any, split: str) -> None:
        shown = self.best if self.best.exists() else self.last  # pictures of one file are enough
        plot_dir = self.save_dir if self.args.plots and file == shown else None
        calibrate_checkpoint(
            file,
            loader,
            self.device,
            plot_dir,
            dataset_hash=dataset_hash(loader.dataset),
            validation_split=split,
            max_depth=float(self.data.get("max_depth") or MAX_DEPTH),
            trust=bool(self.args.get("trust")),
        )
        for picture in Path(plot_dir).glob("val_batch*_calibrated.jpg") if plot_dir else ():
            self.on_plot(picture)

    def _calibration_loader(self, split: str) -> Any:
        """Return a loader of all pictures of a split; that of the training has this process's part only."""
        size = self.batch_size // self.world_size
        dataset = self.build_dataset(self.data[split], "val", size)
        return build_dataloader(
            dataset, size, loader_workers(self.args.workers, self.device), False, -1, device=self.device
        )


__getattr__, __dir__ = offer(__name__)
