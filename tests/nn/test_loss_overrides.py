"""Steps and parts of losses that users replace decide, and the way through them gives what the fast way gives."""

from __future__ import annotations

import functools

import pytest
import torch
from override_points import listed
from torch import nn

import ultralytics.utils.loss as public_loss
import ultralytics.utils.metrics as public_metrics
import ultralytics.utils.tal as public_tal
from ultralytics.nn.block.flow import RealNVP
from ultralytics.nn.loss.assign import RotatedTaskAlignedAssigner, TaskAlignedAssigner
from ultralytics.nn.loss.assign_shapes import PoseTaskAlignedAssigner, SegTaskAlignedAssigner
from ultralytics.nn.loss.detect import v8DetectionLoss
from ultralytics.nn.loss.end2end import E2EDetectLoss, E2ELoss
from ultralytics.nn.loss.obb import v8OBBLoss
from ultralytics.nn.loss.pose import v8PoseLoss
from ultralytics.nn.loss.pose26 import PoseLoss26
from ultralytics.nn.loss.segment import v8SegmentationLoss
from ultralytics.nn.loss.segment26 import SegmentLoss26
from ultralytics.nn.loss.terms import BboxLoss, DFLoss, KeypointLoss, RotatedBboxLoss
from ultralytics.ops.iou import bbox_iou

from loss_models import model_of, random_batch, random_preds  # isort: skip
from test_loss_assign import scene  # isort: skip
from test_loss_detect import full_batch, full_model, full_preds  # isort: skip

KINDS = [v8DetectionLoss, v8SegmentationLoss, v8PoseLoss, v8OBBLoss, PoseLoss26, SegmentLoss26]


def unchanged(kind, *methods):
    """A subclass whose methods do what those of the base do."""

    def same(name):
        def method(self, *args, **kwargs):
            return getattr(super(made, self), name)(*args, **kwargs)

        return method

    made = type("Own", (kind,), {name: same(name) for name in methods})
    return made


# Assigner -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("topk2", [None, 2])
@pytest.mark.parametrize(
    "method", ["get_pos_mask", "get_box_metrics", "select_candidates_in_gts", "select_highest_overlaps", "get_targets"]
)
def test_the_steps_give_what_the_fast_way_gives(method, topk2, seed):
    options = {"topk": 5, "num_classes": 3, "alpha": 0.5, "topk2": topk2}
    inputs = scene(seed, noise=(1.0, 4.0, 20.0)[seed % 3])
    fast, steps = TaskAlignedAssigner(**options)(*inputs), unchanged(TaskAlignedAssigner, method)(**options)(*inputs)
    positive = fast[3]
    assert torch.equal(positive, steps[3]) and positive.any()
    for one, other in zip(fast[:2], steps[:2], strict=True):
        assert torch.equal(one[positive].float(), other[positive].float())
    torch.testing.assert_close(fast[2], steps[2])
    assert torch.equal(fast[4][positive], steps[4][positive])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_steps_of_every_task_give_what_its_fast_way_gives(kind):
    torch.manual_seed(0)
    model, preds, batch = full_model(3), full_preds(kind, 2, 3), full_batch(kind, 3, [3, 4])
    fast, steps = kind(model), kind(model)
    steps.assigner.__class__ = unchanged(type(fast.assigner), "get_targets")
    torch.testing.assert_close(fast(preds, batch)[0], steps(preds, batch)[0], rtol=1e-4, atol=1e-5)


def background(self, gt_labels, gt_bboxes, target_gt_idx, fg_mask):
    labels, boxes, scores = TaskAlignedAssigner.get_targets(self, gt_labels, gt_bboxes, target_gt_idx, fg_mask)
    return labels, boxes, torch.zeros_like(scores)


def nobody(self, mask_pos, overlaps, n_max_boxes, align_metric):
    return mask_pos.argmax(1), torch.zeros_like(mask_pos.sum(1)), torch.zeros_like(mask_pos)


