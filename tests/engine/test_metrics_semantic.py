"""Metrics of semantic segmentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ultralytics.engine.metrics.semantic import SemanticMetrics


def golden_inputs(nc: int):
    """Draw the inputs of `dense_metrics.json` by the rule that is in it."""
    r = np.random.RandomState(0)
    for count in (5, 1):
        n = max(count, 2)
        truth = r.randint(0, n, (3, 32, 40))
        truth[r.rand(3, 32, 40) < 0.1] = 255
        if count == 5:
            truth[truth == 3] = 0
        same = r.rand(3, 32, 40) < 0.6
        pred = np.where(same, np.where(truth == 255, 0, truth), r.randint(0, n, (3, 32, 40)))
        if count == nc:
            return torch.from_numpy(pred), torch.from_numpy(truth)
    raise ValueError(nc)


@pytest.mark.parametrize("nc", [5, 1])
def test_figures_match_golden_dense_metrics(golden, nc):
    want = golden("dense_metrics.json")[f"semantic_nc{nc}"]
    pred, truth = golden_inputs(nc)
    metrics = SemanticMetrics({i: f"c{i}" for i in range(nc)})
    metrics.update_stats(pred[:2], truth[:2])
    metrics.update_stats(pred[2:], truth[2:])
    metrics.process()
    assert metrics.matrix.tolist() == want["matrix"]
    for name in set(want) - {"matrix"}:
        assert np.allclose(getattr(metrics, name), want[name], atol=1e-6) if name != "keys" else metrics.keys
    assert metrics.keys == want["keys"] and list(metrics.ap_class_index) == want["ap_class_index"]
    assert metrics.results_dict == {
        "metrics/mIoU": metrics.miou,
        "metrics/pixel_acc": metrics.pixel_accuracy,
        "fitness": metrics.miou,
    }
    assert [row["Class"] for row in metrics.summary()] == [f"c{c}" for c in metrics.ap_class_index]
    assert metrics.class_result(len(metrics.ap_class_index) - 1)[0] == pytest.approx(want["per_class_iou"][-1])
    assert "mIoU" in metrics.to_csv()


MAPS = hnp.arrays(np.uint8, (2, 5, 6), elements=st.sampled_from([0, 1, 2, 3, 200, 255]))


@settings(max_examples=30, deadline=None)
@given(MAPS, MAPS)
def test_counts_are_those_of_a_loop(truth, pred):
    metrics = SemanticMetrics(dict.fromkeys(range(3), "c"))
    metrics.update_stats(torch.from_numpy(pred), torch.from_numpy(truth))
    want = np.zeros((3, 3))
    for t, p in zip(truth.ravel().tolist(), pred.ravel().tolist(), strict=True):
        if t < 3 and p < 3:
            want[t, p] += 1
    assert np.array_equal(metrics.matrix.numpy(), want)
    metrics.process()
    shown = [sum((((i == c) & (p < 3)).any()) for i, p in zip(truth, pred, strict=True)) for c in range(3)]
    assert metrics.nt_per_image.tolist() == shown


def test_nothing_counted_gives_zeros():
    metrics = SemanticMetrics({0: "a", 1: "b"})
    metrics.process()
    assert metrics.results_dict == {"metrics/mIoU": 0.0, "metrics/pixel_acc": 0.0, "fitness": 0.0}
    assert metrics.summary() == [] and metrics.matrix is None and metrics.per_class_iou.tolist() == [0, 0]


def test_figures_stay_when_counts_are_cleared():
    metrics = SemanticMetrics({0: "a", 1: "b"})
    metrics.update_stats(torch.zeros(1, 4, 4), torch.zeros(1, 4, 4))
    metrics.process()
    metrics.clear_stats()
    assert metrics.miou == 1 and metrics.matrix is None


@pytest.mark.parametrize("nc", [1, 3, 70])
def test_bars_are_drawn(tmp_path, nc):
    metrics, drawn = SemanticMetrics({i: f"{i} $“é”" for i in range(nc)}), []
    metrics.update_stats(torch.randint(nc, (2, 9, 9)), torch.randint(nc, (2, 9, 9)))
    metrics.process(tmp_path, plot=True, on_plot=drawn.append)
    assert drawn == [tmp_path / "iou_bar_chart.png"] and drawn[0].stat().st_size > 5000
