"""Stages of the task of oriented boxes: centre, size and angle instead of corners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Detections, Frame, SelectOptions
from ultralytics.models.yolo.detect.stages import suppressed
from ultralytics.ops.boxes import scale_boxes
from ultralytics.ops.rotated import batch_probiou

__all__ = ["finish_rotated", "from_rotated_rows", "rotated_overlaps", "select_rotated", "to_rotated_rows"]


def select_rotated(outputs: Any, options: SelectOptions) -> list[Detections]:
    """Return the final oriented boxes (N, 5) of every image: centre, size, angle in radians.

    Args:
        outputs: (B, 4 + nc + 1, A) decoded predictions with the angle last, (B, N, 7) final rows of an end-to-end model
            (centre, size, score, class, angle), or a sequence that starts with one of them.
        options: thresholds.
    """
    prediction = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
    nc = 0 if options.end2end else prediction.shape[1] - 5
    return [from_rotated_rows(*pair) for pair in suppressed(prediction, options, nc, rotated=True)]


def to_rotated_rows(detections: Detections) -> torch.Tensor:
    """Return detections in the public row form: (N, 7) centre, size, conf, cls, angle."""
    boxes = detections.boxes
    return torch.cat((boxes[:, :4], detections.conf[:, None], detections.cls[:, None], boxes[:, 4:]), 1)


def from_rotated_rows(rows: torch.Tensor, index: torch.Tensor | None = None) -> Detections:
    """Return rows (N, 7) as detections; `index` is the anchor of every row, counted from 0 when None."""
    index = torch.arange(len(rows), device=rows.device) if index is None else index
    boxes = torch.cat((rows[:, :4], rows[:, -1:]), 1)
    return Detections(boxes=boxes, conf=rows[:, 4], cls=rows[:, 5], index=index, extra=rows[:, :0])


def finish_rotated(detections: Detections, frame: Frame) -> Results:
    """Return results in the pixels of the original image; width, height and angle are those of the network.

    An angle outside of 0 .. pi / 2 is not turned back: which side is the width, and with it the order of the corners,
    may carry a meaning, such as where the front of a vehicle is.
    """
    boxes = scale_boxes(frame.input_hw, detections.boxes, frame.image.shape, xywh=True)
    rows = torch.cat((boxes, detections.conf[:, None], detections.cls[:, None]), 1)
    return results_class()(frame.image, path=frame.path, names=frame.names, obb=rows)


def rotated_overlaps(preds: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the probabilistic IoU (M, N) of targets and detections, both with `bboxes` (n, 5), as `tp`."""
    return {"tp": batch_probiou(targets["bboxes"], preds["bboxes"])}
