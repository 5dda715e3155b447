"""`DetectionTrainer`: what training a detector adds to the base trainer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.data.build import build_dataloader, build_yolo_dataset
from ultralytics.data.images.shares import as_shares
from ultralytics.engine.plots.labels import plot_labels
from ultralytics.engine.plots.mosaics import plot_images
from ultralytics.engine.task import resolve
from ultralytics.engine.train.modules import unwrap_model
from ultralytics.engine.train.process import loader_workers
from ultralytics.engine.train.schedule import multi_scale_size
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo.detect.boxes import box_table
from ultralytics.models.yolo.detect.task import DETECT
from ultralytics.utils import env
from ultralytics.utils.dist import torch_distributed_zero_first
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["DetectionTrainer"]

MOSAIC_TILES = 4  # images that a mosaic shows, each with its boxes


class DetectionTrainer(BaseTrainer):
    """Trains detectors: `DetectionTrainer(overrides={"model": "yolov8n.yaml", "data": "coco8.yaml"}).train()`."""

    spec = DETECT

    def build_dataset(self, img_path: Any, mode: str = "train", batch: int | None = None) -> Any:
        """Return the data set of one split.

        Args:
            img_path: images of the split.
            mode: `train` augments, `val` shows images in rectangular batches.
            batch: images per batch.
        """
        stride = max(int(unwrap_model(self.model).stride.max()), 32)
        return build_yolo_dataset(self.args, img_path, batch, self.data, mode=mode, rect=mode == "val", stride=stride)

    def get_dataloader(self, dataset_path: Any, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Return the loader of one split, after the first process of the machine has built the label cache."""
        if mode not in {"train", "val"}:
            raise ValueError(f"mode='{mode}' is not a split mode; use 'train' or 'val'.")
        with torch_distributed_zero_first(env.local_rank()):
            dataset = self.build_dataset(dataset_path, mode, batch_size)
        shuffle = mode == "train" and not getattr(dataset, "rect", False)
        if mode == "train" and not shuffle:
            LOGGER.warning("'rect=True' keeps images of equal shape together, so the training data is not shuffled.")
        return build_dataloader(
            dataset,
            batch_size,
            loader_workers(self.args.workers * (1 if mode == "train" else 2), self.device),
            shuffle,
            rank,
            device=self.device,
            seed=self.args.seed,
            smallest=self.smallest_batch(len(dataset), batch_size) if mode == "train" else 1,
        )

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Move a batch to the device, scale images to 0..1 and, with `multi_scale`, resize them."""
        moved = {
            name: value.to(self.device, non_blocking=self.device.type == "cuda")
            if isinstance(value, torch.Tensor)
            else value
            for name, value in batch.items()
        }
        layout = torch.channels_last if self.precision.channels_last else torch.contiguous_format
        images = as_shares(moved["img"], "a training batch", memory_format=layout)
        moved["img"] = self._rescaled(images) if self.args.multi_scale > 0 else images
        return moved

    def _rescaled(self, images: torch.Tensor) -> torch.Tensor:
        """Resize a batch to this iteration's size; the longer side gets it, both become multiples of the stride."""
        size = multi_scale_size(self.args.imgsz, self.args.multi_scale, self.stride, self.args.seed, self.iteration)
        height, width = images.shape[2:]
        factor = size / max(height, width)
        if factor == 1:
            return images
        target = [-(-round(side * factor) // self.stride) * self.stride for side in (height, width)]
        return F.interpolate(images, size=target, mode="bilinear", align_corners=False)

    def set_model_attributes(self) -> None:
        """Give the network class count, names and arguments."""
        self.model.nc = self.data["nc"]
        self.model.names = self.data["names"]
        self.model.args = self.args

    def set_model_names_for_load(self, model: nn.Module) -> nn.Module:
        """Give a network its class names before weights are loaded, so that classes can be matched by name."""
        model.names = self.data["names"]
        return model

    def get_class_counts(self) -> np.ndarray:
        """Return the number of training boxes of every class, (nc,)."""
        return np.bincount(box_table(self.train_loader.dataset).cls, minlength=self.data["nc"])

    def compute_class_weights(self, class_counts: np.ndarray) -> torch.Tensor:
        """Return weights (nc,) that fall with a class's frequency, `count ** -cls_pw`, and have mean 1."""
        counts = np.asarray(class_counts, dtype=np.float64)
        present = counts > 0
        weights = np.ones_like(counts)
        weights[present] = counts[present] ** -float(self.args.cls_pw)
        if present.any():
            weights[~present] = weights[present].mean()
        return torch.as_tensor(weights / weights.mean(), dtype=torch.float32)

    def set_class_weights(self) -> None:
        """Give the network class weights when `cls_pw` asks for them."""
        if self.args.cls_pw > 0:
            weights = self.compute_class_weights(self.get_class_counts())
            unwrap_model(self.model).class_weights = weights.to(self.device)

    def network_options(self) -> dict[str, Any]:
        """Return what the data set decides about the network beside classes and channels."""
        return {}

    def get_model(self, cfg: Any = None, weights: nn.Module | None = None, verbose: bool = True) -> nn.Module:
        """Return a network of the task for the data set, with start weights where given."""
        options = {"nc": self.data["nc"], "ch": self.data.get("channels", 3), **self.network_options()}
        model = resolve(self.spec.model)(cfg, **options, verbose=verbose)
        if self.args.cls_remap:
            model = self.set_model_names_for_load(model)
        if weights is not None:
            model.load(weights, verbose=verbose)
        return model

    def get_validator(self) -> Any:
        """Return the validator of the run."""
        kind = resolve(self.spec.validator)
        return kind(self.test_loader, save_dir=self.save_dir, args=copy.copy(self.args), _callbacks=self.callbacks)

    def auto_batch(self, max_num_obj: int = 0, dataset_size: int = 0) -> int:
        """Return the largest batch size that fits, measured with as many boxes as the fullest image has."""
        dataset = self.build_dataset(self.data["train"], mode="train", batch=16)
        most = MOSAIC_TILES * max(1, box_table(dataset).most)
        return super().auto_batch(max_num_obj=most, dataset_size=len(dataset))

    def plot_training_samples(self, batch: Mapping[str, Any], ni: int) -> None:
        """Draw a training batch into train_batch{ni}.jpg."""
        plot_images(
            labels=batch,
            paths=batch["im_file"],
            fname=Path(self.save_dir) / f"train_batch{ni}.jpg",
            on_plot=self.on_plot,
        )

    def plot_training_labels(self) -> None:
        """Draw class counts and box statistics into labels.jpg."""
        table = box_table(self.train_loader.dataset)
        plot_labels(
            table.boxes,
            table.cls,
            names=self.data["names"],
            save_dir=self.save_dir,
            on_plot=self.on_plot,
        )


__getattr__, __dir__ = offer(__name__)
