"""Public path of the heads."""

from ultralytics.nn.head.classify import Classify
from ultralytics.nn.head.detect import Detect, v10Detect
from ultralytics.nn.head.obb import OBB, OBB26
from ultralytics.nn.head.pose import Pose, Pose26
from ultralytics.nn.head.rtdetr import RTDETRDecoder
from ultralytics.nn.head.segment import Segment, Segment26
from ultralytics.utils.lazy import offer

__all__ = ["OBB", "OBB26", "Classify", "Detect", "Pose", "Pose26", "RTDETRDecoder", "Segment", "Segment26", "v10Detect"]

__getattr__, __dir__ = offer(__name__)
