"""RT-DETR: detection by a transformer, on stretched square pictures and without suppression."""

from __future__ import annotations

from ultralytics.models.rtdetr.model import RTDETR
from ultralytics.models.rtdetr.predict import RTDETRPredictor
from ultralytics.models.rtdetr.val import RTDETRValidator

__all__ = ["RTDETR", "RTDETRPredictor", "RTDETRValidator"]
