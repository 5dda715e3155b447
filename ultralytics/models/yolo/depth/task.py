"""The bundle of depth estimation."""

from __future__ import annotations

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.engine.task import Task
from ultralytics.models.yolo.depth.stages import finish_depth, select_depth

__all__ = ["DEPTH"]

DEPTH = Task(
    info=TASK_INFOS["depth"],
    fields=frozenset({"depth"}),
    model="ultralytics.nn.models:DepthModel",
    trainer="ultralytics.models.yolo.depth.train:DepthTrainer",
    validator="ultralytics.models.yolo.depth.val:DepthValidator",
    predictor="ultralytics.models.yolo.depth.predict:DepthPredictor",
    metrics="ultralytics.engine.metrics.depth:DepthMetrics",
    select=select_depth,
    finish=finish_depth,
    loss_names=("dlog_loss", "dgrad_loss"),
    val_batch_factor=1,
)