def all_in(self, xy_centers, gt_bboxes, mask_gt, eps=1e-9):
    batch, objects, _ = gt_bboxes.shape
    return torch.ones(batch, objects, len(xy_centers), dtype=torch.bool)


def first_anchor(self, metrics, topk_mask=None):
    chosen = torch.zeros_like(metrics, dtype=torch.int8)
    chosen[..., 0] = 1
    return chosen


def no_choice(self, pd_scores, pd_bboxes, gt_labels, gt_bboxes, anc_points, mask_gt):
    empty = torch.zeros(*gt_bboxes.shape[:2], len(anc_points))
    return empty, empty, empty


def by_overlap_alone(self, pd_scores, pd_bboxes, gt_labels, gt_bboxes, mask_gt):
    _, overlaps = TaskAlignedAssigner.get_box_metrics(self, pd_scores, pd_bboxes, gt_labels, gt_bboxes, mask_gt)
    return overlaps, overlaps


ASSIGNER = {  # method -> (replacement, what shows in targets and in those without it)
    "forward": (lambda self, *args, **kwargs: (None, None, "mine"), lambda got, _: got[2] == "mine"),
    "_forward": (lambda self, *args, **kwargs: (None, None, "mine"), lambda got, _: got[2] == "mine"),
    "get_pos_mask": (no_choice, lambda got, _: not got[3].any()),
    "get_box_metrics": (by_overlap_alone, lambda got, plain: not torch.equal(got[2], plain[2])),
    "pair_overlaps": (lambda self, indices, gt, pd: torch.ones(len(indices[0])), lambda got, _: got[2].max() > 0.999),
    "iou_calculation": (lambda self, gt, pd: torch.ones(len(gt)), lambda got, _: got[2].max() > 0.999),
    "select_topk_candidates": (first_anchor, lambda got, _: not got[3][:, 1:].any()),
    "get_targets": (background, lambda got, _: got[2].sum() == 0),
    "select_candidates_in_gts": (all_in, lambda got, plain: got[3].sum() > plain[3].sum()),
    "select_highest_overlaps": (nobody, lambda got, _: not got[3].any()),
}


@pytest.mark.parametrize("how", ["subclass", "class", "object"])
@pytest.mark.parametrize("method", ASSIGNER)
def test_an_overridden_method_of_the_assigner_decides(method, how, monkeypatch):
    mine, shows = ASSIGNER[method]
    inputs, options = scene(1, objects=6), {"topk": 4, "num_classes": 3}
    plain = TaskAlignedAssigner(**options)(*inputs)
    assigner = TaskAlignedAssigner(**options)
    if how == "subclass":
        assigner = type("Own", (TaskAlignedAssigner,), {method: mine})(**options)
    elif how == "object":
        assigner.__dict__[method] = mine.__get__(assigner)
    elif "TaskAlignedAssigner" in mine.__code__.co_names:
        pytest.skip("the replacement calls what it replaces")
    else:
        monkeypatch.setattr(TaskAlignedAssigner, method, mine)
    assert shows(assigner(*inputs), plain)
    assert not shows(plain, plain)


def test_choosing_of_the_public_form():
    metrics = torch.tensor([[[0.1, 0.5, 0.3, 0, 0.2], [0, 0, 0, 0, 0]]])
    assigner = TaskAlignedAssigner(topk=2)
    for mask in (None, torch.tensor([[[True, True], [False, False]]])):
        chosen = assigner.select_topk_candidates(metrics, topk_mask=mask)
        assert chosen.tolist() == [[[0, 1, 1, 0, 0], [0] * 5]] and chosen.dtype == torch.int8


def test_sizes_are_there_for_overrides():
    assigner = TaskAlignedAssigner(num_classes=3)
    assigner(*scene(0, batch=2, objects=5))
    assert (assigner.bs, assigner.n_max_boxes) == (2, 5)


