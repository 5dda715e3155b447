from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from ultralytics.nn.loss.detect import Assigned
from ultralytics.nn.loss.segment import box_windows, v8SegmentationLoss
from ultralytics.nn.loss.terms import (
    BboxLoss,
    BCEDiceLoss,
    DFLoss,
    FocalLoss,
    KeypointLoss,
    MultiChannelDiceLoss,
    VarifocalLoss,
    expected_sides,
)
from ultralytics.ops.masks import crop_mask


def test_distribution_focal_matches_golden_iou_losses(golden):
    g = golden("iou_losses")
    logits = torch.from_numpy(g["dfl.in.pred_dist"]).requires_grad_()
    loss = DFLoss(16)(logits, torch.from_numpy(g["dfl.in.target"]))
    g.check("dfl.out", loss, 1e-5, 1e-6)
    loss.sum().backward()
    g.check("dfl.grad", logits.grad, 1e-5, 1e-6)


def test_elementary_terms_match_golden_iou_losses(golden):
    g = golden("iou_losses")
    t = {k: torch.from_numpy(g[k]) for k in g.names() if k.split(".")[0] in ("cls", "kpt", "mask", "bcedice")}
    logits, label = t["cls.in.logits"], t["cls.in.label"]
    g.check("focal_loss", FocalLoss()(logits, label), 1e-5, 1e-6)
    g.check("varifocal_loss", VarifocalLoss()(logits, t["cls.in.gt_score"], label), 1e-5, 1e-6)
    g.check("bcedice.out", BCEDiceLoss()(t["bcedice.in.logit"], label[None]), 1e-5, 1e-6)
    keypoints = t["kpt.in.pred"], t["kpt.in.gt"], t["kpt.in.gt"][..., 2] != 0, t["kpt.in.area"]
    g.check("kpt.loss_oks_sigma", KeypointLoss(torch.from_numpy(g["oks_sigma"]))(*keypoints), 1e-5, 1e-6)
    g.check("kpt.loss_uniform_sigma", KeypointLoss([1 / 17] * 17)(*keypoints), 1e-5, 1e-6)
    mask = (t[f"mask.in.{k}"] for k in ("gt_mask", "coef", "proto", "xyxy", "area"))
    g.check("mask.loss", v8SegmentationLoss.single_mask_loss(*mask), 1e-5, 1e-6)


def test_focal_without_gamma_and_alpha_is_cross_entropy():
    logits, label = torch.randn(3, 4), torch.randint(2, (3, 4)).float()
    plain = F.binary_cross_entropy_with_logits(logits, label, reduction="none").mean(1).sum()
    assert torch.allclose(FocalLoss(gamma=0, alpha=0)(logits, label), plain)


def test_expected_sides_read_the_distribution():
    sides = torch.tensor([2.0, 0, 15, 7])
    logits = F.one_hot(sides.long(), 16).float().view(1, 64, 1) * 100
    assert torch.allclose(expected_sides(logits, 16)[0, :, 0], sides, atol=1e-4)
    assert expected_sides(logits, 1) is logits


