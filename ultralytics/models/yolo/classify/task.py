"""The bundle of the classification task."""

from __future__ import annotations

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.engine.task import Task
from ultralytics.models.yolo.classify.stages import finish_probabilities, select_probabilities

__all__ = ["CLASSIFY"]

CLASSIFY = Task(
    info=TASK_INFOS["classify"],
    fields=frozenset({"cls"}),
    model="ultralytics.nn.models:ClassificationModel",
    trainer="ultralytics.models.yolo.classify.train:ClassificationTrainer",
    validator="ultralytics.models.yolo.classify.val:ClassificationValidator",
    predictor="ultralytics.models.yolo.classify.predict:ClassificationPredictor",
    metrics="ultralytics.engine.metrics.classify:ClassifyMetrics",
    select=select_probabilities,
    finish=finish_probabilities,
    loss_names=("loss",),
)
