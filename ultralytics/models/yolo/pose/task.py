"""The bundle of the pose task."""

from __future__ import annotations

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.engine.task import Task
from ultralytics.models.yolo.pose.stages import finish_poses, pose_overlaps, select_poses

__all__ = ["POSE"]

POSE = Task(
    info=TASK_INFOS["pose"],
    fields=frozenset({"boxes", "keypoints"}),
    model="ultralytics.nn.models:PoseModel",
    trainer="ultralytics.models.yolo.pose.train:PoseTrainer",
    validator="ultralytics.models.yolo.pose.val:PoseValidator",
    predictor="ultralytics.models.yolo.pose.predict:PosePredictor",
    metrics="ultralytics.engine.metrics.detect:PoseMetrics",
    select=select_poses,
    finish=finish_poses,
    overlap=pose_overlaps,
    loss_names=("box_loss", "pose_loss", "kobj_loss", "cls_loss", "dfl_loss"),
)
