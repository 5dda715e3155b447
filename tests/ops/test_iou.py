from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.ops.boxes import xyxy2xywh
from ultralytics.ops.iou import bbox_ioa, bbox_iou, box_iou, mask_iou
from ultralytics.ops.keypoints import OKS_SIGMA, kpt_iou, oks_sigmas
from ultralytics.ops.rotated import (
    batch_probiou,
    probiou,
    regularize_rboxes,
    xywhr2xyxyxyxy,
    xyxyxyxy2xywhr,
)

KINDS = {"iou": {}, "giou": {"GIoU": True}, "diou": {"DIoU": True}, "ciou": {"CIoU": True}}


@pytest.mark.parametrize("kind", KINDS)
def test_bbox_iou_matches_golden_iou_losses(golden, kind):
    g = golden("iou_losses")
    a, b = torch.from_numpy(g["xyxy1"]), torch.from_numpy(g["xyxy2"])
    g.check(f"bbox_iou_xyxy.{kind}", bbox_iou(a, b, xywh=False, **KINDS[kind]).squeeze(-1), 1e-5, 1e-6)
    centred = bbox_iou(xyxy2xywh(a), xyxy2xywh(b), **KINDS[kind]).squeeze(-1)
    want = torch.from_numpy(g[f"bbox_iou_xywh.{kind}"])
    known = ~want.isnan()  # a box without size: the reference gives NaN for CIoU
    assert torch.allclose(centred[known], want[known], rtol=1e-5, atol=1e-6)
    assert centred.isfinite().all()
    moved = b.clone().requires_grad_()
    bbox_iou(moved, a, xywh=False, **KINDS[kind])[4:].sum().backward()
    g.check(f"grad_xyxy.{kind}", moved.grad, 1e-5, 1e-6)


def test_pairwise_overlaps_match_golden_iou_losses(golden):
    g = golden("iou_losses")
    a, b = torch.from_numpy(g["xyxy1"][:24]), torch.from_numpy(g["xyxy2"][:20])
    g.check("box_iou", box_iou(a, b), 1e-5, 1e-6)
    g.check("bbox_ioa", bbox_ioa(a.numpy(), b.numpy()), 1e-5, 1e-6)
    g.check("bbox_ioa_iou", bbox_ioa(a.numpy(), b.numpy(), iou=True), 1e-5, 1e-6)


def test_rotated_overlaps_match_golden_iou_losses(golden):
    g = golden("iou_losses")
    a, b = torch.from_numpy(g["obb1"]), torch.from_numpy(g["obb2"])
    g.check("probiou", probiou(a, b).squeeze(-1), 1e-5, 1e-6)
    g.check("probiou_ciou", probiou(a, b, CIoU=True).squeeze(-1), 1e-5, 1e-6)
    g.check("probiou_floor001", probiou(a, b, floor=0.01).squeeze(-1), 1e-5, 1e-6)
    g.check("batch_probiou", batch_probiou(a[:24], b[:20]), 1e-5, 1e-6)


def test_overlaps_match_golden_metrics(golden):
    g = golden("metrics")
    t = {k: torch.from_numpy(g[k]) for k in g.names() if k.split(".")[0] in ("mask_iou", "kpt_iou", "batch_probiou")}
    g.check("mask_iou.out", mask_iou(t["mask_iou.in1"], t["mask_iou.in2"]), 1e-6, 1e-6)
    keypoints = kpt_iou(t["kpt_iou.in1"], t["kpt_iou.in2"], t["kpt_iou.area"], OKS_SIGMA)
    g.check("kpt_iou.out", keypoints, 1e-6, 1e-6)
    g.check("batch_probiou.out", batch_probiou(t["batch_probiou.in1"], t["batch_probiou.in2"]), 1e-5, 1e-6)


def test_rotated_forms_match_golden_ops(golden):
    g = golden("ops")
    rboxes = torch.from_numpy(g["xywhr"])
    g.check("xywhr2xyxyxyxy", xywhr2xyxyxyxy(rboxes), 1e-5, 1e-4)
    g.check("xywhr2xyxyxyxy", xywhr2xyxyxyxy(g["xywhr"]), 1e-5, 1e-4)
    g.check("regularize_rboxes", regularize_rboxes(rboxes), 1e-5, 1e-4)
    g.check("xyxyxyxy2xywhr", xyxyxyxy2xywhr(g["xywhr2xyxyxyxy"].reshape(-1, 8)), 1e-4, 1e-3)
    g.check("polygons6_to_xywhr", xyxyxyxy2xywhr(torch.from_numpy(g["polygons6"])), 1e-4, 1e-3)


at, side = st.floats(0, 100, width=32), st.floats(0.125, 100, width=32)
box = st.tuples(at, at, side, side).map(lambda v: [v[0], v[1], v[0] + v[2], v[1] + v[3]])


@settings(max_examples=60)
@given(st.lists(st.tuples(box, box), min_size=1, max_size=6))
def test_laws_of_overlap(pairs):
    a, b = (torch.tensor([p[i] for p in pairs]) for i in (0, 1))
    for options in KINDS.values():
        one = bbox_iou(a, b, xywh=False, **options)
        assert one.isfinite().all()
        assert (one <= 1 + 1e-5).all()
        assert torch.allclose(one, bbox_iou(b, a, xywh=False, **options), atol=1e-5)
    plain = bbox_iou(a, b, xywh=False)
    assert (plain >= 0).all()
    assert torch.allclose(plain[:, 0], box_iou(a, b).diagonal(), atol=1e-5)


def test_overlap_of_empty_and_degenerate_boxes_is_finite():
    points = torch.tensor([[3.0, 3, 3, 3], [0, 0, 2, 0]]).requires_grad_()
    for options in KINDS.values():
        overlap = bbox_iou(points, points.detach().flip(0), xywh=False, **options)
        overlap.sum().backward()
        assert overlap.isfinite().all() and points.grad.isfinite().all()
    assert box_iou(torch.zeros(0, 4), torch.zeros(3, 4)).shape == (0, 3)
    assert bbox_ioa(np.zeros((2, 4)), np.zeros((0, 4))).shape == (2, 0)


@settings(max_examples=40)
@given(st.tuples(*[st.floats(2, 80, width=32)] * 4), st.floats(-3, 3))
def test_rotated_box_survives_its_corners(values, angle):
    x, y, w, h = values
    corners = xywhr2xyxyxyxy(np.array([[x, y, w, h, angle]], np.float32))
    back = xyxyxyxy2xywhr(corners)
    assert back[0, 2] >= back[0, 3] - 1e-3 and -np.pi / 4 - 1e-6 <= back[0, 4] < 3 * np.pi / 4
    again = xywhr2xyxyxyxy(back)[0]
    distance = np.linalg.norm(corners[0][:, None] - again[None], axis=-1).min(1)
    assert distance.max() < 2e-2


def test_oks_sigmas():
    assert oks_sigmas([17, 3]) is OKS_SIGMA
    assert oks_sigmas([4, 2]).tolist() == [0.25] * 4
    assert oks_sigmas([2, 3], [0.1, 0.2]).tolist() == pytest.approx([0.1, 0.2])
    with pytest.raises(ValueError, match="3 values"):
        oks_sigmas([2, 3], [0.1, 0.2, 0.3])
