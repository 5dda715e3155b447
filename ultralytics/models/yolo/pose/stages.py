"""Stages of the pose task: boxes with the keypoints of what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Detections, Frame, SelectOptions
from ultralytics.models.yolo.detect.stages import as_table, match_boxes, select_boxes, to_rows
from ultralytics.ops.boxes import scale_boxes, scale_coords
from ultralytics.ops.keypoints import BODY_SHARE, kpt_iou

__all__ = ["finish_poses", "keypoints_of", "match_poses", "select_poses"]


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


def match_poses(detections: Detections, targets: Mapping[str, Any], iouv: torch.Tensor) -> dict[str, np.ndarray]:
    """Return which detections of one image are right by box and by keypoints, at every threshold.

    Args:
        detections: boxes in input pixels, best score first, with their keypoints as `extra`.
        targets: `bboxes` (M, 4) corners and `keypoints` (M, K, 3) in input pixels, `cls` (M,), `kpt_shape` of the
            detections, and `sigmas` (K,).
        iouv: (T,) thresholds of overlap and of keypoint similarity.

    Returns:
        `tp` and `tp_p`, each (N, T) bool.
    """
    tables = match_boxes(detections, targets, iouv)
    if not len(detections) or not len(targets["cls"]):
        return {**tables, "tp_p": tables["tp"].copy()}
    sides = targets["bboxes"][:, 2:] - targets["bboxes"][:, :2]
    found = keypoints_of(detections, targets["kpt_shape"])
    similarity = kpt_iou(targets["keypoints"], found, sides.prod(1) * BODY_SHARE, targets["sigmas"])
    return {**tables, "tp_p": as_table(detections, targets, similarity, iouv)}
