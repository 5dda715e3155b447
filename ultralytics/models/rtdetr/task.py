"""The bundle of detection by RT-DETR."""

from __future__ import annotations

from dataclasses import replace

from ultralytics.models.rtdetr.stages import finish_stretched, select_queries
from ultralytics.models.yolo.detect.task import DETECT

__all__ = ["RTDETR_DETECT"]

RTDETR_DETECT = replace(
    DETECT,
    model="ultralytics.nn.models:RTDETRDetectionModel",
    trainer="ultralytics.models.rtdetr.train:RTDETRTrainer",
    validator="ultralytics.models.rtdetr.val:RTDETRValidator",
    predictor="ultralytics.models.rtdetr.predict:RTDETRPredictor",
    select=select_queries,
    finish=finish_stretched,
    loss_names=("giou_loss", "cls_loss", "l1_loss"),
)
