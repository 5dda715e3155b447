"""YOLO models, one sub-package per task."""

from __future__ import annotations

from ultralytics.models.yolo import detect
from ultralytics.models.yolo.model import YOLO, YOLOE, YOLOWorld

__all__ = ["YOLO", "YOLOE", "YOLOWorld", "detect"]
