"""Prediction of class maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ultralytics.cfg.merge import DEFAULT_CFG
from ultralytics.engine.predictor import BasePredictor
from ultralytics.engine.results import Results
from ultralytics.engine.task import Frame
from ultralytics.models.yolo.semantic.stages import check_output, pixel_values
from ultralytics.models.yolo.semantic.task import SEMANTIC
from ultralytics.utils.lazy import offer

__all__ = ["SemanticSegmentationPredictor"]


class SemanticSegmentationPredictor(BasePredictor):
    """Predictor of semantic segmentation models."""

    spec = SEMANTIC

    def __init__(
        self,
        cfg: Any = DEFAULT_CFG,
        overrides: dict[str, Any] | None = None,
        _callbacks: dict[str, list[Callable]] | None = None,
    ) -> None:
        super().__init__(cfg, {**(overrides or {}), "task": SEMANTIC.name}, _callbacks)

    def postprocess(self, preds: Any, img: torch.Tensor, orig_imgs: Any) -> list[Results]:
        """Return one `Results` per picture; arguments as in `BasePredictor.postprocess`."""
        values = pixel_values(preds)
        check_output(values, self.model.names, self.args.model)
        pictures = zip(values, self.originals(orig_imgs), self.batch[0], strict=True)
        return [self.spec.finish(found, self.frame(img, picture, path)) for found, picture, path in pictures]

    def frame(self, img: torch.Tensor, orig_img: np.ndarray, path: str) -> Frame:
        """Return what the finishing stage has to know about one picture."""
        frame = super().frame(img, orig_img, path)
        return Frame(frame.image, frame.path, frame.input_hw, frame.names, {"classes": self.select_options().classes})


__getattr__, __dir__ = offer(__name__)
