from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.engine.metrics.ap import ap_per_class, compute_ap, smooth, smooth_bce

FIGURES = ("tp", "fp", "p", "r", "f1", "ap", "unique_classes", "p_curve", "r_curve", "f1_curve", "x", "prec_values")
CURVES = {"p_curve", "r_curve", "f1_curve", "x", "prec_values"}


def test_figures_match_golden_metrics(golden):
    g = golden("metrics")
    tp = g["ap.in.tp"].astype(bool)
    for name, got in zip(
        FIGURES, ap_per_class(tp, *(g[f"ap.in.{k}"] for k in ("conf", "pred_cls", "target_cls"))), strict=True
    ):
        g.check(f"ap.{name}", got, *((1e-5, 1e-6) if name in CURVES else (1e-6, 1e-9)))
    ap, envelope, recall = compute_ap(*g["compute_ap.in"])
    g.check("compute_ap.ap", ap, 1e-9, 0)
    g.check("compute_ap.mpre", envelope, 1e-9, 0)
    g.check("compute_ap.mrec", recall, 1e-9, 0)
    g.check("smooth.out_0.1", smooth(g["smooth.in"], 0.1), 1e-9, 0)


def test_no_predictions_match_golden_metrics(golden):
    g = golden("metrics")
    out = ap_per_class(np.zeros((0, 10), bool), np.zeros(0), np.zeros(0), g["ap.in.target_cls"])
    for name in ("ap", "p", "r"):
        g.check(f"ap_no_predictions.{name}", out[FIGURES.index(name)], 0, 0)


def test_perfect_and_useless_detectors():
    hits, none = np.ones((4, 10), bool), np.zeros((4, 10), bool)
    conf, classes = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0, 1, 0, 1])
    perfect, useless = (ap_per_class(tp, conf, classes, classes)[5] for tp in (hits, none))
    assert np.allclose(perfect, 0.995)  # the envelope ends at recall 1, so the last of 100 steps counts half
    assert np.allclose(useless, 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 60), st.integers(1, 30))
def test_figures_are_fractions_and_ignore_the_order_of_rows(seed, count, labels):
    rng = np.random.default_rng(seed)
    tp = np.sort(rng.random((count, 10)) < 0.5, 1)[:, ::-1]
    rows = tp, rng.permutation(count) / (count + 1), rng.integers(0, 3, count)
    target = rng.integers(0, 3, labels)
    out = ap_per_class(*rows, target)
    order = rng.permutation(count)
    for a, b in zip(out, ap_per_class(*(r[order] for r in rows), target), strict=True):
        assert np.allclose(a, b) and np.isfinite(a).all()
    assert set(out[6]) == set(np.unique(target))


def test_small_helpers():
    assert smooth_bce(0.2) == (0.9, 0.1)
    assert np.allclose(smooth(np.full(50, 3.0), 0.1), 3.0)


def test_pictures_are_written(tmp_path):
    seen = []
    rng = np.random.default_rng(0)
    rows = rng.random((50, 10)) < 0.5, rng.random(50), rng.integers(0, 3, 50)
    ap_per_class(*rows, rng.integers(0, 3, 20), plot=True, on_plot=seen.append, save_dir=tmp_path, prefix="Box")
    names = {f"Box{kind}_curve.png" for kind in ("PR", "F1", "P", "R")}
    assert {p.name for p in tmp_path.iterdir()} == names == {p.name for p in seen}
