"""`SegmentationTrainer`."""

from __future__ import annotations

from ultralytics.models.yolo.family import FamilyTrainer
from ultralytics.models.yolo.segment.task import SEGMENT
from ultralytics.utils.lazy import offer

__all__ = ["SegmentationTrainer"]


class SegmentationTrainer(FamilyTrainer):
    """Trains segmentation models: `SegmentationTrainer(overrides={"model": "yolov8n-seg.yaml", ...}).train()`."""

    spec = SEGMENT


__getattr__, __dir__ = offer(__name__)
