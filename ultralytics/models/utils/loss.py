"""Public path of the losses of set-predicting detectors."""

from __future__ import annotations

from ultralytics.nn.loss.detr import DETRLoss, RTDETRDetectionLoss

__all__ = ["DETRLoss", "RTDETRDetectionLoss"]
