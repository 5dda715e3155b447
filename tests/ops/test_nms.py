from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import nms as reference_nms

from ultralytics.ops.boxes import xywh2xyxy
from ultralytics.ops.nms import TorchNMS, non_max_suppression
from ultralytics.ops.rotated import batch_probiou


def random_boxes(seed: int, count: int, places: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes heaped on a few places, so that many overlap, with scores of which some are equal."""
    g = torch.Generator().manual_seed(seed)
    low = torch.rand(places, 2, generator=g)[torch.randint(places, (count,), generator=g)] * 100
    low = low + torch.rand(count, 2, generator=g) * 8
    boxes = torch.cat([low, low + 5 + torch.rand(count, 2, generator=g) * 20], 1)
    return boxes, (torch.rand(count, generator=g) * 50).round() / 50


def test_all_cases_match_golden_nms(golden):
    g = golden("nms")
    for name, case in g.meta["cases"].items():
        prediction = torch.from_numpy(g[case["input"]])
        before = prediction.clone()
        rows, index = non_max_suppression(prediction, return_idxs=True, **case["options"])
        assert torch.equal(prediction, before), f"{name}: the input was edited"
        g.check(name, torch.cat(rows), 1e-5, 1e-4)
        g.check(f"{name}.counts", np.array([len(r) for r in rows]), 0, 0)
        g.check(f"{name}.index", torch.cat(index), 0, 0)


def test_plain_suppression_matches_golden_nms(golden):
    g = golden("nms")
    image = torch.from_numpy(g["in.det"][0])
    boxes, scores = xywh2xyxy(image[:4].T), image[4]
    g.check("plain.nms_keep", TorchNMS.nms(boxes, scores, 0.5), 0, 0)
    g.check("plain.fast_nms_keep", TorchNMS.fast_nms(boxes, scores, 0.5), 0, 0)
    g.check("plain.fast_nms_keep", TorchNMS.fast_nms(boxes, scores, 0.5, use_triu=False, exit_early=False), 0, 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 700), st.floats(0, 1))
def test_greedy_suppression_equals_torchvision(seed, count, threshold):
    boxes, scores = random_boxes(seed, count)
    assert torch.equal(TorchNMS.nms(boxes, scores, threshold), reference_nms(boxes, scores, threshold))


def test_block_size_does_not_matter(monkeypatch):
    boxes, scores = random_boxes(0, 300)
    greedy, matrix = TorchNMS.nms(boxes, scores, 0.4), TorchNMS.fast_nms(boxes, scores, 0.4)
    monkeypatch.setattr("ultralytics.ops.nms._BLOCK", 7)
    assert torch.equal(TorchNMS.nms(boxes, scores, 0.4), greedy)
    assert torch.equal(TorchNMS.fast_nms(boxes, scores, 0.4), matrix)


def test_rotated_matrix_suppression():
    boxes = torch.tensor([[10.0, 10, 8, 4, 0.0], [10, 10, 8, 4, 0.1], [40, 40, 8, 4, 0.0]])
    keep = TorchNMS.fast_nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5, iou_func=batch_probiou)
    assert keep.tolist() == [1, 2]
    assert TorchNMS.fast_nms(boxes[:0], torch.zeros(0), 0.5).shape == (0,)


def prediction_of(boxes: list[list[float]], scores: list[list[float]]) -> torch.Tensor:
    return torch.cat([torch.tensor(boxes).T, torch.tensor(scores).T])[None]


def test_class_filter_and_agnostic():
    same = [[10.0, 10, 8, 8]] * 2
    prediction = prediction_of([*same, [50.0, 50, 8, 8]], [[0.9, 0.0], [0.0, 0.8], [0.3, 0.6]])
    assert len(non_max_suppression(prediction)[0]) == 3
    assert len(non_max_suppression(prediction, agnostic=True)[0]) == 2
    assert non_max_suppression(prediction, classes=[1])[0][:, 5].tolist() == [1, 1]
    assert len(non_max_suppression(prediction, classes=[7])[0]) == 0
    assert len(non_max_suppression(prediction, multi_label=True)[0]) == 4


def test_nothing_above_the_threshold_and_no_anchors():
    assert [r.shape for r in non_max_suppression(torch.zeros(2, 8, 5))] == [(0, 6)] * 2
    assert [r.shape for r in non_max_suppression(torch.zeros(2, 8, 0))] == [(0, 6)] * 2


def test_known_objects_can_be_added():
    prediction = prediction_of([[10.0, 10, 8, 8]], [[0.5, 0.1]])
    rows = non_max_suppression(prediction, labels=[torch.tensor([[1.0, 50, 50, 6, 6]])])[0]
    assert rows[0].tolist() == [47, 47, 53, 53, 1, 1]
    assert len(rows) == 2


def test_half_precision_predictions_are_compared_in_single_precision():
    prediction = prediction_of([[300.0, 300, 8, 8], [300.0, 301, 8, 8]], [[0.9], [0.8]]).half()
    rows = non_max_suppression(prediction)[0]
    assert rows.dtype == torch.float32 and len(rows) == 1


@pytest.mark.parametrize("name", ["conf_thres", "iou_thres"])
def test_thresholds_are_checked(name):
    with pytest.raises(ValueError, match=rf"{name}=1.5 is out of range"):
        non_max_suppression(torch.zeros(1, 8, 5), **{name: 1.5})
