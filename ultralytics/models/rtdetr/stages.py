"""Stages of RT-DETR: final rows of the network -> boxes -> `Results`.

Boxes come as shares of the picture and pictures are stretched to the input's shape, so no border has to be taken off.
"""

from __future__ import annotations

from typing import Any

import torch

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Detections, Frame, SelectOptions
from ultralytics.ops.boxes import clip_boxes, xywh2xyxy

__all__ = ["finish_stretched", "rescale", "select_queries"]


def select_queries(outputs: Any, options: SelectOptions) -> list[Detections]:
    """Return the boxes of every image that pass the thresholds; nothing is suppressed.

    Args:
        outputs: (B, N, 6) centre and size as shares of the image, score and class, best score first; or a sequence that
            starts with that tensor. Files exported by version 8.1 hold (B, N, 4 + nc) with a score per class.
        options: thresholds, and the size of the network input.

    Raises:
        ValueError: without the size of the network input.
    """
    rows = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
    if options.size_hw is None:
        raise ValueError("boxes are shares of the image here; give its size in pixels: SelectOptions(size_hw=(h, w)).")
    rows = rows.float() if rows.shape[-1] == 6 else _best_class(rows.float())
    height, width = options.size_hw
    boxes = xywh2xyxy(rows[..., :4]) * torch.tensor((width, height, width, height), device=rows.device)
    keep = rows[..., 4] > options.conf
    if options.classes is not None:
        wanted = torch.as_tensor(list(options.classes), device=rows.device)
        keep &= torch.isin(rows[..., 5].long(), wanted)
    found = []
    for image, mask in enumerate(keep):
        index = torch.nonzero(mask)[: options.max_det, 0]
        own = rows[image, index]
        found.append(Detections(boxes[image, index], own[:, 4], own[:, 5], index, extra=own[:, 6:]))
    return found


def _best_class(scored: torch.Tensor) -> torch.Tensor:
    """Return rows (B, N, 6), best score first, for (B, N, 4 + nc)."""
    score, label = scored[..., 4:].max(-1, keepdim=True)
    rows = torch.cat((scored[..., :4], score, label.to(scored.dtype)), -1)
    return rows.gather(1, score.argsort(1, descending=True).expand(-1, -1, 6))


def rescale(boxes: torch.Tensor, from_hw: tuple[int, int], to_hw: tuple[int, int]) -> torch.Tensor:
    """Map corner boxes (N, 4) between two sizes of one picture, each axis by its own factor, and cut them to it."""
    x, y = to_hw[1] / from_hw[1], to_hw[0] / from_hw[0]
    return clip_boxes(boxes * torch.tensor((x, y, x, y), dtype=boxes.dtype, device=boxes.device), to_hw)


def finish_stretched(detections: Detections, frame: Frame) -> Results:
    """Return results in the pixels of the original image."""
    boxes = rescale(detections.boxes, frame.input_hw, frame.image.shape[:2])
    rows = torch.cat((boxes, detections.conf[:, None], detections.cls[:, None]), 1)
    return results_class()(frame.image, path=frame.path, names=frame.names, boxes=rows)
