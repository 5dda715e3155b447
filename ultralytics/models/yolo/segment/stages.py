"""Stages of the segmentation task: boxes with mask coefficients, and the prototypes that turn them into masks.

Pure functions over tensors. Masks are made as late as possible and for as few detections as possible: validation keeps
hundreds of weak detections an image, most of which can match nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Detections, Frame, SelectOptions
from ultralytics.models.yolo.detect.stages import as_table, match_boxes, select_boxes, to_rows
from ultralytics.ops.boxes import RatioPad, scale_boxes
from ultralytics.ops.iou import box_iou
from ultralytics.ops.masks import image_masks, index_map_overlaps, process_mask, stack_overlaps

__all__ = ["PrototypeMasks", "finish_segments", "match_segments", "select_segments"]


@dataclass(frozen=True)
class PrototypeMasks:
    """The masks of one picture's detections before they are drawn; indexing selects detections.

    Attributes:
        proto: (C, h, w) prototypes.
        coefficients: (N, C).
        boxes: (N, 4) corners in input pixels.
        input_hw: height and width of the network input.
    """

    proto: torch.Tensor
    coefficients: torch.Tensor
    boxes: torch.Tensor
    input_hw: tuple[int, int]

    def __len__(self) -> int:
        return len(self.coefficients)

    def __getitem__(self, rows: Any) -> PrototypeMasks:
        """Return the masks that a slice, mask or index tensor selects."""
        return replace(self, coefficients=self.coefficients[rows], boxes=self.boxes[rows])

    def small(self) -> torch.Tensor:
        """Return (N, h, w) uint8 masks at the size of the prototypes."""
        return process_mask(self.proto, self.coefficients, self.boxes, self.input_hw)

    def large(self) -> torch.Tensor:
        """Return (N, H, W) uint8 masks at the size of the network input."""
        return process_mask(self.proto, self.coefficients, self.boxes, self.input_hw, upsample=True)

    def original(self, image_hw: tuple[int, int], ratio_pad: RatioPad | None = None) -> torch.Tensor:
        """Return (N, height, width) uint8 masks in the pixels of the original picture."""
        boxes = scale_boxes(self.input_hw, self.boxes, image_hw, ratio_pad=ratio_pad)
        return image_masks(self.proto, self.coefficients, boxes, self.input_hw, image_hw, ratio_pad)

    def at(self, size_hw: tuple[int, int]) -> PrototypeMasks:
        """Return the same masks with prototypes of another size."""
        if tuple(self.proto.shape[1:]) == tuple(size_hw):
            return self
        proto = F.interpolate(self.proto[None].float(), tuple(size_hw), mode="bilinear", align_corners=False)[0]
        return replace(self, proto=proto)


def select_segments(outputs: Any, options: SelectOptions) -> list[Detections]:
    """Return the final boxes of every image, their coefficients as `extra` and the image's prototypes as `shared`.

    Args:
        outputs: decoded predictions (B, 4 + nc + C, A), or (B, N, 6 + C) final rows, and prototypes (B, C, h, w): as a
            pair, or as the first item of what a network returns in evaluation.
        options: thresholds.

    Raises:
        ValueError: if there are no prototypes among the outputs.
    """
    parts = outputs[0] if isinstance(outputs, (tuple, list)) and isinstance(outputs[0], (tuple, list)) else outputs
    if not isinstance(parts, (tuple, list)) or len(parts) < 2 or getattr(parts[1], "ndim", 0) != 4:
        raise ValueError(
            "the model gives boxes without mask prototypes, so it is not a segmentation model; use task=detect."
        )
    decoded, protos = parts[:2]
    nc = 0 if options.end2end else decoded.shape[1] - 4 - protos.shape[1]
    found = select_boxes(decoded, replace(options, nc=nc))
    return [replace(d, shared=proto) for d, proto in zip(found, protos, strict=True)]


def masks_of(detections: Detections, input_hw: tuple[int, int]) -> PrototypeMasks:
    """Return the masks of detections."""
    proto = detections.shared
    return PrototypeMasks(proto, detections.extra.to(proto.device), detections.boxes.to(proto.device), input_hw)


def finish_segments(detections: Detections, frame: Frame) -> Results:
    """Return results with masks; detections whose mask is empty are left out.

    Masks have the size of the network input, border included, or with `retina_masks` that of the original picture.
    """
    image_hw = frame.image.shape[:2]
    boxes = scale_boxes(frame.input_hw, detections.boxes, image_hw)
    rows = to_rows(replace(detections, boxes=boxes, extra=detections.extra[:, :0]))
    if not len(rows):
        return results_class()(frame.image, path=frame.path, names=frame.names, boxes=rows)
    masks = masks_of(detections, frame.input_hw)
    masks = masks.original(image_hw) if frame.info.get("retina_masks") else masks.large()
    seen = masks.flatten(1).bool().any(1)
    if not bool(seen.all()):
        rows, masks = rows[seen.to(rows.device)], masks[seen]
    return results_class()(frame.image, path=frame.path, names=frame.names, boxes=rows, masks=masks)


def match_segments(detections: Detections, targets: Mapping[str, Any], iouv: torch.Tensor) -> dict[str, np.ndarray]:
    """Return which detections of one image are right by box and by mask, at every overlap threshold.

    Args:
        detections: boxes in input pixels, best score first, with coefficients and prototypes.
        targets: `bboxes` (M, 4) corners in input pixels, `cls` (M,), `imgsz` (height, width) of the input, and `masks`:
            (H, W) map with 1 + the position of the object that covers a pixel, or (M, H, W) binary masks.
        iouv: (T,) overlap thresholds.

    Returns:
        `tp` and `tp_m`, each (N, T) bool.
    """
    tables = match_boxes(detections, targets, iouv)
    if not len(detections) or not len(targets["cls"]):
        return {**tables, "tp_m": tables["tp"].copy()}
    return {**tables, "tp_m": as_table(detections, targets, mask_overlaps(detections, targets), iouv)}


def mask_overlaps(detections: Detections, targets: Mapping[str, Any]) -> torch.Tensor:
    """Return the mask IoU (M, N) of targets and those detections that could match one; 0 elsewhere.

    A detection can match where it has the class of a target and its box, in which its mask lies, meets the target's.
    """
    true, boxes = targets["masks"], detections.boxes
    same = targets["cls"].view(-1, 1) == detections.cls
    rows = torch.nonzero(((box_iou(targets["bboxes"], boxes) > 0) & same).any(0))[:, 0]
    overlaps = torch.zeros(len(targets["cls"]), len(detections), device=boxes.device)
    masks = masks_of(detections.keep(rows), targets["imgsz"]).at(true.shape[-2:])
    if true.ndim == 2:
        found = index_map_overlaps(true, len(targets["cls"]), masks.small())
    else:
        found = stack_overlaps(true.to(masks.proto.device), masks.small())
    overlaps[:, rows] = found.to(overlaps)
    return overlaps
