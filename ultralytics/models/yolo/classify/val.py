"""Validation of classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ultralytics.data.build import build_dataloader
from ultralytics.data.classify import ClassificationDataset
from ultralytics.data.describe.class_folders import examples
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.data.shards.classes import class_kind
from ultralytics.engine.metrics.classify import ClassifyMetrics
from ultralytics.engine.metrics.confusion import ConfusionMatrix
from ultralytics.engine.plots.mosaics import plot_images
from ultralytics.engine.task import check_classes
from ultralytics.engine.validator import BaseValidator
from ultralytics.models.yolo.classify.stages import best_guesses
from ultralytics.models.yolo.classify.task import CLASSIFY
from ultralytics.utils.dist import all_gather_object
from ultralytics.utils.env import rank
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["ClassificationValidator"]


class ClassificationValidator(BaseValidator):
    """Validator of classification models.

    Attributes:
        pred: best five guesses (B, 5) per batch.
        targets: classes (B,) per batch.
    """

    spec = CLASSIFY

    def __init__(
        self,
        dataloader: Any = None,
        save_dir: str | Path | None = None,
        args: Any = None,
        _callbacks: dict[str, list] | None = None,
    ) -> None:
        given = {} if args is None else dict(args)
        if given.get("imgsz") is None:
            given["imgsz"] = CLASSIFY.info.imgsz
        super().__init__(dataloader, save_dir, {**given, "task": CLASSIFY.name}, _callbacks)
        self.metrics = ClassifyMetrics()
        self.channels = 3
        self.pred: list[torch.Tensor] = []
        self.targets: list[torch.Tensor] = []

    # Data -------------------------------------------------------------------------------------------------------------

    def get_model(self, model: Any, trainer: Any = None) -> Any:
        """Return what is validated, and remember its class names."""
        network = super().get_model(model, trainer)
        self.names, self.channels = network.names, getattr(network, "channels", 3)
        return network

    def get_data(self) -> dict[str, Any]:
        """Return the description of the data set; `names` are the model's where the data set speaks of the same."""
        data = check_cls_dataset(self.args.data, split=self.args.split)
        return {**data, "names": shared_names(self.names, data["names"], str(self.args.data))}

    def build_dataset(self, img_path: Any) -> ClassificationDataset:
        """Return the data set of a split."""
        names = self.data["names"]
        kind = class_kind(self.data, ClassificationDataset)
        return kind(img_path, self.args, False, self.args.split, names, self.channels)

    def get_dataloader(self, dataset_path: Any, batch_size: int) -> Any:
        """Return a loader of a split, in fixed order."""
        return build_dataloader(
            self.build_dataset(dataset_path),
            batch_size,
            self.args.workers,
            shuffle=False,
            rank=-1,
            device=self.device,
        )

    def preprocess(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the batch on the device, pictures as numbers from 0 to 1."""
        return {**batch, "img": as_input(batch["img"], self.device, self._dtype), "cls": batch["cls"].to(self.device)}

    # Metrics ----------------------------------------------------------------------------------------------------------

    def init_metrics(self, model: Any) -> None:
        """Reset what is counted."""
        self.names = model.names
        self.nc = len(self.names)
        self.pred, self.targets = [], []
        self.confusion_matrix = ConfusionMatrix(names=self.names, task=self.spec.name)

    def update_metrics(self, preds: torch.Tensor, batch: Mapping[str, Any]) -> None:
        """Count one batch of probabilities (B, nc)."""
        if self.exported:
            check_classes(torch.tensor([preds.shape[1] - 1]), self.names, self.args.model)
        self.seen += len(preds)
        self.pred.append(best_guesses(preds).to(torch.int32).cpu())
        self.targets.append(batch["cls"].to(torch.int32).cpu())

    def gather_stats(self) -> None:
        """Bring what the ranks counted to the main one."""
        parts = all_gather_object((self.pred, self.targets, self.seen))
        if rank() in {-1, 0}:
            self.pred = [guesses for part in parts for guesses in part[0]]
            self.targets = [classes for part in parts for classes in part[1]]
            self.seen = sum(part[2] for part in parts)

    def get_stats(self) -> dict[str, float]:
        """Return both accuracies and the fitness."""
        self.metrics.process(self.targets, self.pred)
        return self.metrics.results_dict

    def finalize_metrics(self) -> None:
        """Complete the metrics object and draw the confusion matrix."""
        if self.pred:
            self.confusion_matrix.process_cls_preds(self.pred, self.targets)
        super().finalize_metrics()

    # Text -------------------------------------------------------------------------------------------------------------

    def get_desc(self) -> str:
        """Return the head of the table."""
        return ("%22s" + "%11s" * 2) % ("classes", "top1_acc", "top5_acc")

    def print_results(self) -> None:
        """Log the table."""
        LOGGER.info(("%22s" + "%11.3g" * 2) % ("all", self.metrics.top1, self.metrics.top5))

    # Pictures ---------------------------------------------------------------------------------------------------------

    def plot_val_samples(self, batch: dict[str, Any], ni: int) -> None:
        """Write `val_batch<ni>_labels.jpg`."""
        self._draw({"cls": batch["cls"]}, batch, f"val_batch{ni}_labels.jpg")

    def plot_predictions(self, batch: dict[str, Any], preds: torch.Tensor, ni: int) -> None:
        """Write `val_batch<ni>_pred.jpg` with the first guess of every picture."""
        best = preds.float().max(1)
        self._draw({"cls": best.indices, "conf": best.values}, batch, f"val_batch{ni}_pred.jpg")

    def _draw(self, labels: dict[str, torch.Tensor], batch: Mapping[str, Any], name: str) -> None:
        table = {**labels, "batch_idx": torch.arange(len(batch["img"]))}
        plot_images(table, batch["img"], batch["im_file"], self.save_dir / name, self.names, self.on_plot)


def as_input(images: torch.Tensor, device: torch.device, dtype: torch.dtype, **layout: Any) -> torch.Tensor:
    """Return pictures (B, 3, H, W) on a device; bytes become numbers from 0 to 1, other kinds are taken as they are."""
    moved = images.to(device, non_blocking=device.type == "cuda").to(dtype, **layout)
    return moved.div_(255) if images.dtype == torch.uint8 else moved


def shared_names(model: Mapping[int, str], data: Mapping[int, str], source: str) -> dict[int, str]:
    """Return the classes that a data set's folders stand for, in the model's order.

    A set with fewer classes than the model, or with the same in another order, is compared by name.

    Raises:
        ValueError: where the set has classes that the model does not know.
    """
    known, given = list(model.values()), list(data.values())
    common = set(known) & set(given)
    if not common and len(given) <= len(known):
        if len(given) != len(known):
            LOGGER.warning(
                f"no class of '{source}' ({examples(given, 3)}) is one of the model's ({examples(known, 3)}); they are "
                "compared by position."
            )
        return dict(data)
    unknown = [name for name in given if name not in common]
    if unknown:
        raise ValueError(
            f"'{source}' has classes that the model does not know: {examples(unknown)}. It knows {examples(known)}."
        )
    return dict(enumerate(known))


__getattr__, __dir__ = offer(__name__)
