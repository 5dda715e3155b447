"""Public import path of `Bboxes` and `Instances`."""

from __future__ import annotations

from ultralytics.data.labels.instances import Bboxes, Instances

__all__ = ["Bboxes", "Instances"]
