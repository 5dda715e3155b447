"""Validation of boxes and masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ultralytics.engine.coco import encode_masks
from ultralytics.models.yolo.detect.val import DetectionValidator, rows_of
from ultralytics.models.yolo.segment.masks import DeferredMasks, IndexMap, PrototypeMasks
from ultralytics.models.yolo.segment.task import SEGMENT
from ultralytics.ops.masks import scale_masks
from ultralytics.utils.lazy import offer

__all__ = ["SegmentationValidator"]


class SegmentationValidator(DetectionValidator):
    """Validator of segmentation models.

    Between its steps a picture's detections and targets also have `masks`, (N, h, w) uint8 and (M, h, w) float32 of one
    size. They are `DeferredMasks`: tensors that are drawn when something reads them.
    """

    spec = SEGMENT
    iou_types = ("bbox", "segm")
    _input_hw = _mask_hw = (0, 0)  # of the current batch

    def preprocess(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the batch on the device, pictures as 0..1."""
        batch = super().preprocess(batch)
        self._input_hw, self._mask_hw = tuple(batch["img"].shape[2:]), tuple(batch["masks"].shape[1:])
        return batch

    def postprocess(self, preds: Any) -> list[dict[str, Any]]:
        """Return the detections of every picture."""
        found = self.spec.select(preds, self.select_options())
        sources = [PrototypeMasks(d.shared, d.extra, d.boxes, self._input_hw) for d in found]
        return [
            {"bboxes": d.boxes, "conf": d.conf, "cls": d.cls, "masks": DeferredMasks(source, self._mask_hw)}
            for d, source in zip(found, sources, strict=True)
        ]

    def _prepare_batch(self, si: int, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return the targets of picture `si` of a batch, with their masks."""
        prepared = super()._prepare_batch(si, batch)
        if not self.args.overlap_mask:
            return {**prepared, "masks": batch["masks"][rows_of(batch, si)]}
        painted = IndexMap(batch["masks"][si], torch.arange(len(prepared["cls"]), device=batch["masks"].device))
        return {**prepared, "masks": DeferredMasks(painted, self._mask_hw)}

    def drawable(self, pred: Mapping[str, Any], target: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return detections and targets of one picture with drawn masks."""
        return tuple({**rows, "masks": torch.as_tensor(rows["masks"]).clone()} for rows in (pred, target))

    def drawn_rows(self, preds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return what `plot_images` draws; masks as one map per picture, the strongest detection on top."""
        stacks = (self._large(pred["masks"]) for pred in preds)
        return {**super().drawn_rows(preds), "masks": np.stack([_index_map(stack) for stack in stacks])}

    def _large(self, masks: torch.Tensor) -> torch.Tensor:
        """Return masks at the size of the network input, sharp where their prototypes are known."""
        if isinstance(masks, DeferredMasks) and isinstance(masks.source, PrototypeMasks):
            return masks.source.large()
        return F.interpolate(masks[None].float(), self._input_hw)[0] > 0 if len(masks) else masks

    # Files ------------------------------------------------------------------------------------------------------------

    def scale_preds(self, predn: Mapping[str, Any], pbatch: Mapping[str, Any]) -> dict[str, Any]:
        """Return detections and their masks (N, height, width) in the pixels of the original picture."""
        masks, size = predn["masks"], tuple(pbatch["ori_shape"])
        if isinstance(masks, DeferredMasks) and isinstance(masks.source, PrototypeMasks):
            masks = masks.source.original(size, pbatch["ratio_pad"])
        else:
            large = self._large(masks)[None].float()
            masks = (scale_masks(large, size, pbatch["ratio_pad"])[0] > 0.5).to(torch.uint8)
        return {**super().scale_preds(predn, pbatch), "masks": masks}

    def save_one_txt(self, predn: Mapping[str, Any], save_conf: bool, shape: Sequence[int], file: str | Path) -> None:
        """Write one picture's outlines; arguments as in `DetectionValidator.save_one_txt`."""
        result = self.as_result(predn, shape)
        result.update(masks=predn["masks"].cpu())
        result.save_txt(file, save_conf=save_conf)

    def pred_to_json(self, predn: Mapping[str, Any], pbatch: Mapping[str, Any]) -> None:
        """Append one row per detection for `predictions.json`, with its mask as run lengths."""
        start = len(self.jdict)
        super().pred_to_json(predn, pbatch)
        for row, code in zip(self.jdict[start:], encode_masks(predn["masks"].cpu().numpy()), strict=True):
            row["segmentation"] = code


def _index_map(masks: torch.Tensor) -> np.ndarray:
    """Return (H, W) with 1 + the position of the first mask of (N, H, W) that covers a pixel, 0 where none does."""
    if not len(masks):
        return np.zeros(masks.shape[1:], np.int32)
    stack = masks.cpu().numpy()
    first = stack.argmax(0)
    return np.where(np.take_along_axis(stack, first[None], 0)[0], first + 1, 0).astype(np.int32)


__getattr__, __dir__ = offer(__name__)
