"""Instance segmentation: boxes with masks."""

from __future__ import annotations

from ultralytics.models.yolo.segment.predict import SegmentationPredictor
from ultralytics.models.yolo.segment.train import SegmentationTrainer
from ultralytics.models.yolo.segment.val import SegmentationValidator

__all__ = ["SegmentationPredictor", "SegmentationTrainer", "SegmentationValidator"]
