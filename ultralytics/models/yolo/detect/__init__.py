"""Detection: axis-aligned boxes."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "DetectionPredictor": "ultralytics.models.yolo.detect.predict:DetectionPredictor",
        "DetectionTrainer": "ultralytics.models.yolo.detect.train:DetectionTrainer",
        "DetectionValidator": "ultralytics.models.yolo.detect.val:DetectionValidator",
    },
)
