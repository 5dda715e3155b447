"""Instance segmentation: boxes with masks."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "SegmentationPredictor": "ultralytics.models.yolo.segment.predict:SegmentationPredictor",
        "SegmentationTrainer": "ultralytics.models.yolo.segment.train:SegmentationTrainer",
        "SegmentationValidator": "ultralytics.models.yolo.segment.val:SegmentationValidator",
    },
)
