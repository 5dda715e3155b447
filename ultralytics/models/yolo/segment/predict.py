"""Prediction of boxes with masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ultralytics.engine.results import Results
from ultralytics.models.yolo.detect.predict import DetectionPredictor
from ultralytics.models.yolo.detect.stages import from_rows, to_rows
from ultralytics.models.yolo.segment.task import SEGMENT
from ultralytics.utils.lazy import offer

__all__ = ["SegmentationPredictor"]


class SegmentationPredictor(DetectionPredictor):
    """Predictor of segmentation models.

    Between its stages detections are rows (N, 6 + C) x1, y1, x2, y2, conf, cls, mask coefficients in input pixels, and
    every picture has its prototypes (C, h, w).
    """

    spec = SEGMENT

    def postprocess(self, preds: Any, img: torch.Tensor, orig_imgs: Any, **kwargs: Any) -> list[Results]:
        """Return one `Results` per picture; arguments as in `BasePredictor.postprocess`."""
        found = self.spec.select(preds, self.select_options())
        protos = torch.stack([d.shared for d in found]) if len(found) > 1 else found[0].shared[None]
        return self.construct_results([to_rows(d) for d in found], img, self.originals(orig_imgs), protos=protos)

    def construct_results(
        self,
        preds: Sequence[torch.Tensor],
        img: torch.Tensor,
        orig_imgs: Sequence[np.ndarray],
        protos: torch.Tensor,
    ) -> list[Results]:
        """Return one `Results` per picture from rows (N, 6 + C) and prototypes (B, C, h, w)."""
        pictures = zip(preds, orig_imgs, self.batch[0], protos, strict=True)
        return [self.construct_result(pred, img, orig_img, path, proto) for pred, orig_img, path, proto in pictures]

    def construct_result(
        self, pred: torch.Tensor, img: torch.Tensor, orig_img: np.ndarray, img_path: str, proto: torch.Tensor
    ) -> Results:
        """Return the `Results` of one picture from rows (N, 6 + C) and its prototypes (C, h, w)."""
        return self.spec.finish(replace(from_rows(pred), shared=proto), self.frame(img, orig_img, img_path))


__getattr__, __dir__ = offer(__name__)
