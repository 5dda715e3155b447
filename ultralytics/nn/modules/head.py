"""Public path of the heads."""

from ultralytics.nn.head.classify import Classify
from ultralytics.nn.head.detect import Detect
from ultralytics.nn.head.obb import OBB
from ultralytics.nn.head.pose import Pose
from ultralytics.nn.head.segment import Segment

__all__ = ["OBB", "Classify", "Detect", "Pose", "Segment"]
