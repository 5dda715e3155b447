from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

from ultralytics.engine.metrics.base import Metric
from ultralytics.engine.metrics.classify import ClassifyMetrics
from ultralytics.engine.metrics.detect import DetMetrics, OBBMetrics, PoseMetrics, SegmentMetrics

NAMES = {i: f"class{i}" for i in range(5)}
TASKS = {
    "det": (DetMetrics, ()),
    "seg": (SegmentMetrics, ("tp_m",)),
    "pose": (PoseMetrics, ("tp_p",)),
    "obb": (OBBMetrics, ()),
}


def fed(g, task):
    kind, tables = TASKS[task]
    metrics = kind(NAMES)
    for i in range(4):
        stat = {k: g[f"dm.{task}.{i}.{k}"] for k in ("tp", *tables, "conf", "pred_cls", "target_cls")}
        stat = {k: v.astype(bool) if k.startswith("tp") else v for k, v in stat.items()}
        metrics.update_stats({**stat, "target_img": np.unique(stat["target_cls"]), "im_name": f"im{i}.jpg"})
    return metrics


@pytest.mark.parametrize("task", TASKS)
def test_metric_objects_match_golden_metrics(golden, task):
    g = golden("metrics")
    metrics, start = fed(g, task), f"dm.{task}."
    metrics.process()
    for name in ("mean_results", "maps", "fitness", "nt_per_class", "nt_per_image"):
        value = getattr(metrics, name)
        g.check(start + name, value() if callable(value) else value, 1e-9, 0)
    g.check(start + "box_f1", metrics.box.f1, 1e-9, 0)
    g.check(start + "box_map75", metrics.box.map75, 1e-9, 0)
    g.check(start + "class_result0", metrics.class_result(0), 1e-9, 0)
    for name in ("keys", "ap_class_index"):
        assert list(getattr(metrics, name)) == g.meta[start + name]
    assert metrics.results_dict == pytest.approx(g.meta[start + "results_dict"], rel=1e-9)
    assert metrics.summary() == g.meta[start + "summary"]
    assert metrics.box.image_metrics == g.meta[start + "image_metrics"]
    assert len(metrics.curves) == len(metrics.curves_results) == 4 * len(metrics.branches)


def test_fitness_matches_golden_metrics(golden):
    g = golden("metrics")
    for p, r, map50, map50_95, fitness in g["fitness"]:
        metric = Metric()
        metric.p, metric.r, metric.ap_class_index = np.array([p]), np.array([r]), np.array([0])
        metric.all_ap = np.full((1, 10), (10 * map50_95 - map50) / 9)
        metric.all_ap[0, 0] = map50
        assert metric.fitness() == pytest.approx(fitness)
        assert metric.mean_results() == pytest.approx([p, r, map50, map50_95])


def test_classification_matches_golden_metrics(golden):
    g = golden("metrics")
    metrics = ClassifyMetrics()
    metrics.process([torch.from_numpy(g["cm.cls.target"])], [torch.from_numpy(g["cm.cls.pred"])])
    g.check("classify.top1_top5_fitness", [metrics.top1, metrics.top5, metrics.fitness], 1e-6, 0)
    assert metrics.keys == g.meta["classify.keys"]
    assert metrics.summary() == [{"top1_acc": round(metrics.top1, 5), "top5_acc": round(metrics.top5, 5)}]


def test_new_objects_read_as_zero():
    metrics = DetMetrics(NAMES)
    assert set(metrics.results_dict.values()) == {0.0} and metrics.summary() == [] and metrics.process() == {}
    assert ClassifyMetrics().results_dict["fitness"] == 0
    empty = {"tp": np.zeros((0, 10), bool), "conf": [], "pred_cls": [], "target_cls": [], "target_img": []}
    metrics.update_stats(empty)
    metrics.process()
    assert metrics.fitness == 0 and metrics.maps.tolist() == [0] * 5


def test_tensors_are_taken_too_and_statistics_can_be_cleared(golden):
    metrics = DetMetrics(NAMES)
    stat = {"tp": torch.ones(2, 10, dtype=torch.bool), "conf": torch.rand(2), "pred_cls": torch.zeros(2)}
    metrics.update_stats({**stat, "target_cls": torch.zeros(2), "target_img": torch.zeros(1)})
    joined = metrics.process()
    assert joined["tp"].shape == (2, 10) and metrics.box.map == pytest.approx(0.995)
    metrics.clear_stats()
    assert all(v == [] for v in metrics.stats.values()) and metrics.box.map > 0


def test_tables_and_text(golden):
    metrics = fed(golden("metrics"), "det")
    metrics.process()
    assert json.loads(metrics.to_json()) == metrics.summary()
    assert metrics.to_csv().splitlines()[0] == "Class,Images,Instances,Box-P,Box-R,Box-F1,mAP50,mAP75,mAP50-95"
    assert "box: ultralytics.utils.metrics.Metric object" in str(metrics)
    assert pickle.loads(pickle.dumps(metrics)).results_dict == metrics.results_dict
