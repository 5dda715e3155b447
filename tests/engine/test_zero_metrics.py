"""Metrics and pictures of no detections, no labels and no images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ultralytics.engine.metrics.ap import ap_per_class, compute_ap, smooth
from ultralytics.engine.metrics.base import Metric
from ultralytics.engine.metrics.classify import ClassifyMetrics
from ultralytics.engine.metrics.confusion import ConfusionMatrix
from ultralytics.engine.metrics.detect import DetMetrics, OBBMetrics, PoseMetrics, SegmentMetrics
from ultralytics.engine.metrics.match import choose_labels, match_predictions
from ultralytics.engine.plots.annotate import Annotator
from ultralytics.engine.plots.dense import colorize_depth
from ultralytics.engine.plots.labels import plot_labels
from ultralytics.engine.plots.mosaics import output_to_rotated_target, output_to_target, plot_images

NAMES = {0: "a", 1: "b"}
TASKS = (DetMetrics, SegmentMetrics, PoseMetrics, OBBMetrics)


def stat(found: int, true: int) -> dict[str, np.ndarray]:
    tables = {key: np.zeros((found, 10), bool) for key in ("tp", "tp_m", "tp_p")}
    classes = np.zeros(true)
    return {**tables, "conf": np.full(found, 0.5), "pred_cls": np.zeros(found), "target_cls": classes,
            "target_img": np.unique(classes), "im_name": "a.jpg"}  # fmt: skip


def finite(values) -> bool:
    return all(math.isfinite(value) for value in values)


@pytest.mark.parametrize("cls", TASKS)
@pytest.mark.parametrize("counts", [[], [(0, 0)], [(3, 0)], [(0, 3)], [(0, 0), (3, 2)]], ids=str)
def test_task_metrics(cls, counts, tmp_path):
    metrics = cls(NAMES)
    for found, true in counts:
        metrics.update_stats(stat(found, true))
    metrics.process(tmp_path, plot=counts == [(3, 0)] and cls is DetMetrics)
    assert finite(metrics.mean_results()) and finite(metrics.results_dict.values()) and math.isfinite(metrics.fitness)
    assert list(metrics.results_dict) == [*metrics.keys, "fitness"] and finite(metrics.maps)
    assert len(metrics.curves) >= 4 and len(metrics.curves_results) == len(metrics.curves)
    rows = metrics.summary()
    assert len(rows) == len(metrics.ap_class_index) == len({0 for _, true in counts if true})
    assert all(finite(metrics.class_result(i)) for i in range(len(rows)))
    assert metrics.to_json() and len(metrics.to_df()) == len(rows)
    metrics.clear_stats(), metrics.clear_image_metrics()


def test_metric_before_any_result():
    metric = Metric()
    figures = (metric.mp, metric.mr, metric.map, metric.map50, metric.map75, *metric.mean_results(), metric.fitness())
    assert set(figures) == {0.0} and len(metric.ap) == len(metric.ap50) == len(metric.maps) == 0
    metric.update_image_metrics(np.zeros((0, 10), bool), np.zeros(0), np.zeros(0), "a.jpg")


def test_task_metrics_without_classes():
    metrics = DetMetrics({})
    metrics.process()
    assert metrics.maps.shape == (0,) and metrics.summary() == [] and metrics.fitness == 0


@pytest.mark.parametrize(("found", "true"), [(0, 0), (4, 0), (0, 4)])
def test_average_precision(found, true, tmp_path):
    values = stat(found, true)
    plot = found == true == 0
    out = ap_per_class(
        values["tp"], values["conf"], values["pred_cls"], values["target_cls"], plot, None, tmp_path, NAMES
    )
    classes = int(true > 0)
    assert [part.shape for part in out[:7]] == [(classes,)] * 5 + [(classes, 10), (classes,)]
    assert all(np.isfinite(part).all() for part in out)


def test_curves_of_nothing():
    none = np.zeros(0)
    ap, envelope, at = compute_ap(none, none)
    assert 0 <= ap <= 1 and envelope.shape == at.shape == (3,) and smooth(none).shape == (0,)


@pytest.mark.parametrize(("found", "true"), [(0, 0), (4, 0), (0, 3)])
def test_matching(found, true):
    thresholds = torch.linspace(0.5, 0.95, 10)
    for scipy in (False, True):
        table = match_predictions(torch.zeros(found), torch.zeros(true), torch.zeros(true, found), thresholds, scipy)
        assert table.shape == (found, 10) and table.dtype == torch.bool and not table.any()
    assert choose_labels(np.zeros((10, found, true))).tolist() == [[-1] * found] * 10


@pytest.mark.parametrize(("task", "width"), [("detect", 4), ("obb", 5), ("segment", 4)])
@pytest.mark.parametrize(("found", "true"), [(0, 0), (2, 0), (0, 2)])
def test_confusion(task, width, found, true, tmp_path):
    matrix = ConfusionMatrix(NAMES, task, save_matches=True)
    rows = {"bboxes": torch.rand(found, width), "conf": torch.ones(found), "cls": torch.zeros(found)}
    matrix.process_batch(rows, {"bboxes": torch.rand(true, width), "cls": torch.zeros(true)})
    assert matrix.matrix.sum() == found + true and matrix.matrix[0, 2] == found and matrix.matrix[2, 0] == true
    assert [values.shape for values in matrix.tp_fp()] == [(2,), (2,)] and len(matrix.summary(normalize=True)) == 3
    matrix.print()
    if task == "obb" and not found:
        matrix.plot(save_dir=tmp_path), matrix.plot_matches(torch.zeros(3, 32, 32), "a.jpg", tmp_path)
        assert (tmp_path / "confusion_matrix_normalized.png").is_file()


@pytest.mark.parametrize("batches", [0, 1], ids=["no batch", "an empty batch"])
def test_classification(batches):
    metrics, matrix = ClassifyMetrics(), ConfusionMatrix(NAMES, "classify")
    targets, guesses = [torch.zeros(0)] * batches, [torch.zeros(0, 2)] * batches
    metrics.process(targets, guesses)
    matrix.process_cls_preds(guesses, targets)
    assert metrics.top1 == metrics.top5 == metrics.fitness == 0 and matrix.matrix.sum() == 0
    assert metrics.summary() and matrix.summary()


@pytest.mark.parametrize("convert", [output_to_target, output_to_rotated_target])
def test_detections_as_labels(convert):
    width = 5 if convert is output_to_rotated_target else 4
    for output in ([], [torch.zeros(0, 7)], [np.zeros((0, 7))] * 3):
        index, cls, boxes, conf = convert(output)
        assert (index.shape, cls.shape, boxes.shape, conf.shape) == ((0,), (0,), (0, width), (0,))


@pytest.mark.parametrize("kind", [dict, torch.zeros, np.zeros], ids=["missing", "torch", "numpy"])
@pytest.mark.parametrize("width", [4, 5])
def test_grids_without_objects(kind, width, tmp_path):
    images = torch.rand(2, 3, 32, 48)
    labels = {"batch_idx": np.zeros(0), "cls": np.zeros(0)}
    if kind is not dict:
        shapes = {"batch_idx": 0, "cls": (0, 1), "bboxes": (0, width), "conf": 0, "masks": (0, 8, 12),
                  "keypoints": (0, 17, 3)}  # fmt: skip
        labels = {key: kind(shape) for key, shape in shapes.items()}
    grid = plot_images(labels, images, fname=tmp_path / "a.jpg", names=NAMES)
    assert grid.shape == (32, 96, 3) or grid.shape == (64, 96, 3)
    for maps in ("none", "of each"):
        with_map = {**labels, "masks": kind((2, 8, 12)) if kind is not dict and maps == "of each" else np.zeros(0)}
        plot_images(with_map, images, fname=tmp_path / "a.jpg", names=NAMES)


def test_grid_without_pictures(tmp_path, caplog):
    labels = {"batch_idx": np.zeros(0), "cls": np.zeros(0)}
    assert plot_images(labels, torch.zeros(0, 3, 32, 32), fname=tmp_path / "a.jpg").shape == (0, 0, 3)
    assert "no pictures" in caplog.text and not (tmp_path / "a.jpg").exists()


def test_statistics_of_labels(tmp_path):
    plot_labels(np.zeros((0, 4)), np.zeros(0), NAMES, tmp_path)
    assert (tmp_path / "labels.jpg").is_file()


def test_annotator():
    annotator = Annotator(np.zeros((20, 30, 3), np.uint8))
    for make in (torch.zeros, np.zeros):
        annotator.masks(make((0, 20, 30)), [])
        annotator.masks(make((0, 5, 5)), [])
        annotator.kpts(make((0, 3)))
        annotator.kpts(make((0, 2)))
    assert not annotator.im.any()
    assert colorize_depth(np.zeros((0, 0))).shape == (0, 0, 3)
