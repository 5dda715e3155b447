from __future__ import annotations

import pytest
import torch

from ultralytics.nn.loss import assign
from ultralytics.nn.loss.assign import RotatedTaskAlignedAssigner, TaskAlignedAssigner
from ultralytics.ops.anchors import make_anchors
from ultralytics.ops.iou import bbox_iou

OUTPUTS = ("target_labels", "target_bboxes", "target_scores", "fg_mask", "target_gt_idx")
CASES = ("plain", "defaults", "small_gt", "topk2", "one_empty_image", "rotated")


@pytest.mark.parametrize("case", CASES)
def test_targets_match_golden_assigner(golden, case):
    g = golden("assigner")
    settings = dict(g.meta[case])
    kind = RotatedTaskAlignedAssigner if settings["rotated"] else TaskAlignedAssigner
    names = ("topk", "num_classes", "alpha", "beta", "stride", "topk2")
    assigner = kind(**{k: settings[k] for k in names if k in settings})
    points = torch.from_numpy(g["anchors"]) * torch.from_numpy(g["strides"])
    pd_scores, pd_bboxes, *truth = (
        torch.from_numpy(g[f"{case}.in.{k}"]) for k in ("pd_scores", "pd_bboxes", "gt_labels", "gt_bboxes", "mask_gt")
    )
    for name, got in zip(OUTPUTS, assigner(pd_scores, pd_bboxes, points, *truth), strict=True):
        g.check(f"{case}.out.{name}", got, 1e-5, 1e-6)


