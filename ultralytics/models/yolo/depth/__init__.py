"""Depth estimation: a distance for every pixel."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "DepthPredictor": "ultralytics.models.yolo.depth.predict:DepthPredictor",
        "DepthTrainer": "ultralytics.models.yolo.depth.train:DepthTrainer",
        "DepthValidator": "ultralytics.models.yolo.depth.val:DepthValidator",
    },
)
