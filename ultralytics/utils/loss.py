"""Public path of losses; they live in `ultralytics.nn.loss`."""

from ultralytics.nn.loss.classify import v8ClassificationLoss
from ultralytics.nn.loss.depth import DepthLoss26
from ultralytics.nn.loss.detect import v8DetectionLoss
from ultralytics.nn.loss.end2end import E2EDetectLoss, E2ELoss
from ultralytics.nn.loss.obb import v8OBBLoss
from ultralytics.nn.loss.pose import v8PoseLoss
from ultralytics.nn.loss.pose26 import PoseLoss26, RLELoss
from ultralytics.nn.loss.segment import v8SegmentationLoss
from ultralytics.nn.loss.segment26 import SegmentLoss26
from ultralytics.nn.loss.semantic import SemanticSegmentationLoss
from ultralytics.nn.loss.terms import (
    BboxLoss,
    BCEDiceLoss,
    DFLoss,
    FocalLoss,
    KeypointLoss,
    MultiChannelDiceLoss,
    RotatedBboxLoss,
    VarifocalLoss,
)
from ultralytics.utils.lazy import offer

__all__ = [
    "BCEDiceLoss",
    "BboxLoss",
    "DFLoss",
    "DepthLoss26",
    "E2EDetectLoss",
    "E2ELoss",
    "FocalLoss",
    "KeypointLoss",
    "MultiChannelDiceLoss",
    "PoseLoss26",
    "RLELoss",
    "RotatedBboxLoss",
    "SegmentLoss26",
    "SemanticSegmentationLoss",
    "VarifocalLoss",
    "v8ClassificationLoss",
    "v8DetectionLoss",
    "v8OBBLoss",
    "v8PoseLoss",
    "v8SegmentationLoss",
]

__getattr__, __dir__ = offer(__name__)
