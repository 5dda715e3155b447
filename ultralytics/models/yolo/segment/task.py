"""The bundle of the segmentation task."""

from __future__ import annotations

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.engine.task import Task
from ultralytics.models.yolo.segment.stages import finish_segments, segment_overlaps, select_segments

__all__ = ["SEGMENT"]

SEGMENT = Task(
    info=TASK_INFOS["segment"],
    fields=frozenset({"boxes", "segments"}),
    model="ultralytics.nn.models:SegmentationModel",
    trainer="ultralytics.models.yolo.segment.train:SegmentationTrainer",
    validator="ultralytics.models.yolo.segment.val:SegmentationValidator",
    predictor="ultralytics.models.yolo.segment.predict:SegmentationPredictor",
    metrics="ultralytics.engine.metrics.detect:SegmentMetrics",
    select=select_segments,
    finish=finish_segments,
    overlap=segment_overlaps,
    loss_names=("box_loss", "seg_loss", "cls_loss", "dfl_loss", "sem_loss"),
)
