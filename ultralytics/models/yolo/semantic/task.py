"""The bundle of semantic segmentation."""

from __future__ import annotations

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.engine.task import Task
from ultralytics.models.yolo.semantic.stages import finish_class_map, select_class_maps

__all__ = ["SEMANTIC"]

SEMANTIC = Task(
    info=TASK_INFOS["semantic"],
    fields=frozenset({"semantic_mask"}),
    model="ultralytics.nn.models:SemanticSegmentationModel",
    trainer="ultralytics.models.yolo.semantic.train:SemanticSegmentationTrainer",
    validator="ultralytics.models.yolo.semantic.val:SemanticSegmentationValidator",
    predictor="ultralytics.models.yolo.semantic.predict:SemanticSegmentationPredictor",
    metrics="ultralytics.engine.metrics.semantic:SemanticMetrics",
    select=select_class_maps,
    finish=finish_class_map,
    loss_names=("ce_loss", "dice_loss", "aux_loss"),
    val_batch_factor=1,
)
