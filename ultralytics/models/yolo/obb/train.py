"""`OBBTrainer`."""

from __future__ import annotations

from ultralytics.models.yolo.family import FamilyTrainer
from ultralytics.models.yolo.obb.task import OBB
from ultralytics.utils.lazy import offer

__all__ = ["OBBTrainer"]


class OBBTrainer(FamilyTrainer):
    """Trains models of oriented boxes: `OBBTrainer(overrides={"model": "yolov8n-obb.yaml", "data": ...}).train()`."""

    spec = OBB


__getattr__, __dir__ = offer(__name__)