# Losses ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("what", ["bbox_decode", "bbox_loss", "dfl_loss", "bce"])
def test_parts_that_change_nothing_change_nothing(kind, what):
    torch.manual_seed(0)
    model, preds, batch = full_model(3), full_preds(kind, 2, 3), full_batch(kind, 3, [3, 0])
    plain, own = kind(model), (unchanged(kind, what) if what == "bbox_decode" else kind)(model)
    if what == "bbox_loss":
        own.bbox_loss = unchanged(type(plain.bbox_loss), "forward")(16)
    elif what == "dfl_loss":
        own.bbox_loss.dfl_loss = unchanged(DFLoss, "forward")(16)
    elif what == "bce":
        own.bce = nn.BCEWithLogitsLoss(reduction="none", pos_weight=torch.ones(3))
    for criterion in (plain, own):
        for branch in preds.values():
            if isinstance(branch, torch.Tensor):
                branch.grad = None
        criterion.result = criterion(preds, batch)[0]
        criterion.result.sum().backward()
        criterion.gradient = {k: v.grad.clone() for k, v in preds.items() if isinstance(v, torch.Tensor)}
    torch.testing.assert_close(plain.result, own.result, rtol=1e-5, atol=1e-5)
    for name, gradient in plain.gradient.items():
        torch.testing.assert_close(gradient, own.gradient[name], rtol=1e-4, atol=1e-6)


def test_batches_without_objects_reach_no_own_box_loss():
    criterion = v8DetectionLoss(model_of(3))
    criterion.bbox_loss.forward = lambda *args: pytest.fail("there is nothing to compare")
    preds = random_preds(2, 3)
    loss, _ = criterion(preds, random_batch(2, 3, [0, 0]))
    loss.sum().backward()
    assert loss.isfinite().all() and preds["boxes"].grad is not None and not preds["boxes"].grad.any()


def test_arguments_of_an_own_box_loss():
    seen = {}

    class Own(BboxLoss):
        def forward(self, pred_dist, pred_bboxes, anchor_points, target_bboxes, target_scores, target_scores_sum,
                    fg_mask, imgsz, stride):  # fmt: skip
            seen.update({k: v for k, v in locals().items() if isinstance(v, torch.Tensor)})
            return torch.tensor(2.0), torch.tensor(3.0)

    criterion, batch = v8DetectionLoss(model_of(3)), random_batch(2, 3, [3, 2])
    criterion.bbox_loss = Own()
    _, items = criterion(random_preds(2, 3), batch)
    assert [float(items["box_loss"]), float(items["dfl_loss"])] == [15.0, 4.5]
    anchors = 8 * 12 + 4 * 6 + 2 * 3
    assert {k: tuple(v.shape) for k, v in seen.items()} == {
        "pred_dist": (2, anchors, 64), "pred_bboxes": (2, anchors, 4), "anchor_points": (anchors, 2),
        "target_bboxes": (2, anchors, 4), "target_scores": (2, anchors, 3), "target_scores_sum": (),
        "fg_mask": (2, anchors), "imgsz": (2,), "stride": (anchors, 1),
    }  # fmt: skip
    assert seen["imgsz"].tolist() == [64, 96] and seen["fg_mask"].any() and seen["pred_bboxes"].requires_grad
    cells = seen["target_bboxes"] * seen["stride"]  # targets are in grid cells
    true = batch["bboxes"][0, 2:] * torch.tensor([96, 64])
    size = (cells[..., 2:] - cells[..., :2])[seen["fg_mask"]]
    assert torch.isclose(size, true, atol=1e-3).all(-1).any()


