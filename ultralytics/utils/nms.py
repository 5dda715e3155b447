"""Public path of non-maximum suppression; it lives in `ultralytics.ops.nms`."""

from ultralytics.ops.nms import TorchNMS, non_max_suppression

__all__ = ["TorchNMS", "non_max_suppression"]
