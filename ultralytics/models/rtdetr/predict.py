"""Prediction by RT-DETR, on stretched pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ultralytics.engine.results import Results
from ultralytics.models.rtdetr.task import RTDETR_DETECT
from ultralytics.models.yolo.detect.predict import DetectionPredictor
from ultralytics.models.yolo.detect.stages import to_rows
from ultralytics.utils.lazy import offer

__all__ = ["RTDETRPredictor"]


class RTDETRPredictor(DetectionPredictor):
    """Predictor of RT-DETR."""

    spec = RTDETR_DETECT
    scale_fill = True

    def postprocess(self, preds: Any, img: torch.Tensor, orig_imgs: Any, **kwargs: Any) -> list[Results]:
        """Return one `Results` per picture; arguments as in `BasePredictor.postprocess`."""
        options = replace(self.select_options(), size_hw=tuple(img.shape[2:]))
        rows = [to_rows(found) for found in self.spec.select(preds, options)]
        return self.construct_results(rows, img, self.originals(orig_imgs))


__getattr__, __dir__ = offer(__name__)
