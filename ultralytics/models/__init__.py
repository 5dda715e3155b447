"""Model classes of the public interface."""

from __future__ import annotations

from ultralytics.models.rtdetr.model import RTDETR
from ultralytics.models.unbuilt import LLM, NAS, SAM, FastSAM
from ultralytics.models.yolo.model import YOLO, YOLOE, YOLOWorld

__all__ = ["LLM", "NAS", "RTDETR", "SAM", "YOLO", "YOLOE", "FastSAM", "YOLOWorld"]
