"""One-to-one matching of predictions with labels: which detections of an image are right.

The rule: predictions choose in falling score order, each takes the best overlapping label that is still free. Seen
from the labels, everyone prefers the better-scored prediction; so the same outcome is reached by rounds of proposals,
in which every prediction asks for its best remaining label and every label keeps the first that asks. A few rounds over
whole arrays replace a walk over hundreds of predictions, for all overlap thresholds at once.

Shapes: N predictions, best score first, M labels, T overlap thresholds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ultralytics.ops.assignment import linear_sum_assignment

__all__ = ["choose_labels", "match_predictions"]


def choose_labels(worth: np.ndarray) -> np.ndarray:
    """Return the label that every prediction gets.

    Args:
        worth: `(T, N, M)` how much prediction n wants label m, 0 where it may not have it; not changed.

    Returns:
        `(T, N)` label of every prediction, -1 for none.
    """
    worth = worth.copy()
    table, predictions, labels = worth.shape
    if not predictions or not labels:
        return np.full((table, predictions), -1)
    while True:
        choice = worth.argmax(2)
        asks = np.take_along_axis(worth, choice[..., None], 2)[..., 0] > 0
        row, asker = np.nonzero(asks)
        wanted = choice[row, asker]
        keeper = np.full((table, labels), predictions)
        np.minimum.at(keeper, (row, wanted), asker)  # the first that asks
        refused = keeper[row, wanted] != asker
        if not refused.any():
            return np.where(asks, choice, -1)
        worth[row[refused], asker[refused], wanted[refused]] = 0


def _optimal_labels(worth: np.ndarray) -> np.ndarray:
    """Return the labels `(T, N)` of the matching with the largest total worth, -1 for none."""
    out = np.full(worth.shape[:2], -1)
    for chosen, table in zip(out, worth, strict=True):
        predictions, labels = linear_sum_assignment(-table)
        real = table[predictions, labels] > 0
        chosen[predictions[real]] = labels[real]
    return out


def _array(x: Any) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)


def match_predictions(
    pred_cls: torch.Tensor | np.ndarray,
    true_cls: torch.Tensor | np.ndarray,
    iou: torch.Tensor | np.ndarray,
    iouv: torch.Tensor | np.ndarray,
    use_scipy: bool = False,
) -> torch.Tensor:
    """Return which predictions of one image are right at every overlap threshold.

    Args:
        pred_cls: `(N,)` predicted classes, best score first.
        true_cls: `(M,)` classes of the labels.
        iou: `(M, N)` overlap of every label with every prediction.
        iouv: `(T,)` thresholds; an overlap equal to the threshold counts.
        use_scipy: maximise the sum of overlaps instead of letting the best score choose first.

    Returns:
        `(N, T)` bool tensor on the device of `pred_cls`.
    """
    device = pred_cls.device if isinstance(pred_cls, torch.Tensor) else torch.device("cpu")
    predicted, true, overlap, thresholds = (_array(x) for x in (pred_cls, true_cls, iou, iouv))
    correct = np.zeros((len(predicted), len(thresholds)), dtype=bool)
    overlap = np.where(true[:, None] == predicted[None], overlap, 0).T.astype(np.float64)  # (N, M)
    if overlap.size:
        near = np.flatnonzero(overlap.max(1) >= thresholds.min())  # most predictions at low confidence touch nothing
        worth = np.where(overlap[near][None] >= thresholds[:, None, None], overlap[near][None], 0)
        chosen = (_optimal_labels if use_scipy else choose_labels)(worth)
        correct[near] = (chosen >= 0).T
    return torch.from_numpy(correct).to(device)