def test_box_losses_of_older_versions_get_what_they_take():
    class Older(BboxLoss):
        def __init__(self, reg_max, use_dfl=False):
            super().__init__(reg_max, use_dfl)

        def forward(self, pred_dist, pred_bboxes, anchor_points, target_bboxes, target_scores, target_scores_sum,
                    fg_mask):  # fmt: skip
            weight = target_scores.sum(-1)[fg_mask].unsqueeze(-1)
            overlap = bbox_iou(pred_bboxes[fg_mask], target_bboxes[fg_mask], xywh=False, CIoU=True)
            box = ((1.0 - overlap) * weight).sum() / target_scores_sum
            sides = public_tal.bbox2dist(anchor_points, target_bboxes, self.dfl_loss.reg_max - 1)
            side = self.dfl_loss(pred_dist[fg_mask].view(-1, self.dfl_loss.reg_max), sides[fg_mask]) * weight
            return box, side.sum() / target_scores_sum

    preds, batch, model = random_preds(2, 3), random_batch(2, 3, [3, 2]), model_of(3)
    criterion = v8DetectionLoss(model)
    criterion.bbox_loss = Older(15, use_dfl=True)
    torch.testing.assert_close(criterion(preds, batch)[0], v8DetectionLoss(model)(preds, batch)[0])


def weighted(bce, weights):
    return lambda pred, true: bce(pred, true) * torch.tensor(weights)


def test_own_class_losses():
    preds, batch, model = random_preds(2, 3), random_batch(2, 3, [3, 2]), model_of(3)
    plain = v8DetectionLoss(model)
    base = plain(preds, batch)[1]["cls_loss"]
    for own, factor in (
        (weighted(plain.bce, [2.0, 2.0, 2.0]), 2),
        (nn.BCEWithLogitsLoss(reduction="none", weight=torch.full((3,), 3.0)), 3),
        (lambda pred, true: nn.functional.binary_cross_entropy_with_logits(pred, true, reduction="sum") * 4, 4),
    ):
        criterion = v8DetectionLoss(model)
        criterion.bce = own
        assert criterion(preds, batch)[1]["cls_loss"] == pytest.approx(float(base) * factor, rel=1e-5)
    model.class_weights = torch.tensor([1.0, 5.0, 1.0])
    fast, own = v8DetectionLoss(model), v8DetectionLoss(model)
    own.bce = weighted(plain.bce, [1.0, 1.0, 1.0])
    torch.testing.assert_close(fast(preds, batch)[0], own(preds, batch)[0])


def test_constructors_that_copy_the_public_one():
    class Own(v8DetectionLoss):
        def __init__(self, model):
            head = model.model[-1]
            self.hyp, self.stride, self.nc, self.reg_max, self.device = model.args, head.stride, 3, 16, "cpu"
            self.no, self.use_dfl, self.proj = 67, True, torch.arange(16.0)
            self.bce = nn.BCEWithLogitsLoss(reduction="none")
            self.assigner = TaskAlignedAssigner(topk=10, num_classes=3, alpha=0.5, beta=6.0)
            self.bbox_loss = BboxLoss(16)

    preds, batch, model = random_preds(2, 3), random_batch(2, 3, [3, 2]), model_of(3)
    own, plain = Own(model), v8DetectionLoss(model)
    torch.testing.assert_close(own(preds, batch)[0], plain(preds, batch)[0])
    assert plain.loss_names == ("box_loss", "cls_loss", "dfl_loss") and torch.equal(plain.proj, own.proj)


def test_hooks_of_parts_are_called():
    criterion, calls = v8DetectionLoss(model_of(3)), []
    criterion.bbox_loss.register_forward_hook(lambda *args: calls.append("box"))
    criterion.bce.register_forward_hook(lambda *args: calls.append("class"))
    criterion(random_preds(2, 3), random_batch(2, 3, [1, 2]))
    assert sorted(calls) == ["box", "class"]


def doubled(self, preds, batch, **assign_kwargs):
    targets, terms, items = v8DetectionLoss.get_assigned_targets_and_loss(self, preds, batch, **assign_kwargs)
    return targets, terms * 2, items


