"""Public path of overlaps and metrics; they live in `ultralytics.ops` and `ultralytics.engine.metrics`."""

from ultralytics.engine.metrics.ap import ap_per_class, compute_ap, smooth, smooth_bce
from ultralytics.engine.metrics.base import Metric
from ultralytics.engine.metrics.classify import ClassifyMetrics
from ultralytics.engine.metrics.confusion import ConfusionMatrix
from ultralytics.engine.metrics.depth import DepthMetrics
from ultralytics.engine.metrics.detect import DetMetrics, OBBMetrics, PoseMetrics, SegmentMetrics
from ultralytics.engine.metrics.semantic import SemanticMetrics
from ultralytics.engine.plots.curves import plot_mc_curve, plot_pr_curve
from ultralytics.nn.loss.semantic import CITYSCAPES_WEIGHT
from ultralytics.ops.iou import bbox_ioa, bbox_iou, box_iou, mask_iou
from ultralytics.ops.keypoints import OKS_SIGMA, kpt_iou
from ultralytics.ops.rotated import batch_probiou, probiou
from ultralytics.utils.lazy import offer

__all__ = [
    "CITYSCAPES_WEIGHT",
    "OKS_SIGMA",
    "ClassifyMetrics",
    "ConfusionMatrix",
    "DepthMetrics",
    "DetMetrics",
    "Metric",
    "OBBMetrics",
    "PoseMetrics",
    "SegmentMetrics",
    "SemanticMetrics",
    "ap_per_class",
    "batch_probiou",
    "bbox_ioa",
    "bbox_iou",
    "box_iou",
    "compute_ap",
    "kpt_iou",
    "mask_iou",
    "plot_mc_curve",
    "plot_pr_curve",
    "probiou",
    "smooth",
    "smooth_bce",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "RLE_WEIGHT": "ultralytics.nn.loss.pose26:RLE_WEIGHT",
        "smooth_BCE": "ultralytics.engine.metrics.ap:smooth_bce",  # name of 8.1
    },
)
