"""The detector's own features of its detections, taken out of the output that it gave anyway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.head.detect import Detect

__all__ = ["has_own_features", "own_features"]


def has_own_features(predictor: Any) -> bool:
    """Whether a predictor's model gives out the maps that its head looked at: PyTorch models with such a head."""
    return _head(predictor) is not None and hasattr(predictor, "get_obj_feats")


def _head(predictor: Any) -> Detect | None:
    layers = getattr(getattr(predictor.model, "model", None), "model", None)
    head = layers[-1] if isinstance(layers, nn.Sequential) and len(layers) else None
    return head if isinstance(head, Detect) else None


def own_features(predictor: Any) -> list[np.ndarray | None]:
    """Return features (N, D) of the results of every picture of the batch, None where they cannot be told.

    They are what the maps hold at the anchor that gave a detection. A head without suppression does not tell its
    anchors, but choosing its best predictions once more does.

    Args:
        predictor: at the end of its postprocessing, with `outputs` and `results`.
    """
    head, (preds, _) = _head(predictor), predictor.outputs
    raw = _raw(preds)
    if head is None or raw is None:
        return [None] * len(predictor.results)
    found = predictor.spec.select(preds, predictor.select_options())
    anchors = [detections.index for detections in found]
    if predictor.model.end2end:
        scores = raw["scores"].float().sigmoid().transpose(1, 2)
        chosen = head.get_topk_index(scores, head.max_det)[2][..., 0]
        anchors = [of_picture[index] for of_picture, index in zip(chosen, anchors, strict=True)]
    vectors = predictor.get_obj_feats(raw["feats"], anchors)
    return [_aligned(*pair) for pair in zip(vectors, found, predictor.results, strict=True)]


def _raw(preds: Any) -> dict[str, Any] | None:
    """Return the raw output of the branch that inference used, with the maps that it was made from."""
    if isinstance(preds, dict):
        inner = preds.get("one2one", preds)
        return inner if "feats" in inner else None
    found = (_raw(part) for part in preds) if isinstance(preds, (list, tuple)) else ()
    return next((raw for raw in found if raw is not None), None)


def _aligned(vectors: torch.Tensor, found: Any, result: Any) -> np.ndarray | None:
    """Return the vectors of those detections that are in the results, which may lack some."""
    rows = result.boxes if result.obb is None else result.obb
    if len(rows) == len(found):
        return vectors.float().cpu().numpy()
    at = _positions(found.conf.tolist(), rows.conf.tolist())
    return None if at is None else vectors[at].float().cpu().numpy()


def _positions(scores: Sequence[float], kept: Sequence[float]) -> list[int] | None:
    """Return where in a list of scores a part of it stands, in its order; None where it is no part of it."""
    at, places = 0, []
    for score in kept:
        while at < len(scores) and scores[at] != score:
            at += 1
        if at == len(scores):
            return None
        places.append(at)
        at += 1
    return places
