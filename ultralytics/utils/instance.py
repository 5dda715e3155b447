"""Public import path of `Bboxes` and `Instances`."""

from __future__ import annotations

from ultralytics.data.labels.instances import Bboxes, Instances
from ultralytics.utils.helpers import to_2tuple, to_4tuple
from ultralytics.utils.lazy import offer

__all__ = ["Bboxes", "Instances", "to_2tuple", "to_4tuple"]

__getattr__, __dir__ = offer(__name__)
