"""Stages of the detection task: decoded network output -> boxes -> `Results`, and how boxes overlap with targets.

Pure functions over tensors; the engine calls them through the bundle in `task.py`. They know neither files nor
progress bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Detections, Frame, SelectOptions
from ultralytics.ops.boxes import scale_boxes
from ultralytics.ops.iou import box_iou
from ultralytics.ops.nms import non_max_suppression
from ultralytics.utils.overrides import in_use

__all__ = ["box_overlaps", "finish_boxes", "from_rows", "select_boxes", "suppressed", "to_rows"]


def select_boxes(outputs: Any, options: SelectOptions) -> list[Detections]:
    """Return the final boxes of every image.

    Args:
        outputs: (B, 4 + nc + E, A) decoded boxes (centre, size) and scores in input pixels, or (B, N, 6 + E) final rows
            of an end-to-end model; or a sequence that starts with that tensor.
        options: thresholds.
    """
    prediction = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
    return [from_rows(*pair) for pair in suppressed(prediction, options, nc=options.nc)]


def suppressed(
    prediction: torch.Tensor, options: SelectOptions, nc: int, rotated: bool = False
) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
    """Return the final rows (N, 6 + E) of every image and the anchor (N,) of each.

    Args:
        prediction: decoded predictions, or final rows of an end-to-end model.
        options: thresholds.
        nc: number of classes in decoded predictions; 0 where all that is not box is.
        rotated: boxes have an angle, the last value.
    """
    settings = {
        "classes": options.classes,
        "agnostic": options.agnostic,
        "multi_label": options.multi_label,
        "max_det": options.max_det,
        "nc": nc,
        "rotated": rotated,
    }
    own = in_use(non_max_suppression, "ultralytics.utils.nms", "ultralytics.utils.ops")
    if own is not non_max_suppression and not options.end2end:
        rows = own(prediction, options.conf, options.iou, **settings)  # which may not know of anchors' indices
        return [(found, torch.arange(len(found), device=found.device)) for found in rows]
    rows, index = non_max_suppression(
        prediction, options.conf, options.iou, **settings, end2end=options.end2end, return_idxs=True
    )
    return zip(rows, index, strict=True)


def finish_boxes(detections: Detections, frame: Frame) -> Results:
    """Return results in the pixels of the original image."""
    boxes = scale_boxes(frame.input_hw, detections.boxes, frame.image.shape)
    rows = torch.cat((boxes, detections.conf[:, None], detections.cls[:, None]), 1)
    return results_class()(frame.image, path=frame.path, names=frame.names, boxes=rows)


def box_overlaps(preds: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the IoU (M, N) of targets and detections, both with `bboxes` (n, 4) corners, as `tp`."""
    return {"tp": box_iou(targets["bboxes"], preds["bboxes"])}


def to_rows(detections: Detections) -> torch.Tensor:
    """Return detections in the public row form: (N, 6 + E) x1, y1, x2, y2, conf, cls, extra."""
    return torch.cat((detections.boxes, detections.conf[:, None], detections.cls[:, None], detections.extra), 1)


def from_rows(rows: torch.Tensor, index: torch.Tensor | Sequence[int] | None = None) -> Detections:
    """Return rows (N, 6 + E) as detections; `index` is the anchor of every row, counted from 0 when None."""
    index = torch.arange(len(rows), device=rows.device) if index is None else torch.as_tensor(index, device=rows.device)
    return Detections(boxes=rows[:, :4], conf=rows[:, 4], cls=rows[:, 5], index=index, extra=rows[:, 6:])
