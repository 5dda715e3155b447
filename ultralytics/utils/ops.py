"""Public path of array helpers; they live in `ultralytics.ops`."""

from ultralytics.ops.assignment import linear_sum_assignment
from ultralytics.ops.boxes import (
    clip_boxes,
    clip_coords,
    ltwh2xywh,
    ltwh2xyxy,
    resample_segments,
    scale_boxes,
    scale_coords,
    segment2box,
    segments2boxes,
    xywh2ltwh,
    xywh2xyxy,
    xywhn2xyxy,
    xyxy2ltwh,
    xyxy2xywh,
    xyxy2xywhn,
)
from ultralytics.ops.common import clean_str, convert_torch2numpy_batch, empty_like, make_divisible
from ultralytics.ops.masks import crop_mask, masks2segments, process_mask, process_mask_native, scale_masks
from ultralytics.ops.nms import non_max_suppression
from ultralytics.ops.rotated import regularize_rboxes, xywhr2xyxyxyxy, xyxyxyxy2xywhr
from ultralytics.utils.lazy import offer
from ultralytics.utils.timing import Profile

__all__ = [
    "Profile",
    "clean_str",
    "clip_boxes",
    "clip_coords",
    "convert_torch2numpy_batch",
    "crop_mask",
    "empty_like",
    "linear_sum_assignment",
    "ltwh2xywh",
    "ltwh2xyxy",
    "make_divisible",
    "masks2segments",
    "non_max_suppression",
    "process_mask",
    "process_mask_native",
    "regularize_rboxes",
    "resample_segments",
    "scale_boxes",
    "scale_coords",
    "scale_masks",
    "segment2box",
    "segments2boxes",
    "xywh2ltwh",
    "xywh2xyxy",
    "xywhn2xyxy",
    "xywhr2xyxyxyxy",
    "xyxy2ltwh",
    "xyxy2xywh",
    "xyxy2xywhn",
    "xyxyxyxy2xywhr",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        name: f"ultralytics.ops.former:{name}" for name in ("nms_rotated", "process_mask_upsample", "scale_image")
    },  # of 8.1
)
