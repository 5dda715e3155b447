"""Classification: one class per picture."""

from __future__ import annotations

from ultralytics.models.yolo.classify.predict import ClassificationPredictor
from ultralytics.models.yolo.classify.train import ClassificationTrainer
from ultralytics.models.yolo.classify.val import ClassificationValidator

__all__ = ["ClassificationPredictor", "ClassificationTrainer", "ClassificationValidator"]
