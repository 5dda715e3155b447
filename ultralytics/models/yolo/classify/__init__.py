"""Classification: one class per picture."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ClassificationPredictor": "ultralytics.models.yolo.classify.predict:ClassificationPredictor",
        "ClassificationTrainer": "ultralytics.models.yolo.classify.train:ClassificationTrainer",
        "ClassificationValidator": "ultralytics.models.yolo.classify.val:ClassificationValidator",
    },
)
