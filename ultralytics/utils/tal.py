"""Public path of assigners and distance codecs, from `ultralytics.nn.loss` and `ultralytics.ops.anchors`."""

from ultralytics.nn.loss.assign import RotatedTaskAlignedAssigner, TaskAlignedAssigner
from ultralytics.nn.loss.assign_shapes import PoseTaskAlignedAssigner, SegTaskAlignedAssigner
from ultralytics.ops.anchors import bbox2dist, dist2bbox, dist2rbox, make_anchors, rbox2dist
from ultralytics.utils.lazy import offer

__all__ = [
    "PoseTaskAlignedAssigner",
    "RotatedTaskAlignedAssigner",
    "SegTaskAlignedAssigner",
    "TaskAlignedAssigner",
    "bbox2dist",
    "dist2bbox",
    "dist2rbox",
    "make_anchors",
    "rbox2dist",
]

__getattr__, __dir__ = offer(__name__)