def points_of(height: int = 96, width: int = 128) -> torch.Tensor:
    anchors, strides = make_anchors([torch.zeros(1, 1, height // s, width // s) for s in (8, 16, 32)], (8, 16, 32))
    return anchors * strides


def scene(seed: int, batch: int = 2, objects: int = 9, nc: int = 3, noise: float = 4.0):
    g = torch.Generator().manual_seed(seed)
    points = points_of()
    low = torch.rand(batch, objects, 2, generator=g) * torch.tensor([100.0, 70.0])
    boxes = torch.cat([low, low + 3 + torch.rand(batch, objects, 2, generator=g) ** 2 * 60], -1)
    mask = (torch.rand(batch, objects, 1, generator=g) > 0.3).float()
    mask[:, 0] = 1
    pick = torch.randint(objects, (batch, len(points)), generator=g)
    near = boxes.gather(1, pick[..., None].expand(-1, -1, 4))
    predicted = near + torch.randn(near.shape, generator=g) * noise
    labels = torch.randint(nc, (batch, objects, 1), generator=g).float()
    return torch.rand(batch, len(points), nc, generator=g), predicted, points, labels * mask, boxes * mask, mask


def plain_rule(assigner: TaskAlignedAssigner, scores, predicted, points, labels, boxes, mask):
    """The rule of the module docstring, one object after another."""
    batch, anchors, nc = scores.shape
    owner, target = torch.full((batch, anchors), -1), torch.zeros(batch, anchors, nc)
    for b in range(batch):
        real = [m for m in range(boxes.shape[1]) if mask[b, m] > 0]
        overlap, align, chosen = (torch.zeros(boxes.shape[1], anchors) for _ in range(3))
        for m in real:
            x1, y1, x2, y2 = boxes[b, m].tolist()
            wide, high = max(x2 - x1, assigner.stride_val), max(y2 - y1, assigner.stride_val)
            cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
            inside = ((points[:, 0] - cx).abs() < wide / 2) & ((points[:, 1] - cy).abs() < high / 2)
            iou = bbox_iou(boxes[b, m][None], predicted[b], xywh=False, CIoU=True)[:, 0].clamp(0)
            overlap[m] = iou * inside
            align[m] = scores[b, :, int(labels[b, m, 0])] ** assigner.alpha * overlap[m] ** assigner.beta
            best = align[m].topk(min(assigner.topk, anchors)).indices
            chosen[m, best] = inside[best].float()
        for a in range(anchors):
            takers = chosen[:, a].nonzero()[:, 0]
            if len(takers):
                owner[b, a] = takers[0] if len(takers) == 1 else overlap[:, a].argmax()
        for m in real:
            mine = owner[b] == m
            if mine.any():
                top, best = align[m][mine].max(), overlap[m][mine].max()
                target[b, mine, int(labels[b, m, 0])] = align[m][mine] * best / (top + assigner.eps)
    return owner, target


@pytest.mark.parametrize("seed", range(6))
def test_follows_the_plain_rule(seed):
    assigner = TaskAlignedAssigner(topk=(3, 10)[seed % 2], num_classes=3, alpha=0.5, stride=[8, 16, 32])
    inputs = scene(seed, noise=(1.0, 4.0, 20.0)[seed % 3])
    owner, target = plain_rule(assigner, *inputs)
    _, _, scores, positive, index = assigner(*inputs)
    assert torch.equal(positive, owner >= 0)
    assert torch.equal(index[positive], owner[positive])
    assert torch.allclose(scores, target, atol=1e-6)


@pytest.mark.parametrize("topk2", [None, 2])
def test_table_size_does_not_matter(monkeypatch, topk2):
    assigner = TaskAlignedAssigner(topk=10, num_classes=3, topk2=topk2)
    whole = assigner(*scene(1))
    monkeypatch.setattr(assign, "_TABLE_CPU", 1)
    for a, b in zip(whole, assigner(*scene(1)), strict=True):
        assert torch.equal(a, b)


def test_topk2_limits_the_anchors_of_an_object():
    inputs = scene(2)
    positive, index = TaskAlignedAssigner(topk=7, num_classes=3, topk2=1)(*inputs)[3:]
    for image in range(2):
        assert torch.bincount(index[image][positive[image]]).max() == 1


def test_without_objects_all_is_background():
    scores, predicted, points, *_ = scene(0)
    for objects in (0, 3):
        empty = torch.zeros(2, objects, 1), torch.zeros(2, objects, 4), torch.zeros(2, objects, 1)
        _, _, target, positive, index = TaskAlignedAssigner(num_classes=3)(scores, predicted, points, *empty)
        assert not positive.any() and target.sum() == 0 and index.sum() == 0


def test_small_objects_have_candidates_and_large_ones_keep_their_border():
    assigner = TaskAlignedAssigner(num_classes=1, stride=[8, 16, 32])
    points = points_of()
    tiny, exact = torch.tensor([[[47.0, 47, 49, 49]]]), torch.tensor([[[12.0, 12, 44.3, 60]]])
    assert assigner.select_candidates_in_gts(points, tiny, torch.ones(1, 1, 1)).sum() == 5
    inside = assigner.select_candidates_in_gts(points, exact, torch.ones(1, 1, 1))[0, 0]
    assert not inside[(points[:, 0] == 12) | (points[:, 1] == 12)].any()  # on the border is not inside


def test_overlap_rule_can_be_replaced():
    class Always(TaskAlignedAssigner):
        def iou_calculation(self, gt_bboxes, pd_bboxes):
            return torch.ones(len(gt_bboxes))

    scores, predicted, points, labels, boxes, mask = scene(3, batch=1, objects=1)
    target = Always(topk=4, num_classes=3)(scores, predicted, points, labels, boxes, mask)[2]
    assert target.max() == pytest.approx(1.0)


def test_arguments_stay_as_they_were():
    inputs = scene(4)
    before = [x.clone() for x in inputs]
    TaskAlignedAssigner(num_classes=3)(*inputs)
    assert all(torch.equal(a, b) for a, b in zip(inputs, before, strict=True))


def test_many_objects_stay_within_memory():
    """8400 anchors by 400 objects of 2 images: a table of all pairs would have 6.7 million entries."""
    points, g = points_of(640, 640), torch.Generator().manual_seed(0)
    low = torch.rand(2, 400, 2, generator=g) * 500
    boxes = torch.cat([low, low + 20 + torch.rand(2, 400, 2, generator=g) * 100], -1)
    predicted = torch.cat([points - 30, points + 30], 1).expand(2, -1, -1)
    scores = torch.rand(2, 8400, 3, generator=g)
    labels, mask = torch.zeros(2, 400, 1), torch.ones(2, 400, 1)
    positive = TaskAlignedAssigner(topk=10, num_classes=3)(scores, predicted, points, labels, boxes, mask)[3]
    assert 1000 < positive.sum() <= 8000
