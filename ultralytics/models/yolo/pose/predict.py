"""Prediction of boxes with keypoints."""

from __future__ import annotations

from dataclasses import replace

from ultralytics.engine.task import SelectOptions
from ultralytics.models.yolo.detect.predict import DetectionPredictor
from ultralytics.models.yolo.pose.task import POSE
from ultralytics.utils.lazy import offer

__all__ = ["PosePredictor"]


class PosePredictor(DetectionPredictor):
    """Predictor of pose models; its rows (N, 6 + K * D) end with the keypoints in input pixels."""

    spec = POSE

    def select_options(self) -> SelectOptions:
        """Return the thresholds of the current call, and where the keypoints begin."""
        return replace(super().select_options(), nc=len(self.model.names))


__getattr__, __dir__ = offer(__name__)
