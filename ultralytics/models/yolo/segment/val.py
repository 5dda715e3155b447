"""Validation of boxes and masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.engine.coco import encode_masks
from ultralytics.engine.results import Results
from ultralytics.engine.task import Detections
from ultralytics.models.yolo.detect.stages import to_rows
from ultralytics.models.yolo.detect.val import DetectionValidator, Tensors
from ultralytics.models.yolo.segment.stages import PrototypeMasks
from ultralytics.models.yolo.segment.task import SEGMENT
from ultralytics.utils.lazy import offer

__all__ = ["SegmentationValidator"]


class SegmentationValidator(DetectionValidator):
    """Validator of segmentation models.

    Between its steps a picture's detections also have `masks`, a `PrototypeMasks`: masks are drawn when asked for.
    """

    spec = SEGMENT
    iou_types = ("bbox", "segm")
    _input_hw = (0, 0)  # of the current batch

    def postprocess(self, preds: Any) -> list[dict[str, Any]]:
        """Return the detections of every picture."""
        return [
            {
                "bboxes": d.boxes,
                "conf": d.conf,
                "cls": d.cls,
                "extra": d.extra,
                "index": d.index,
                "masks": PrototypeMasks(d.shared, d.extra, d.boxes, self._input_hw),
            }
            for d in self.spec.select(preds, self.select_options())
        ]

    def preprocess(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the batch on the device, pictures as 0..1."""
        batch = super().preprocess(batch)
        self._input_hw = tuple(batch["img"].shape[2:])
        return batch

    def targets(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return every picture's targets; `masks` is its (h, w) map, or one mask (M, h, w) per target."""
        pictures = super().targets(batch)
        if not self.args.overlap_mask:
            return pictures
        return [{**picture, "masks": masks} for picture, masks in zip(pictures, batch["masks"], strict=True)]

    def target_rows(self, batch: Mapping[str, Any]) -> Tensors:
        """Return what is matched of all targets of a batch, one row (n, ...) each."""
        rows = super().target_rows(batch)
        return rows if self.args.overlap_mask else {**rows, "masks": batch["masks"]}

    def as_detections(self, pred: Mapping[str, Any]) -> Detections:
        """Return one picture's detections with its prototypes."""
        masks = pred["masks"]
        return replace(super().as_detections(pred), extra=masks.coefficients, shared=masks.proto)

    def drawable(self, pred: Mapping[str, Any], target: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return detections and targets of one picture with masks of one size."""
        true = target["masks"]
        if true.ndim == 2:
            true = true == torch.arange(1, len(target["cls"]) + 1, device=true.device).view(-1, 1, 1)
        return {**pred, "masks": pred["masks"].at(true.shape[1:]).small()}, {**target, "masks": true}

    def drawn_rows(self, preds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return what `plot_images` draws; masks as one map per picture, the strongest detection on top."""
        return {**super().drawn_rows(preds), "masks": np.stack([_index_map(pred["masks"]) for pred in preds])}

    # Files ------------------------------------------------------------------------------------------------------------

    def scale_preds(self, predn: Mapping[str, Any], pbatch: Mapping[str, Any]) -> dict[str, Any]:
        """Return detections and their masks (N, height, width) in the pixels of the original picture."""
        masks = predn["masks"].original(tuple(pbatch["ori_shape"]), pbatch["ratio_pad"])
        return {**super().scale_preds(predn, pbatch), "masks": masks}

    def save_one_txt(self, predn: Mapping[str, Any], save_conf: bool, shape: Sequence[int], file: str | Path) -> None:
        """Write one picture's outlines; arguments as in `DetectionValidator.save_one_txt`."""
        found = super().as_detections(predn)
        rows = to_rows(replace(found, extra=found.extra[:, :0]))
        blank = np.broadcast_to(np.uint8(0), (*(int(side) for side in shape), 3))
        result = Results(blank, path="", names=self.names, boxes=rows, masks=predn["masks"].cpu())
        result.save_txt(file, save_conf=save_conf)

    def json_rows(self, predn: Mapping[str, Any], pbatch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return one row per detection, with its mask as run lengths."""
        codes = encode_masks(predn["masks"].cpu().numpy())
        return [{**row, "segmentation": c} for row, c in zip(super().json_rows(predn, pbatch), codes, strict=True)]


def _index_map(masks: PrototypeMasks) -> np.ndarray:
    """Return (H, W) with 1 + the position of the first detection that covers a pixel, 0 where none does."""
    if not len(masks):
        return np.zeros(masks.input_hw, np.int32)
    stack = masks.large().cpu().numpy()
    first = stack.argmax(0)
    return np.where(np.take_along_axis(stack, first[None], 0)[0], first + 1, 0).astype(np.int32)


__getattr__, __dir__ = offer(__name__)
