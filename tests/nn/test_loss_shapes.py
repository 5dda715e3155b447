"""Assignment by keypoints and masks, and the likelihood loss of keypoints."""

from __future__ import annotations

import math

import pytest
import torch

from ultralytics.nn.block.flow import RealNVP
from ultralytics.nn.loss.assign import TaskAlignedAssigner
from ultralytics.nn.loss.assign_shapes import PoseTaskAlignedAssigner, SegTaskAlignedAssigner, mask_overlaps
from ultralytics.nn.loss.pose26 import RLELoss
from ultralytics.ops.anchors import make_anchors

SIZE = 256


def grid():
    """Anchor points in px and their strides."""
    points, strides = make_anchors([torch.zeros(1, 1, SIZE // s, SIZE // s) for s in (8, 16, 32)], (8, 16, 32))
    return points * strides, strides


def one_object(box, points):
    """Arguments of an assigner for one object whose box every anchor predicts exactly, with the same score."""
    count = len(points)
    boxes = torch.tensor([[box]], dtype=torch.float32)
    scores = torch.full((1, count, 1), 0.5)
    return scores, boxes.expand(1, count, 4), points, torch.zeros(1, 1, 1), boxes, torch.ones(1, 1, 1)


@pytest.mark.parametrize(
    ("side", "levels"), [(12, {8}), (40, {8, 16}), (90, {8, 16, 32}), (120, {16, 32}), (250, {32})]
)
def test_pose_assigner_takes_levels_of_the_objects_size(side, levels):
    """Between 2 and 12 strides, but the finest level takes smaller objects and the coarsest larger ones."""
    points, strides = grid()
    x = (SIZE - side) / 2 + 1
    inputs = one_object([x, x, x + side, x + side], points)
    kpts = torch.full((1, len(points), 2, 2), 128.0)
    assigner = PoseTaskAlignedAssigner([0.1, 0.1], topk=10_000, num_classes=1, stride=(8, 16, 32))
    true = torch.tensor([[[[128.0, 128, 2], [128, 128, 2]]]])
    found = assigner(*inputs, anc_strides=strides, pd_kpts=kpts, gt_kpts=true)[3]
    reached = set(strides[found[0], 0].int().tolist())
    assert levels == {s for s in (8, 16, 32) if (s == 8 or side >= 2 * s) and (s == 32 or side <= 12 * s)}
    assert reached == {s for s in levels if any(abs(p - 129) * 2 < max(side, 16) for p in range(s // 2, SIZE, s))}


def test_pose_assigner_ignores_levels_that_leave_no_anchor():
    points, strides = grid()
    coarse = strides[:, 0] == 32
    inputs = one_object([107, 107, 117, 117], points[coarse])  # inside the widened box lies one coarse anchor
    kpts, true = torch.full((1, int(coarse.sum()), 1, 2), 112.0), torch.tensor([[[[112.0, 112, 1]]]])
    assigner = PoseTaskAlignedAssigner([0.1], topk=5, num_classes=1, stride=(8, 16, 32))
    wide = torch.where(torch.arange(int(coarse.sum()))[:, None] == 0, 8.0, strides[coarse])
    found = assigner(*inputs, anc_strides=wide, pd_kpts=kpts, gt_kpts=true)[3]
    assert found.any()


def test_pose_assigner_compares_keypoints_and_falls_back_to_boxes():
    points, strides = grid()
    inputs = one_object([60, 60, 200, 200], points)
    near = (points - 128).abs().amax(1) < 20
    kpts = torch.where(near[:, None], 128.0, 60.0).expand(1, -1, 2).unsqueeze(2)
    assigner = PoseTaskAlignedAssigner([0.05], topk=3, num_classes=1, stride=(8, 16, 32))
    seen = torch.tensor([[[[128.0, 128, 2]]]])
    found = assigner(*inputs, anc_strides=strides, pd_kpts=kpts, gt_kpts=seen)
    assert near[found[3][0]].all() and found[2].max() == pytest.approx(1.0)
    hidden = seen * torch.tensor([1.0, 1, 0])
    without = assigner(*inputs, anc_strides=strides, pd_kpts=kpts, gt_kpts=hidden)
    assert without[2].max() == pytest.approx(1.0, abs=1e-4)  # all boxes are exact, so all anchors are equally good


def masks_scene(seed=0, objects=4, nc=3, side=64):
    """Arguments of `SegTaskAlignedAssigner` for two images of overlapping objects."""
    g = torch.Generator().manual_seed(seed)
    points, _ = grid()
    low = 40 + 100 * torch.rand(2, objects, 2, generator=g)
    boxes = torch.cat([low, low + 30 + 60 * torch.rand(2, objects, 2, generator=g)], -1)
    nearest = ((points[None, :, None] - (boxes[..., :2] + boxes[..., 2:])[:, None] / 2) ** 2).sum(-1).argmin(-1)
    noise = 8 * torch.randn(2, len(points), 4, generator=g)
    predicted = boxes.gather(1, nearest[..., None].expand(-1, -1, 4)) + noise
    masks = torch.rand(2, objects, side, side, generator=g) > 0.5
    inputs = torch.rand(2, len(points), nc, generator=g), predicted, points
    truth = torch.randint(nc, (2, objects, 1), generator=g).float(), boxes, torch.ones(2, objects, 1)
    extra = {
        "pd_coef": torch.randn(2, len(points), 5, generator=g),
        "mask_scale": torch.full((2, 1), side / SIZE),
        "proto": torch.randn(2, 5, side, side, generator=g),
        "gt_masks": masks,
    }
    return (*inputs, *truth), extra


def test_mask_overlaps_are_those_of_whole_masks():
    (_, boxes, *_), extra = masks_scene()
    image, slot, anchor = torch.tensor([0, 1, 1, 0]), torch.tensor([2, 0, 3, 1]), torch.tensor([5, 700, 900, 1000])
    windows = boxes[image, anchor] * 0.25
    got = mask_overlaps((image, slot, anchor), windows, extra["pd_coef"], extra["proto"], extra["gt_masks"])
    for k in range(4):
        logits = torch.einsum("c,chw->hw", extra["pd_coef"][image[k], anchor[k]], extra["proto"][image[k]])
        mask, (x1, y1, x2, y2) = torch.zeros(64, 64, dtype=torch.bool), windows[k].ceil().int().clamp(0, 64).tolist()
        mask[y1:y2, x1:x2] = logits[y1:y2, x1:x2] > 0
        true = extra["gt_masks"][image[k], slot[k]]
        want = (mask & true).sum() / (mask | true).sum()
        assert got[k] == pytest.approx(float(want))


def test_seg_assigner_averages_both_overlaps_of_the_best_by_box():
    inputs, extra = masks_scene()
    settings = {"topk": 2, "num_classes": 3, "alpha": 0.5, "beta": 6.0, "stride": (8, 16, 32)}
    seen = []

    class Watched(SegTaskAlignedAssigner):
        def pair_overlaps(self, indices, *args, **kwargs):
            overlap = super().pair_overlaps(indices, *args, **kwargs)
            boxes = TaskAlignedAssigner.pair_overlaps(self, indices, *args[:2])
            windows = args[1][indices[0], indices[2]] / 4
            masks = mask_overlaps(indices, windows, extra["pd_coef"], extra["proto"], extra["gt_masks"])
            seen.append((indices[0] * 4 + indices[1], overlap, (boxes + masks) / 2))
            return overlap

    Watched(**settings)(*inputs, **extra)
    for owner, overlap, both in seen:
        compared = overlap > 0
        assert torch.allclose(overlap[compared], both[compared])
        for k in owner.unique():
            assert compared[owner == k].sum() <= 3 * settings["topk"]


def test_likelihood_is_that_of_a_normal_distribution_at_the_start():
    flow = RealNVP()
    for net in (*flow.s, *flow.t):
        torch.nn.init.zeros_(net[4].weight)
        torch.nn.init.zeros_(net[4].bias)
    x = torch.tensor([[0.0, 0.0], [1.0, -2.0]])
    want = -(x**2).sum(1) / 2 - math.log(2 * math.pi)
    torch.testing.assert_close(flow.log_prob(x), want)
    torch.testing.assert_close(flow(x), want)


def test_likelihood_integrates_to_one():
    torch.manual_seed(0)
    flow = RealNVP()
    for net in (*flow.s, *flow.t):
        torch.nn.init.normal_(net[4].weight, std=0.05)
    line = torch.linspace(-7, 7, 141)
    density = flow.log_prob(torch.cartesian_prod(line, line)).exp().sum() * 0.1**2
    assert float(density.detach()) == pytest.approx(1.0, abs=1e-3)


def test_rle_loss_terms():
    sigma, error, log_phi = torch.full((3, 2), 0.5), torch.ones(3, 2), torch.zeros(3, 1)
    flow_part, laplace = math.log(0.5), math.log(2 * 0.5) + 1
    assert float(RLELoss()(sigma, log_phi, error)) == pytest.approx(2 * (flow_part + laplace))
    assert float(RLELoss(residual=False)(sigma, log_phi, error)) == pytest.approx(2 * flow_part)
    assert float(RLELoss(size_average=False)(sigma, log_phi, error)) == pytest.approx(6 * (flow_part + laplace))
    weight = torch.tensor([3.0, 0, 0])
    assert float(RLELoss()(sigma, log_phi, error, weight)) == pytest.approx(2 * (flow_part + laplace))
    assert float(RLELoss(use_target_weight=False)(sigma, log_phi, error, weight * 0)) != 0
