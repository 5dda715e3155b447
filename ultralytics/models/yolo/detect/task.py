"""The bundle of the detection task."""

from __future__ import annotations

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.engine.task import Task
from ultralytics.models.yolo.detect.stages import box_overlaps, finish_boxes, select_boxes

__all__ = ["DETECT"]

DETECT = Task(
    info=TASK_INFOS["detect"],
    fields=frozenset({"boxes"}),
    model="ultralytics.nn.models:DetectionModel",
    trainer="ultralytics.models.yolo.detect.train:DetectionTrainer",
    validator="ultralytics.models.yolo.detect.val:DetectionValidator",
    predictor="ultralytics.models.yolo.detect.predict:DetectionPredictor",
    metrics="ultralytics.engine.metrics.detect:DetMetrics",
    select=select_boxes,
    finish=finish_boxes,
    overlap=box_overlaps,
    loss_names=("box_loss", "cls_loss", "dfl_loss"),
)