def test_distribution_focal_is_least_at_the_target():
    target = torch.tensor([[3.25, 0.0, 14.99, 20.0]])  # the last one lies beyond the bins
    logits = torch.zeros(4, 16, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        DFLoss(16)(logits, target).sum().backward()
        optimizer.step()
    reached = expected_sides(logits.detach().reshape(1, 64, 1), 16)[0, :, 0]
    assert torch.allclose(reached, torch.tensor([3.25, 0, 14.99, 14.99]), atol=0.05)


@pytest.mark.parametrize("reg_max", [1, 16])
def test_perfect_boxes_cost_nothing_but_their_distribution(reg_max):
    points, stride = torch.tensor([[4.5, 4.5], [6.5, 4.5]]), torch.full((2, 1), 8.0)
    boxes = torch.tensor([[[1.5, 2.5, 7.5, 8.5], [3.5, 1.5, 9.5, 7.5]]])
    sides = torch.tensor([[[3.0, 2, 3, 4], [3, 3, 3, 3]]])
    raw = sides if reg_max == 1 else (F.one_hot(sides.long(), 16).float() * 60).flatten(2)
    scores = torch.tensor([[[0.5], [1.0]]])
    imgsz, positive = torch.tensor([96.0, 128.0]), torch.ones(1, 2, dtype=torch.bool)
    box, side = BboxLoss(reg_max)(raw, boxes, points, boxes, scores, 1.5, positive, imgsz, stride)
    assert box.abs() < 1e-5 and side.abs() < 1e-5


def test_side_loss_without_bins_is_relative_to_the_image():
    points, stride = torch.zeros(1, 2), torch.full((1, 1), 8.0)
    box = torch.tensor([[[-1.0, -1, 1, 1]]])
    raw = torch.tensor([[[2.0, 1, 1, 2]]])  # one cell off to the left and to the bottom
    imgsz, one = torch.tensor([80.0, 160.0]), torch.ones(1, 1, 1)
    _, side = BboxLoss(1)(raw, box, points, box, one, 1.0, one[..., 0] > 0, imgsz, stride)
    assert side == pytest.approx((8 / 160 + 8 / 80) / 4)


def test_dice():
    target = torch.zeros(1, 2, 4, 4)
    target[:, 0] = 1
    perfect = MultiChannelDiceLoss()((target * 2 - 1) * 50, target)
    assert perfect < 1e-5
    assert MultiChannelDiceLoss(reduction="none")(torch.randn(1, 2, 4, 4), target).shape == (1, 2)
    with pytest.raises(ValueError, match="unknown reduction"):
        MultiChannelDiceLoss(reduction="median")


def test_box_windows_are_the_cropped_pixels():
    boxes = torch.tensor([[3.2, 4.9, 20.1, 19.5], [-4, -2, 40, 60], [5, 5, 5.4, 30], [9, 9, 3, 3], [2, 3, 6, 7]])
    windows = box_windows(boxes, (24, 32))
    filled = torch.zeros(5, 24, 32)
    groups = windows.of_like_size()
    assert sorted(torch.cat(groups).tolist()) == list(range(5)) and len(groups) == 3
    for chosen in groups:
        y, x, inside = windows.pixels(chosen)
        filled.index_put_((chosen[:, None].expand_as(y), y, x), inside.float(), accumulate=True)
    assert torch.equal(filled, crop_mask(torch.ones(5, 24, 32), boxes))
    assert torch.equal(windows.counts, filled.sum((1, 2)).long())


def test_mask_term_is_the_sum_over_whole_masks_and_takes_boxes_without_pixels():
    """Objects of every size, one of them thinner than a pixel; then that one alone."""
    boxes = torch.tensor([[0.0, 0, 60, 64], [10, 12, 20, 30], [5.1, 5, 5.3, 30]])
    owner = torch.tensor([1, 0, 2, 0])  # of four anchors
    masks = torch.zeros(1, 32, 32, dtype=torch.uint8)
    masks[0, 2:20, 1:25], masks[0, 7:14, 5:10] = 1, 2
    preds = {"mask_coefficient": torch.randn(1, 4, 9), "proto": torch.randn(1, 4, 32, 32)}
    side = torch.tensor([64.0, 64.0])

    def term(objects):
        none, positive = torch.empty(0), torch.ones(1, len(objects), dtype=torch.bool)
        assigned = Assigned.of((positive, objects[None], boxes[objects][None], none, none), side)
        loss = SimpleNamespace(hyp=SimpleNamespace(overlap_mask=True))
        return v8SegmentationLoss.mask_term(loss, preds, {"masks": masks}, assigned)

    area = (boxes[:, 2:] - boxes[:, :2]).prod(1) / 64**2
    true = (masks == torch.arange(1, 4).view(-1, 1, 1)).float()
    pred = preds["mask_coefficient"][0].T[:4]
    whole = v8SegmentationLoss.single_mask_loss(true[owner], pred, preds["proto"][0], boxes[owner] / 2, area[owner])
    torch.testing.assert_close(term(owner), whole / 4, rtol=1e-5, atol=1e-6)
    assert term(torch.tensor([2, 2])) == 0
