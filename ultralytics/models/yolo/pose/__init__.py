"""Pose estimation: boxes with keypoints."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "PosePredictor": "ultralytics.models.yolo.pose.predict:PosePredictor",
        "PoseTrainer": "ultralytics.models.yolo.pose.train:PoseTrainer",
        "PoseValidator": "ultralytics.models.yolo.pose.val:PoseValidator",
    },
)
