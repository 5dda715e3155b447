"""Public path of assigners and distance codecs, from `ultralytics.nn.loss.assign` and `ultralytics.ops.anchors`."""

from ultralytics.nn.loss.assign import RotatedTaskAlignedAssigner, TaskAlignedAssigner
from ultralytics.ops.anchors import bbox2dist, dist2bbox, dist2rbox, make_anchors, rbox2dist

__all__ = [
    "RotatedTaskAlignedAssigner",
    "TaskAlignedAssigner",
    "bbox2dist",
    "dist2bbox",
    "dist2rbox",
    "make_anchors",
    "rbox2dist",
]