def public_tensors(self, preds, batch, **assign_kwargs):
    targets, terms, items = v8DetectionLoss.get_assigned_targets_and_loss(self, preds, batch, **assign_kwargs)
    fg_mask, target_gt_idx, target_bboxes, anchor_points, stride_tensor = targets
    return (fg_mask, target_gt_idx, target_bboxes, anchor_points, stride_tensor), terms, items


DETECTION = {  # method -> (replacement, factor of the loss, by which it shows)
    "preprocess": (lambda self, targets, batch_size, scale_tensor: torch.zeros(batch_size, 0, 5), 0),
    "bbox_decode": (lambda self, points, dist: torch.cat([points - 2, points + 2], -1).expand(len(dist), -1, 4), None),
    "get_assigned_targets_and_loss": (doubled, 2),
    "parse_output": (lambda self, preds: {**preds, "scores": preds["scores"] * 0 - 50}, None),
    "__call__": (lambda self, preds, batch: (torch.ones(3), {}), None),
    "loss": (lambda self, preds, batch: (torch.ones(3), {}), None),
}


@pytest.mark.parametrize("how", ["subclass", "object"])
@pytest.mark.parametrize("method", DETECTION)
def test_an_overridden_method_of_the_loss_decides(method, how):
    mine, factor = DETECTION[method]
    preds, batch, model = random_preds(2, 3), random_batch(2, 3, [3, 2]), model_of(3)
    if how == "object" and method == "__call__":
        pytest.skip("Python looks calls up on the class")
    criterion = type("Own", (v8DetectionLoss,), {method: mine} if how == "subclass" else {})(model)
    if how == "object":
        setattr(criterion, method, mine.__get__(criterion))
    base, got = (c(preds, batch)[0].detach() for c in (v8DetectionLoss(model), criterion))
    assert not torch.allclose(base, got)
    if factor is not None:
        torch.testing.assert_close(got[0], base[0] * factor)


@pytest.mark.parametrize("kind", [v8SegmentationLoss, v8PoseLoss, PoseLoss26, SegmentLoss26], ids=lambda k: k.__name__)
def test_public_targets_serve_other_tasks(kind):
    torch.manual_seed(0)
    own = type("Own", (kind,), {"get_assigned_targets_and_loss": public_tensors})
    model, preds, batch = full_model(3), full_preds(kind, 2, 3), full_batch(kind, 3, [3, 4])
    torch.testing.assert_close(kind(model)(preds, batch)[0], own(model)(preds, batch)[0])


def test_oriented_boxes_need_the_scores_too():
    own = type("Own", (v8OBBLoss,), {"get_assigned_targets_and_loss": public_tensors})
    with pytest.raises(ValueError, match="target scores"):
        own(full_model(3))(full_preds(v8OBBLoss, 2, 3), full_batch(v8OBBLoss, 3, [3, 4]))


def test_arguments_for_the_assigner_are_passed_on():
    class Asking(TaskAlignedAssigner):
        def forward(self, *args, mine):
            raise KeyError(mine)

    criterion = v8DetectionLoss(model_of(3))
    criterion.assigner = Asking(num_classes=3)
    with pytest.raises(KeyError, match="7"):
        criterion.get_assigned_targets_and_loss(random_preds(1, 3), random_batch(1, 3, [1]), mine=7)


def test_steps_that_are_organised_otherwise_are_told(caplog):
    class Segmentation(v8SegmentationLoss):
        def calculate_segmentation_loss(self, *args):
            return 0

    class Pose(PoseLoss26):
        def calculate_keypoints_loss(self, *args):
            return 0

        def calculate_rle_loss(self, *args):
            return 0

    Segmentation(full_model(3)), Pose(full_model(3)), Pose(full_model(3))
    told = [r.getMessage() for r in caplog.records if "no effect" in r.getMessage()]
    assert len(told) == 3 and "mask_term" in told[0] and "keypoint_terms" in told[1] and "further_terms" in told[2]


