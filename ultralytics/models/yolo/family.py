"""`FamilyTrainer`: a detection trainer of another task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ultralytics.cfg.merge import DEFAULT_CFG
from ultralytics.models.yolo.detect.train import DetectionTrainer

__all__ = ["FamilyTrainer"]


class FamilyTrainer(DetectionTrainer):
    """Trains a task that finds boxes and something more. A subclass sets `spec`."""

    def __init__(
        self, cfg: Any = DEFAULT_CFG, overrides: Mapping[str, Any] | None = None, _callbacks: dict | None = None
    ) -> None:
        super().__init__(cfg, {**(overrides or {}), "task": self.spec.name}, _callbacks)
