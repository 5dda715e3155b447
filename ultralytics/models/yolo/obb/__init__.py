"""Oriented boxes: centre, size and angle."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "OBBPredictor": "ultralytics.models.yolo.obb.predict:OBBPredictor",
        "OBBTrainer": "ultralytics.models.yolo.obb.train:OBBTrainer",
        "OBBValidator": "ultralytics.models.yolo.obb.val:OBBValidator",
    },
)
