"""Oriented boxes: centre, size and angle."""

from __future__ import annotations

from ultralytics.models.yolo.obb.predict import OBBPredictor
from ultralytics.models.yolo.obb.train import OBBTrainer
from ultralytics.models.yolo.obb.val import OBBValidator

__all__ = ["OBBPredictor", "OBBTrainer", "OBBValidator"]
