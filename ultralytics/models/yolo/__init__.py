"""YOLO models, one sub-package per task."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "YOLO": "ultralytics.models.yolo.model:YOLO",
        "YOLOE": "ultralytics.models.yolo.model:YOLOE",
        "YOLOWorld": "ultralytics.models.yolo.model:YOLOWorld",
        "classify": "ultralytics.models.yolo.classify",
        "depth": "ultralytics.models.yolo.depth",
        "detect": "ultralytics.models.yolo.detect",
        "obb": "ultralytics.models.yolo.obb",
        "pose": "ultralytics.models.yolo.pose",
        "segment": "ultralytics.models.yolo.segment",
        "semantic": "ultralytics.models.yolo.semantic",
        "world": "ultralytics.models.yolo.world",
        "yoloe": "ultralytics.models.yolo.yoloe",
    },
)
