"""Validation of RT-DETR, on pictures that are stretched to squares."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from ultralytics.data.build import build_yolo_dataset
from ultralytics.data.dataset import YOLODataset
from ultralytics.engine.task import SelectOptions
from ultralytics.models.rtdetr.stages import rescale
from ultralytics.models.rtdetr.task import RTDETR_DETECT
from ultralytics.models.yolo.detect.val import DetectionValidator
from ultralytics.utils.lazy import offer

__all__ = ["RTDETRDataset", "RTDETRValidator", "build_stretched_dataset"]


class RTDETRDataset(YOLODataset):
    """Images stretched to squares of `imgsz` pixels, and their boxes."""

    stretched = True


def build_stretched_dataset(
    args: Any, img_path: Any, batch: int | None, data: Mapping[str, Any], mode: str
) -> RTDETRDataset:
    """Build the data set of one split; see `build_yolo_dataset`. Squares leave nothing for `rect` to do."""
    settings = copy.copy(args)
    settings.rect = False
    return build_yolo_dataset(settings, img_path, batch, data, mode=mode, kind=RTDETRDataset)


class RTDETRValidator(DetectionValidator):
    """Validator of RT-DETR."""

    spec = RTDETR_DETECT

    def build_dataset(self, img_path: Any, mode: str = "val", batch: int | None = None) -> Any:
        """Return the data set of a split."""
        return build_stretched_dataset(self.args, img_path, batch, self.data, mode)

    def select_options(self) -> SelectOptions:
        """Return the thresholds of the selection stage, and the size of the squares."""
        return replace(super().select_options(), size_hw=(self.args.imgsz, self.args.imgsz))

    def scale_preds(self, predn: Mapping[str, torch.Tensor], pbatch: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Return detections in the pixels of the original picture."""
        return {**predn, "bboxes": rescale(predn["bboxes"], pbatch["imgsz"], pbatch["ori_shape"])}


__getattr__, __dir__ = offer(__name__)
