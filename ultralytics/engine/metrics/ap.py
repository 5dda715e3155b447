"""Average precision from true-positive tables.

Definition in use: precision envelope over recall that falls to 0 right behind the last recall reached, integrated by
trapezoids over 101 recall points (COCO samples the same points but averages them). Versions of the public package up
to 8.1 draw the envelope on from the last recall to (1, 0), which gives slightly higher values; scores of the two
definitions must not be compared.

Shapes: N detections, M labels, T overlap thresholds, C classes that have labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.engine.plots.curves import plot_mc_curve, plot_pr_curve

__all__ = ["ap_per_class", "compute_ap", "smooth", "smooth_bce"]

_RECALL_POINTS = np.linspace(0, 1, 101)
_CURVE_POINTS = 1000


def smooth_bce(eps: float = 0.1) -> tuple[float, float]:
    """Return the positive and negative target of label smoothing by `eps`."""
    return 1.0 - eps / 2, eps / 2


def smooth(y: np.ndarray, f: float = 0.05) -> np.ndarray:
    """Return `y` `(P,)` averaged over a window of the fraction `f` of its length; the ends repeat the border values."""
    if not len(y):
        return np.zeros(0)
    width = round(len(y) * f * 2) // 2 + 1  # odd, so that the window is centred
    padded = np.pad(np.asarray(y, dtype=np.float64), width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")


def compute_ap(recall: np.ndarray, precision: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the average precision of one curve.

    Args:
        recall: `(N,)` rising.
        precision: `(N,)`.

    Returns:
        Average precision, the precision envelope `(N + 3,)` and the recalls `(N + 3,)` it belongs to.
    """
    recall, precision = np.asarray(recall), np.asarray(precision)
    last = recall[-1] if len(recall) else 1.0
    at = np.concatenate(([0.0], recall, [last, 1.0]))
    envelope = np.maximum.accumulate(np.concatenate(([1.0], precision, [0.0, 0.0]))[::-1])[::-1]
    sampled = np.interp(_RECALL_POINTS, at, envelope)
    return float(((sampled[1:] + sampled[:-1]) / 2 * np.diff(_RECALL_POINTS)).sum()), envelope, at


def _class_curves(
    hits: np.ndarray, conf: np.ndarray, labels: int, grid: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return one class's AP per threshold `(T,)` and its precision, recall and precision-over-recall curves.

    Args:
        hits: `(n, T)` true positives of the class, best score first.
        conf: `(n,)` scores, falling.
        labels: number of labels of the class, at least 1.
        grid: `(P,)` points from 0 to 1 at which the curves are read.
        eps: keeps divisions finite.
    """
    true = hits.cumsum(0)
    recall, precision = true / (labels + eps), true / np.arange(1, len(hits) + 1)[:, None]
    # `interp` wants rising abscissae, scores fall: both are negated.
    recall_curve = np.interp(-grid, -conf, recall[:, 0], left=0)
    precision_curve = np.interp(-grid, -conf, precision[:, 0], left=1)
    ap = np.zeros(hits.shape[1])
    for t in range(hits.shape[1]):
        ap[t], envelope, at = compute_ap(recall[:, t], precision[:, t])
        if t == 0:
            over_recall = np.interp(grid, at, envelope)
    return ap, precision_curve, recall_curve, over_recall


def ap_per_class(
    tp: np.ndarray,
    conf: np.ndarray,
    pred_cls: np.ndarray,
    target_cls: np.ndarray,
    plot: bool = False,
    on_plot: Callable[..., Any] | None = None,
    save_dir: Path = Path(),
    names: Mapping[int, str] | None = None,
    eps: float = 1e-16,
    prefix: str = "",
) -> tuple[np.ndarray, ...]:
    """Return precision, recall and average precision per class.

    Classes without labels do not appear; classes with labels that were never predicted count with 0.

    Args:
        tp: `(N, T)` whether a detection is right at every threshold.
        conf: `(N,)` scores.
        pred_cls: `(N,)` predicted classes.
        target_cls: `(M,)` classes of the labels.
        plot: write the curves as pictures.
        on_plot: called with the path of every picture.
        save_dir: folder for the pictures.
        names: class index to class name, for the pictures.
        eps: keeps divisions finite.
        prefix: start of the pictures' names.

    Returns:
        tp `(C,)`, fp `(C,)`, precision `(C,)`, recall `(C,)`, F1 `(C,)` at the confidence where the smoothed mean F1 is
        highest; ap `(C, T)`; classes `(C,)` int; precision, recall and F1 curves over confidence `(C, 1000)`; the
        points `(1000,)`; precision over recall at the first threshold `(C, 1000)`.
    """
    order = np.argsort(-conf)
    tp, conf, pred_cls = tp[order], conf[order], pred_cls[order]
    classes, label_counts = np.unique(target_cls, return_counts=True)
    grid = np.linspace(0, 1, _CURVE_POINTS)
    ap = np.zeros((len(classes), tp.shape[1]))
    precision, recall, over_recall = (np.zeros((len(classes), _CURVE_POINTS)) for _ in range(3))
    for row, (label, count) in enumerate(zip(classes, label_counts, strict=True)):
        mine = pred_cls == label
        if mine.any():
            ap[row], precision[row], recall[row], over_recall[row] = _class_curves(
                tp[mine], conf[mine], count, grid, eps
            )

    f1 = 2 * precision * recall / (precision + recall + eps)
    if plot:
        _plot_curves(grid, ap, classes, (precision, recall, f1, over_recall), names, Path(save_dir), prefix, on_plot)
    best = smooth(f1.mean(0), 0.1).argmax() if len(classes) else 0
    p, r, f = precision[:, best], recall[:, best], f1[:, best]
    hits = (r * label_counts).round()
    misses = (hits / (p + eps) - hits).round()
    return hits, misses, p, r, f, ap, classes.astype(int), precision, recall, f1, grid, over_recall


def _plot_curves(
    grid: np.ndarray,
    ap: np.ndarray,
    classes: np.ndarray,
    curves: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    names: Mapping[int, str] | None,
    save_dir: Path,
    prefix: str,
    on_plot: Callable[..., Any] | None,
) -> None:
    """Write the four pictures of a branch."""
    known = dict(names or {})
    shown = {i: known.get(int(c), str(int(c))) for i, c in enumerate(classes)}
    precision, recall, f1, over_recall = curves
    plot_pr_curve(grid, over_recall, ap, save_dir / f"{prefix}PR_curve.png", shown, on_plot)
    for short, label, curve in (("F1", "F1", f1), ("P", "Precision", precision), ("R", "Recall", recall)):
        path = save_dir / f"{prefix}{short}_curve.png"
        plot_mc_curve(grid, curve, path, shown, ylabel=label, on_plot=on_plot)
