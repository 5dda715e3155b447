"""Stages of the segmentation task: boxes with mask coefficients, and the prototypes that turn them into masks.

Pure functions over tensors. Masks are made as late as possible and for as few detections as possible: validation keeps
hundreds of weak detections an image, most of which can match nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Detections, Frame, SelectOptions
from ultralytics.models.yolo.detect.stages import box_overlaps, select_boxes, to_rows
from ultralytics.models.yolo.segment.masks import DeferredMasks, IndexMap, PrototypeMasks
from ultralytics.ops.boxes import scale_boxes
from ultralytics.ops.masks import index_map_overlaps, stack_overlaps

__all__ = ["PrototypeMasks", "finish_segments", "segment_overlaps", "select_segments"]


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


def segment_overlaps(preds: Mapping[str, Any], targets: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return the IoU of boxes as `tp` and that of masks as `tp_m`, each (M, N).

    Args:
        preds: `bboxes` (N, 4) corners in input pixels, `cls` (N,) and `masks` (N, h, w).
        targets: the same of the targets; masks of the same size.
    """
    boxes = box_overlaps(preds, targets)["tp"]
    true, found = targets["masks"], preds["masks"]
    if not isinstance(found, DeferredMasks):
        return {"tp": boxes, "tp_m": stack_overlaps(true.to(found.device), found)}
    # Drawn are those that can match: of the class of a target whose box meets the mask's own.
    same = targets["cls"].view(-1, 1) == preds["cls"]
    rows = torch.nonzero(((boxes > 0) & same).any(0))[:, 0]
    overlaps = torch.zeros_like(boxes)
    overlaps[:, rows] = _mask_overlaps(true, found[rows].drawn()).to(overlaps)
    return {"tp": boxes, "tp_m": overlaps}


def _mask_overlaps(true: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Return the IoU (M, n) of targets' masks and drawn ones; those painted into one map need not be taken apart."""
    source = true.source if isinstance(true, DeferredMasks) else None
    if not isinstance(source, IndexMap) or source.map.shape != drawn.shape[1:]:
        return stack_overlaps(true.to(drawn.device), drawn)
    count = max(int(source.map.max()), int(source.objects.max()) + 1)  # objects that others hide are not in the map
    return index_map_overlaps(source.map, count, drawn)[source.objects.cpu()]