def test_every_listed_method_of_losses_is_in_a_table():
    covered = {("v8DetectionLoss", m) for m in DETECTION} | {("TaskAlignedAssigner", m) for m in ASSIGNER}
    assert listed("utils.loss:") | listed("utils.tal:") <= covered | {("BboxLoss", "forward")}


# Names that are replaced on public modules ----------------------------------------------------------------------------


def lower(original):
    """An overlap that is lower than the original's."""

    @functools.wraps(original)
    def overlap(*args, **kwargs):
        return original(*args, **kwargs) * 0.5

    return overlap


@pytest.mark.parametrize(
    ("module", "box", "assigned"),
    [(public_loss, True, False), (public_tal, False, True), (public_metrics, True, True)],
    ids=["loss", "tal", "metrics"],
)
@pytest.mark.parametrize(
    ("name", "kind", "assigner"),
    [("bbox_iou", BboxLoss, TaskAlignedAssigner), ("probiou", RotatedBboxLoss, RotatedTaskAlignedAssigner)],
)
def test_overlaps(module, box, assigned, name, kind, assigner, monkeypatch):
    boxes = torch.tensor([[10.0, 10, 30, 30, 0.1]])[:, : 5 if name == "probiou" else 4]
    rules = kind().overlap, assigner().iou_calculation
    before = [float(rule(boxes, boxes)) for rule in rules]
    monkeypatch.setattr(module, name, lower(getattr(public_metrics, name)), raising=False)
    expected = [value * (0.5 if concerned else 1) for value, concerned in zip(before, (box, assigned), strict=True)]
    assert [float(rule(boxes, boxes)) for rule in rules] == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("module", [public_loss, public_tal], ids=["loss", "tal"])
@pytest.mark.parametrize("name", ["bbox2dist", "make_anchors"])
def test_codecs(module, name, monkeypatch):
    original, calls = getattr(public_tal, name), []
    monkeypatch.setattr(module, name, lambda *a, **k: calls.append(1) or original(*a, **k), raising=False)
    v8DetectionLoss(model_of(3))(random_preds(2, 3), random_batch(2, 3, [1, 2]))
    assert calls


PARTS = {
    "BboxLoss": (BboxLoss, v8DetectionLoss, lambda c: c.bbox_loss),
    "DFLoss": (DFLoss, v8DetectionLoss, lambda c: c.bbox_loss.dfl_loss),
    "RotatedBboxLoss": (RotatedBboxLoss, v8OBBLoss, lambda c: c.bbox_loss),
    "KeypointLoss": (KeypointLoss, v8PoseLoss, lambda c: c.keypoint_loss),
    "TaskAlignedAssigner": (TaskAlignedAssigner, v8DetectionLoss, lambda c: c.assigner),
    "RotatedTaskAlignedAssigner": (RotatedTaskAlignedAssigner, v8OBBLoss, lambda c: c.assigner),
    "PoseTaskAlignedAssigner": (PoseTaskAlignedAssigner, PoseLoss26, lambda c: c.assigner),
    "SegTaskAlignedAssigner": (SegTaskAlignedAssigner, SegmentLoss26, lambda c: c.assigner),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_losses(name, monkeypatch):
    original, kind, part = PARTS[name]
    mine = type("Mine", (original,), {})
    monkeypatch.setattr(public_loss, name, mine, raising=False)
    assert type(part(kind(model_of(3, kpt_shape=[4, 3], flow_model=RealNVP())))) is mine
    monkeypatch.undo()
    if "Assigner" in name:
        monkeypatch.setattr(public_tal, name, mine)
        assert type(part(kind(model_of(3, kpt_shape=[4, 3], flow_model=RealNVP())))) is mine


def test_losses_of_two_headed_models(monkeypatch):
    mine = type("Mine", (v8DetectionLoss,), {})
    monkeypatch.setattr(public_loss, "v8DetectionLoss", mine)
    for kind in (E2ELoss, E2EDetectLoss):
        made = kind(model_of(3, hyp={"epochs": 3}))
        assert type(made.one2many) is type(made.one2one) is mine
