"""The bundle of the task of oriented boxes."""

from __future__ import annotations

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.engine.task import Task
from ultralytics.models.yolo.obb.stages import finish_rotated, rotated_overlaps, select_rotated

__all__ = ["OBB"]

OBB = Task(
    info=TASK_INFOS["obb"],
    fields=frozenset({"boxes", "segments"}),
    model="ultralytics.nn.models:OBBModel",
    trainer="ultralytics.models.yolo.obb.train:OBBTrainer",
    validator="ultralytics.models.yolo.obb.val:OBBValidator",
    predictor="ultralytics.models.yolo.obb.predict:OBBPredictor",
    metrics="ultralytics.engine.metrics.detect:OBBMetrics",
    select=select_rotated,
    finish=finish_rotated,
    overlap=rotated_overlaps,
    loss_names=("box_loss", "cls_loss", "dfl_loss", "angle_loss"),
    val_batch_factor=1,
)
