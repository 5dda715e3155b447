"""Public path of non-maximum suppression; it lives in `ultralytics.ops.nms`."""

from ultralytics.ops.nms import TorchNMS, non_max_suppression
from ultralytics.utils.lazy import offer

__all__ = ["TorchNMS", "non_max_suppression"]

__getattr__, __dir__ = offer(__name__)
