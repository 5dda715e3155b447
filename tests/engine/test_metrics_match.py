from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.engine.metrics.match import choose_labels, match_predictions

IOUV = torch.linspace(0.5, 0.95, 10)


def test_matches_golden_metrics(golden):
    g = golden("metrics")
    inputs = [torch.from_numpy(g[f"match.{k}"]) for k in ("pred_cls", "true_cls", "iou")]
    g.check("match.correct", match_predictions(*inputs, IOUV), 0, 0)
    g.check("match.correct_scipy", match_predictions(*inputs, IOUV, use_scipy=True), 0, 0)


def one_after_another(worth: np.ndarray) -> np.ndarray:
    out = np.full(worth.shape[:2], -1)
    for chosen, table in zip(out, worth, strict=True):
        free = np.ones(table.shape[1], bool)
        for n, wants in enumerate(table):
            left = np.where(free, wants, 0)
            if left.size and left.max() > 0:
                chosen[n] = left.argmax()
                free[chosen[n]] = False
    return out


@settings(max_examples=100)
@given(st.integers(0, 10_000), st.integers(0, 25), st.integers(0, 8))
def test_rounds_of_proposals_equal_choosing_in_turn(seed, predictions, labels):
    rng = np.random.default_rng(seed)
    worth = rng.random((3, predictions, labels)) * (rng.random((3, predictions, labels)) < 0.5)
    assert np.array_equal(choose_labels(worth), one_after_another(worth))


def test_classes_and_thresholds():
    iou = torch.tensor([[0.5, 0.9]])
    assert match_predictions(torch.tensor([1.0, 1]), torch.tensor([1.0]), iou, IOUV).sum(0).tolist() == [1] * 9 + [0]
    # An overlap equal to the threshold counts, so at 0.5 the first prediction takes the label from the better box.
    assert match_predictions(torch.tensor([1.0, 1]), torch.tensor([1.0]), iou, IOUV)[:, 0].tolist() == [True, False]
    assert not match_predictions(torch.tensor([1.0, 1]), torch.tensor([0.0]), iou, IOUV).any()


def test_nothing_to_match():
    none = torch.zeros(0)
    assert match_predictions(none, torch.ones(3), torch.zeros(3, 0), IOUV).shape == (0, 10)
    assert not match_predictions(torch.ones(2), none, torch.zeros(0, 2), IOUV).any()
