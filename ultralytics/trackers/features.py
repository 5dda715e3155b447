"""The detector's own features of its detections, taken out of the output that it gave anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.head.detect import Detect
from ultralytics.ops.iou import box_iou
from ultralytics.ops.rotated import batch_probiou

__all__ = ["Recovered", "has_own_features", "own_features", "recovered"]

PLAIN_TASKS = ("detect", "obb")  # whose detections are rows without masks and points


def has_own_features(predictor: Any) -> bool:
    """Whether a predictor's model gives out the maps that its head looked at: PyTorch models with such a head."""
    return _head(predictor) is not None and hasattr(predictor, "get_obj_feats")


def _head(predictor: Any) -> Detect | None:
    layers = getattr(getattr(predictor.model, "model", None), "model", None)
    head = layers[-1] if isinstance(layers, nn.Sequential) and len(layers) else None
    return head if isinstance(head, Detect) else None


@dataclass(frozen=True)
class Recovered:
    """Detections of one picture that suppression had dropped.

    Attributes:
        rows: `Boxes` or `OBB` in pixels of the picture.
        anchors: (M,) position of each in the network's output.
    """

    rows: Any
    anchors: torch.Tensor


def recovered(predictor: Any, repeat_iou: float, same_iou: float) -> list[Recovered | None]:
    """Return for every picture of the batch what a mild suppression keeps and the usual one did not.

    Args:
        predictor: at the end of its postprocessing.
        repeat_iou: overlap above which the mild suppression drops a box.
        same_iou: what overlaps one of the results more than this was kept by both.
    """
    preds, image = predictor.outputs
    if predictor.model.end2end or predictor.spec.name not in PLAIN_TASKS:
        return [None] * len(predictor.results)
    mild = predictor.spec.select(preds, replace(predictor.select_options(), iou=repeat_iou))
    out: list[Recovered | None] = []
    for detections, result in zip(mild, predictor.results, strict=True):
        frame = predictor.frame(image, result.orig_img, result.path)
        rows, known = (_rows(some) for some in (predictor.spec.finish(detections, frame), result))
        if len(known):
            shapes = [part.xyxy if part.coordinates[0] == "x1" else part.xywhr for part in (known, rows)]
            overlap = (box_iou if shapes[0].shape[1] == 4 else batch_probiou)(*(s.cpu() for s in shapes))
            new = overlap.amax(0) < same_iou if len(rows) else torch.zeros(0, dtype=torch.bool)
            rows, anchors = rows.cpu()[new], detections.index.cpu()[new]
        else:
            rows, anchors = rows.cpu(), detections.index.cpu()
        out.append(Recovered(rows, anchors))
    return out


def _rows(result: Any) -> Any:
    return result.boxes if result.obb is None else result.obb


def own_features(predictor: Any, dropped: Sequence[Recovered | None] = ()) -> list[np.ndarray | None]:
    """Return features (N, D) of the results of every picture of the batch, None where they cannot be told.

    They are what the maps hold at the anchor that gave a detection. A head without suppression does not tell its
    anchors, but choosing its best predictions once more does.

    Args:
        predictor: at the end of its postprocessing, with `outputs` and `results`.
        dropped: further detections of every picture, whose features come after those of the results.
    """
    head, (preds, _) = _head(predictor), predictor.outputs
    raw = _raw(preds)
    if head is None or raw is None:
        return [None] * len(predictor.results)
    found = predictor.spec.select(preds, predictor.select_options())
    anchors = [_kept_anchors(*pair) for pair in zip(found, predictor.results, strict=True)]
    known = [at is not None for at in anchors]
    anchors = [torch.zeros(0, dtype=torch.long) if at is None else at.cpu() for at in anchors]
    if predictor.model.end2end:
        scores = raw["scores"].float().sigmoid().transpose(1, 2)
        chosen = head.get_topk_index(scores, head.max_det)[2][..., 0].cpu()
        anchors = [of_picture[index] for of_picture, index in zip(chosen, anchors, strict=True)]
    more = [torch.zeros(0, dtype=torch.long) if some is None else some.anchors for some in dropped]
    anchors = [torch.cat(pair) for pair in zip(anchors, more, strict=True)] if more else anchors
    device = raw["feats"][0].device
    vectors = predictor.get_obj_feats(raw["feats"], [at.to(device) for at in anchors])
    return [v.float().cpu().numpy() if told else None for v, told in zip(vectors, known, strict=True)]


def _raw(preds: Any) -> dict[str, Any] | None:
    """Return the raw output of the branch that inference used, with the maps that it was made from."""
    if isinstance(preds, dict):
        inner = preds.get("one2one", preds)
        return inner if "feats" in inner else None
    found = (_raw(part) for part in preds) if isinstance(preds, (list, tuple)) else ()
    return next((raw for raw in found if raw is not None), None)


def _kept_anchors(found: Any, result: Any) -> torch.Tensor | None:
    """Return the anchors of those detections that are in the results, which may lack some."""
    rows = _rows(result)
    if len(rows) == len(found):
        return found.index
    at = _positions(found.conf.tolist(), rows.conf.tolist())
    return None if at is None else found.index[at]


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
