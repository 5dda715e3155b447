"""Stages of the pose task: boxes with the keypoints of what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Detections, Frame, SelectOptions
from ultralytics.models.yolo.detect.stages import box_overlaps, select_boxes, to_rows
from ultralytics.ops.boxes import scale_boxes, scale_coords
from ultralytics.ops.keypoints import BODY_SHARE, kpt_iou

__all__ = ["finish_poses", "keypoints_of", "pose_overlaps", "select_poses"]


def select_poses(outputs: Any, options: SelectOptions) -> list[Detections]:
    """Return the final boxes of every image, with the keypoints (N, K * D) in input pixels as `extra`.

    Args:
        outputs: (B, 4 + nc + K * D, A) decoded predictions, (B, N, 6 + K * D) final rows, or a sequence that starts
            with one of them.
        options: thresholds and `nc`, which tells where the keypoints begin.
    """
    return select_boxes(outputs, options)


def keypoints_of(detections: Detections, kpt_shape: Any) -> torch.Tensor:
    """Return keypoints (N, K, D) of detections.

    Raises:
        ValueError: if the model's output does not have that many numbers.
    """
    width = detections.extra.shape[1]
    if kpt_shape is None or len(kpt_shape) != 2 or kpt_shape[0] * kpt_shape[1] != width:
        raise ValueError(
            f"the model gives {width} keypoint numbers per object, which kpt_shape={kpt_shape} does not account for; "
            "is it a pose model, and was it exported with its metadata?"
        )
    return detections.extra.view(-1, *kpt_shape)


def finish_poses(detections: Detections, frame: Frame) -> Results:
    """Return results with keypoints in the pixels of the original image."""
    points = keypoints_of(detections, frame.info.get("kpt_shape"))
    points = scale_coords(frame.input_hw, points, frame.image.shape)
    boxes = scale_boxes(frame.input_hw, detections.boxes, frame.image.shape)
    rows = to_rows(replace(detections, boxes=boxes, extra=detections.extra[:, :0]))
    return results_class()(frame.image, path=frame.path, names=frame.names, boxes=rows, keypoints=points)


def pose_overlaps(preds: Mapping[str, torch.Tensor], targets: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return the IoU of boxes as `tp` and the similarity of keypoints as `tp_p`, each (M, N).

    Args:
        preds: `bboxes` (N, 4) corners and `keypoints` (N, K, D) in input pixels.
        targets: the same of the targets, and `sigmas` (K,).
    """
    sides = targets["bboxes"][:, 2:] - targets["bboxes"][:, :2]
    areas = sides.prod(1) * BODY_SHARE
    similarity = kpt_iou(targets["keypoints"], preds["keypoints"], areas, targets["sigmas"])
    return {**box_overlaps(preds, targets), "tp_p": similarity}
