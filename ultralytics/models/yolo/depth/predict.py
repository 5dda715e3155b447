"""Prediction of depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ultralytics.cfg.merge import DEFAULT_CFG
from ultralytics.engine.predictor import BasePredictor
from ultralytics.models.yolo.depth.task import DEPTH
from ultralytics.utils.lazy import offer

__all__ = ["DepthPredictor"]


class DepthPredictor(BasePredictor):
    """Predictor of depth models, which see every picture stretched to the input size, as they were validated."""

    spec = DEPTH
    scale_fill = True

    def __init__(
        self,
        cfg: Any = DEFAULT_CFG,
        overrides: dict[str, Any] | None = None,
        _callbacks: dict[str, list[Callable]] | None = None,
    ) -> None:
        super().__init__(cfg, {**(overrides or {}), "task": DEPTH.name}, _callbacks)


__getattr__, __dir__ = offer(__name__)
