"""Prediction of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ultralytics.engine.predictor import BasePredictor
from ultralytics.engine.results import Results
from ultralytics.models.yolo.detect.stages import from_rows, to_rows
from ultralytics.models.yolo.detect.task import DETECT
from ultralytics.utils.lazy import offer

__all__ = ["DetectionPredictor"]


class DetectionPredictor(BasePredictor):
    """Predictor of detection models.

    Between its stages detections are rows (N, 6 + E) x1, y1, x2, y2, conf, cls, extra in input pixels, one tensor per
    picture, so that subclasses may override `construct_results` or `construct_result`.
    """

    spec = DETECT

    def postprocess(self, preds: Any, img: torch.Tensor, orig_imgs: Any, **kwargs: Any) -> list[Results]:
        """Return one `Results` per picture; arguments as in `BasePredictor.postprocess`."""
        detections = self.spec.select(preds, self.select_options())
        return self.construct_results([to_rows(found) for found in detections], img, self.originals(orig_imgs))

    def construct_results(
        self, preds: Sequence[torch.Tensor], img: torch.Tensor, orig_imgs: Sequence[np.ndarray]
    ) -> list[Results]:
        """Return one `Results` per picture from rows (N, 6 + E)."""
        pictures = zip(preds, orig_imgs, self.batch[0], strict=True)
        return [self.construct_result(pred, img, orig_img, path) for pred, orig_img, path in pictures]

    def construct_result(self, pred: torch.Tensor, img: torch.Tensor, orig_img: np.ndarray, img_path: str) -> Results:
        """Return the `Results` of one picture from rows (N, 6 + E)."""
        return self.spec.finish(from_rows(pred), self.frame(img, orig_img, img_path))

    @staticmethod
    def get_obj_feats(feat_maps: Sequence[torch.Tensor], idxs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return a feature vector for every detection: the values of the head's input maps at its anchor.

        Args:
            feat_maps: one map (B, C, H, W) per level, C a multiple of the smallest one's channels.
            idxs: anchor of every detection, one (N,) tensor per picture.

        Returns:
            One (N, C of the smallest map) tensor per picture.
        """
        width = min(level.shape[1] for level in feat_maps)
        flat = [level.flatten(2).unflatten(1, (width, -1)).mean(2) for level in feat_maps]
        table = torch.cat(flat, 2).transpose(1, 2)  # (B, A, width)
        return [features[index] for features, index in zip(table, idxs, strict=True)]


__getattr__, __dir__ = offer(__name__)
