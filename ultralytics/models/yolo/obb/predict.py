"""Prediction of oriented boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ultralytics.engine.results import Results
from ultralytics.models.yolo.detect.predict import DetectionPredictor
from ultralytics.models.yolo.obb.stages import from_rotated_rows, to_rotated_rows
from ultralytics.models.yolo.obb.task import OBB
from ultralytics.utils.lazy import offer

__all__ = ["OBBPredictor"]


class OBBPredictor(DetectionPredictor):
    """Predictor of models of oriented boxes; its rows (N, 7) are centre, size, conf, cls, angle in input pixels."""

    spec = OBB

    def postprocess(self, preds: Any, img: torch.Tensor, orig_imgs: Any, **kwargs: Any) -> list[Results]:
        """Return one `Results` per picture; arguments as in `BasePredictor.postprocess`."""
        found = self.spec.select(preds, self.select_options())
        return self.construct_results([to_rotated_rows(d) for d in found], img, self.originals(orig_imgs))

    def construct_result(self, pred: torch.Tensor, img: torch.Tensor, orig_img: np.ndarray, img_path: str) -> Results:
        """Return the `Results` of one picture from rows (N, 7)."""
        return self.spec.finish(from_rotated_rows(pred), self.frame(img, orig_img, img_path))


__getattr__, __dir__ = offer(__name__)
