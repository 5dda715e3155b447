"""Public path of the losses of set-predicting detectors."""

from __future__ import annotations

from ultralytics.nn.loss.detr import DETRLoss, RTDETRDetectionLoss
from ultralytics.utils.lazy import offer

__all__ = ["DETRLoss", "RTDETRDetectionLoss"]

__getattr__, __dir__ = offer(__name__)
