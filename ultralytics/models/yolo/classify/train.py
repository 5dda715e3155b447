"""`ClassificationTrainer`: what training a classifier adds to the base trainer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision import models as torchvision_models

from ultralytics.cfg.merge import DEFAULT_CFG
from ultralytics.cfg.values import starts_anew
from ultralytics.data.augment.blend_classes import blend_batch
from ultralytics.data.build import build_dataloader
from ultralytics.data.classify import ClassificationDataset
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.data.samplers import EpochBatchSampler
from ultralytics.data.shards.classes import class_kind
from ultralytics.engine.plots.mosaics import plot_images
from ultralytics.engine.train.modules import unwrap_model
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo.classify.task import CLASSIFY
from ultralytics.models.yolo.classify.val import ClassificationValidator, as_input
from ultralytics.nn.builder.names import yaml_model_load
from ultralytics.nn.cost.flops import input_channels
from ultralytics.nn.models import ClassificationModel
from ultralytics.utils import env
from ultralytics.utils.dist import torch_distributed_zero_first
from ultralytics.utils.lazy import offer

__all__ = ["ClassificationTrainer"]

MIXING = 0x313A  # tells the draws of mixing from others of the same place


class ClassificationTrainer(BaseTrainer):
    """Trains classifiers, for instance `overrides={"model": "yolov8n-cls.yaml", "data": "shapes-cls"}`."""

    spec = CLASSIFY

    def __init__(
        self, cfg: Any = DEFAULT_CFG, overrides: Mapping[str, Any] | None = None, _callbacks: dict | None = None
    ) -> None:
        given = {**(overrides or {}), "task": CLASSIFY.name}
        if given.get("imgsz") is None and cfg is DEFAULT_CFG and starts_anew(given.get("resume")):
            given["imgsz"] = CLASSIFY.info.imgsz
        super().__init__(cfg, given, _callbacks)
        self._joined: list[int] = []

    # Data -------------------------------------------------------------------------------------------------------------

    def get_dataset(self) -> dict[str, Any]:
        """Return the description of the data set."""
        return check_cls_dataset(self.args.data)

    def build_dataset(self, img_path: Any, mode: str = "train", batch: int | None = None) -> ClassificationDataset:
        """Return the data set of one split.

        Args:
            img_path: folder of the split.
            mode: `train` augments, `val` takes the middle of pictures.
            batch: images per batch, which makes no difference here.
        """
        channels = input_channels(unwrap_model(self.model)) if isinstance(self.model, nn.Module) else 3
        names = self.data["names"]
        kind = class_kind(self.data, ClassificationDataset)
        return kind(img_path, self.args, mode == "train", mode, names, channels)

    def get_dataloader(self, dataset_path: Any, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Return the loader of one split; that of `val` also tells the network its transforms."""
        with torch_distributed_zero_first(env.local_rank()):
            dataset = self.build_dataset(dataset_path, mode)
        train = mode == "train"
        if not train:
            # Not by assignment: a chain of torchvision is a module, but no layer of the network.
            unwrap_model(self.model).__dict__["transforms"] = dataset.torch_transforms
        self._joined = [] if train else self._joined
        return build_dataloader(
            dataset,
            batch_size,
            self.args.workers * (1 if train else 2),
            shuffle=train,
            rank=rank,
            device=self.device,
            seed=self.args.seed,
            smallest=self.smallest_batch(len(dataset), batch_size) if train else 1,
        )

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Move a batch to the device and bring pictures of bytes into 0..1."""
        layout = torch.channels_last if self.precision.channels_last else torch.contiguous_format
        images = as_input(batch["img"], self.device, torch.float32, memory_format=layout)
        moved = {**batch, "img": images, "cls": batch["cls"].to(self.device)} | self._mixed(images, batch["cls"])
        return {**moved, "joined": self.joined_size(len(images))} if self.world_size > 1 else moved

    def _mixed(self, images: torch.Tensor, classes: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return pictures and labels of a batch mixed with itself, where `mixup` or `cutmix` says so."""
        if not self.args.mixup and not self.args.cutmix:
            return {}
        place = (self.args.seed & 0xFFFFFFFF, self.iteration, max(self.rank, 0), MIXING)
        rng, (mixup, cutmix) = np.random.default_rng(place), (self.args.mixup, self.args.cutmix)
        drawn = blend_batch(images, classes.to(images.device), self.data["nc"], mixup, cutmix, rng)
        return {} if drawn is None else {"img": drawn[0], "mixed": drawn[1]}

    def joined_size(self, mine: int) -> int:
        """Return the pictures of the present batch over all processes, whose mean the loss is.

        Args:
            mine: pictures of this process.
        """
        loader = self.train_loader
        if not isinstance(getattr(loader, "batch_sampler", None), EpochBatchSampler):
            return mine * self.world_size  # a loader of somebody's own
        if not self._joined:
            own = loader.batch_sampler
            like = {"seed": self.args.seed, "world": self.world_size, "smallest": own.smallest}
            parts = [EpochBatchSampler(loader.dataset, own.batch_size, rank=r, **like) for r in range(self.world_size)]
            self._joined = [sum(len(part.refs(0, i)) for part in parts) for i in range(len(loader))]
        return self._joined[self.iteration % len(self._joined)]

    # Network ----------------------------------------------------------------------------------------------------------

    def setup_model(self) -> dict[str, Any] | None:
        """Build the network with as many outputs as there are classes."""
        if isinstance(self.model, str) and self.model in torchvision_models.list_models():
            raise NotImplementedError(
                f"training torchvision's '{self.model}' by name is not built. Use a model YAML such as "
                "'yolov8n-cls.yaml' or 'yolov8-cls-resnet50.yaml'."
            )
        checkpoint = super().setup_model()
        ClassificationModel.reshape_outputs(self.model, self.data["nc"])
        return checkpoint

    def get_model(self, cfg: Any = None, weights: nn.Module | None = None, verbose: bool = True) -> nn.Module:
        """Return a classifier for the data set's classes, with start weights where given, and the run's dropout."""
        content = dict(cfg) if isinstance(cfg, Mapping) else yaml_model_load(cfg)
        channels = self.data.get("channels", 3)
        if channels != 3:  # said by the data set; otherwise it is the model that says what it takes
            content["channels"] = channels
        model = ClassificationModel(content, nc=self.data["nc"], ch=channels, verbose=verbose)
        if weights is not None:
            model.load(weights, verbose=verbose)
        for module in model.modules():
            if isinstance(module, nn.Dropout) and self.args.dropout:
                module.p = float(self.args.dropout)
        return model

    def set_model_attributes(self) -> None:
        """Give the network class names and arguments."""
        self.model.names = self.data["names"]
        self.model.args = self.args

    def get_validator(self) -> ClassificationValidator:
        """Return the validator of the run."""
        return ClassificationValidator(
            self.test_loader, save_dir=self.save_dir, args=copy.copy(self.args), _callbacks=self.callbacks
        )

    def auto_batch(self, max_num_obj: int = 0, dataset_size: int = 0) -> int:
        """Return the largest batch size that fits into memory."""
        images = len(self.build_dataset(self.data["train"], mode="train"))
        return super().auto_batch(max_num_obj=1, dataset_size=images)

    # Pictures ---------------------------------------------------------------------------------------------------------

    def plot_training_samples(self, batch: Mapping[str, Any], ni: int) -> None:
        """Draw a training batch into train_batch{ni}.jpg."""
        plot_images(
            labels={"cls": batch["cls"], "batch_idx": torch.arange(len(batch["img"]))},
            images=batch["img"],
            paths=batch.get("im_file"),
            fname=Path(self.save_dir) / f"train_batch{ni}.jpg",
            names=self.data["names"],
            on_plot=self.on_plot,
        )


__getattr__, __dir__ = offer(__name__)
