from __future__ import annotations

import numpy as np
import pytest
import torch

from ultralytics.engine.metrics.confusion import ConfusionMatrix

NAMES = {i: f"class{i}" for i in range(4)}


@pytest.mark.parametrize("task", ["det", "obb"])
def test_matrices_match_golden_metrics(golden, task):
    g = golden("metrics")
    matrix = ConfusionMatrix(NAMES, task="obb" if task == "obb" else "detect")
    for i in range(5):
        t = {k: torch.from_numpy(g[f"cm.{task}.{i}.{k}"]) for k in ("gt_bboxes", "gt_cls", "bboxes", "conf", "cls")}
        labels = {"bboxes": t.pop("gt_bboxes"), "cls": t.pop("gt_cls")}
        matrix.process_batch(t, labels, conf=0.25, iou_thres=0.45)
        g.check(f"cm.{task}.{i}.matrix_after", matrix.matrix, 0, 0)
    right, wrong = matrix.tp_fp()
    g.check(f"cm.{task}.tp", right, 0, 0)
    g.check(f"cm.{task}.fp", wrong, 0, 0)


def test_classification_matches_golden_metrics(golden):
    g = golden("metrics")
    matrix = ConfusionMatrix(NAMES, task="classify")
    matrix.process_cls_preds([torch.from_numpy(g["cm.cls.pred"])], [torch.from_numpy(g["cm.cls.target"])])
    g.check("cm.cls.matrix", matrix.matrix, 0, 0)
    for name, got in zip(("tp", "fp"), matrix.tp_fp(), strict=True):
        g.check(f"cm.cls.{name}", got, 0, 0)


def boxes(*corners: float) -> torch.Tensor:
    return torch.tensor([[c, c, c + 10, c + 10] for c in corners]).view(-1, 4)


def count(
    found: torch.Tensor, conf: list[float], cls: list[float], true: torch.Tensor, true_cls: list[float], **options
):
    matrix = ConfusionMatrix({0: "a", 1: "b"}, **options)
    detections = {"bboxes": found, "conf": torch.tensor(conf), "cls": torch.tensor(cls)}
    matrix.process_batch(detections, {"bboxes": true, "cls": torch.tensor(true_cls)})
    return matrix


def test_background_is_counted_whatever_matched():
    """Without labels, and where nothing matched, every detection is a false positive and every label is missed."""
    assert count(boxes(0, 50), [0.9, 0.8], [0, 1], boxes(), []).matrix[:, 2].tolist() == [1, 1, 0]
    apart = count(boxes(0), [0.9], [0], boxes(50), [1]).matrix
    assert apart[0, 2] == 1 and apart[2, 1] == 1 and apart.sum() == 2
    assert count(boxes(), [], [], boxes(0), [1]).matrix[2, 1] == 1


def test_better_score_takes_the_label():
    matrix = count(boxes(0, 1), [0.5, 0.9], [0, 1], boxes(0), [0]).matrix
    assert matrix[1, 0] == 1 and matrix[0, 2] == 1


def test_weak_detections_do_not_count():
    assert count(boxes(0), [0.2], [0], boxes(0), [0]).matrix[2, 0] == 1


def test_summary_is_a_table():
    matrix = count(boxes(0, 50), [0.9, 0.8], [0, 1], boxes(0), [0])
    rows = matrix.summary()
    assert rows[0] == {"Predicted": "a", "a": 1.0, "b": 0.0, "background": 0.0}
    assert [r["Predicted"] for r in matrix.summary(normalize=True)] == ["a", "b", "background"]
    assert matrix.to_csv().splitlines()[0] == "Predicted,a,b,background"


def test_equal_names_keep_their_columns():
    matrix = ConfusionMatrix({0: "cat", 1: "Cat", 2: "background"})
    assert list(matrix.summary()[0]) == ["Predicted", "cat", "Cat_2", "background", "background_2"]


def test_pictures(tmp_path):
    matrix = count(boxes(0, 50), [0.9, 0.8], [0, 1], boxes(0, 80), [0, 1], save_matches=True)
    seen: list = []
    matrix.plot(save_dir=tmp_path, on_plot=seen.append)
    matrix.plot(normalize=False, save_dir=tmp_path)
    matrix.plot_matches(torch.rand(3, 96, 96), "folder/one.jpg", tmp_path)
    written = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert written == {"confusion_matrix.png", "confusion_matrix_normalized.png", "visualizations/one.jpg"}
    assert [p.name for p in seen] == ["confusion_matrix_normalized.png"]
    assert {k: len(v["bboxes"]) for k, v in matrix.matches.items()} == {"TP": 1, "FP": 1, "FN": 1, "GT": 2}
    assert np.isclose(matrix.normalized().sum(0), 1).all()


@pytest.mark.parametrize(("side", "default"), [(4, 0.001), (5, 0.01)])
def test_defaults_of_a_validation_count_from_a_quarter(side, default):
    boxes = torch.tensor([[20.0, 20, 40, 40, 0.1]] * 2)[:, :side]
    found = {"bboxes": boxes, "conf": torch.tensor([0.3, 0.2]), "cls": torch.zeros(2)}
    labels = {"bboxes": boxes[:1], "cls": torch.zeros(1)}
    counts = {}
    for conf in (default, None, 0.1):
        matrix = ConfusionMatrix({0: "a"}, task="obb" if side == 5 else "detect")
        matrix.process_batch(found, labels, conf=conf)
        counts[conf] = matrix.matrix.sum()
    assert counts == {default: 1, None: 1, 0.1: 2}
