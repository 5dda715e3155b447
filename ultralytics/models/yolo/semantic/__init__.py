"""Semantic segmentation: a class for every pixel."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "SemanticSegmentationPredictor": "ultralytics.models.yolo.semantic.predict:SemanticSegmentationPredictor",
        "SemanticSegmentationTrainer": "ultralytics.models.yolo.semantic.train:SemanticSegmentationTrainer",
        "SemanticSegmentationValidator": "ultralytics.models.yolo.semantic.val:SemanticSegmentationValidator",
    },
)
