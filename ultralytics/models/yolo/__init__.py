"""YOLO models, one sub-package per task."""

from __future__ import annotations

from ultralytics.models.yolo import classify, detect, obb, pose, segment
from ultralytics.models.yolo.model import YOLO, YOLOE, YOLOWorld

__all__ = ["YOLO", "YOLOE", "YOLOWorld", "classify", "detect", "obb", "pose", "segment"]
