"""Depth metrics: golden figures, alignment, images that do not count, ranks."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

from ultralytics.engine.metrics.depth import DepthMetrics, depth_figures


def golden_maps() -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions and truth made by the rule that stands in dense_metrics.json."""
    r = np.random.RandomState(0)
    for nc in (5, 2):  # what the rule draws for other metrics first
        r.randint(0, nc, (3, 32, 40)), r.rand(3, 32, 40), r.rand(3, 32, 40), r.randint(0, nc, (3, 32, 40))
    g = np.exp(r.randn(3, 1, 24, 24)).astype(np.float32)
    g[r.rand(3, 1, 24, 24) < 0.2] = 0
    g[2] = 0
    p = (g * np.exp(0.2 * r.randn(3, 1, 24, 24)) * 1.7 + 0.01).astype(np.float32)
    p[0, 0, 0, :3] = np.nan, np.inf, -np.inf
    return torch.from_numpy(p), torch.from_numpy(g)


def measured(preds: torch.Tensor, targets: torch.Tensor, **options: object) -> DepthMetrics:
    metrics = DepthMetrics(**options)
    metrics.update_stats(preds, targets)
    metrics.process()
    return metrics


@pytest.mark.parametrize("align", ["median", "none"])
def test_figures_match_golden_dense_metrics(golden, align):
    want = golden("dense_metrics.json")[f"depth_{align}"]
    metrics = measured(*golden_maps(), max_depth=10, align=align)
    assert metrics.results_dict == pytest.approx(want, abs=1e-6)
    assert len(metrics.rows) == 2  # the third has no truth


def test_perfect_but_for_a_factor():
    truth = torch.rand(2, 16, 16) + 0.5
    aligned, plain = measured(truth * 3, truth), measured(truth * 3, truth, align="none")
    assert aligned.delta1 == 1 and aligned.abs_rel == pytest.approx(0, abs=1e-6)
    assert (
        plain.delta3 == 0 and plain.abs_rel == pytest.approx(2, abs=1e-5) and plain.silog == pytest.approx(0, abs=0.1)
    )


def test_images_without_enough_truth_do_not_count():
    truth = torch.zeros(16)
    truth[:9] = 1
    assert depth_figures(torch.ones(16), truth) is None
    truth[9] = 1
    assert depth_figures(torch.ones(16), truth)[:3] == (1, 1, 1)
    metrics = measured(torch.ones(1, 1, 4, 4), torch.full((1, 1, 4, 4), 200.0))  # beyond max_depth
    assert metrics.rows == [] and set(metrics.results_dict.values()) == {0.0}


def test_predictions_without_a_finite_number_are_measured():
    row = depth_figures(torch.full((16,), float("nan")), torch.ones(16))
    assert row[0] == 0 and np.isfinite(row).all()


def test_means_do_not_depend_on_batches_or_ranks():
    preds, truth = torch.rand(5, 1, 8, 8) + 0.2, torch.rand(5, 1, 8, 8) + 0.2
    whole, first, second = measured(preds, truth), measured(preds[:2], truth[:2]), measured(preds[2:], truth[2:])
    first.merge(pickle.loads(pickle.dumps(second.rows)))
    first.process()
    assert first.results_dict == whole.results_dict


def test_names_summary_and_tables():
    metrics = measured(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
    assert metrics.keys == [f"metrics/{name}" for name in ("delta1", "delta2", "delta3", "abs_rel", "rmse", "silog")]
    assert metrics.fitness == metrics.delta1 == metrics.mean_results()[0] == 1
    assert json.loads(metrics.to_json()) == [
        {"delta1": 1.0, "delta2": 1.0, "delta3": 1.0, "abs_rel": 0.0, "rmse": 0.0, "silog": 0.0}
    ]
    assert metrics.curves == metrics.curves_results == []
    metrics.clear_stats()
    assert metrics.rows == [] and metrics.results_dict["fitness"] == 0


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="align='mean'"):
        DepthMetrics(align="mean")
    with pytest.raises(ValueError, match="max_depth=0"):
        DepthMetrics(max_depth=0)
    with pytest.raises(ValueError, match="one size"):
        DepthMetrics().update_stats(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 8, 8))
