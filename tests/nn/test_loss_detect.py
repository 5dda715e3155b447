from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import weights_rule
from torch import nn

from ultralytics.nn.block.flow import RealNVP
from ultralytics.nn.loss.classify import v8ClassificationLoss
from ultralytics.nn.loss.detect import v8DetectionLoss
from ultralytics.nn.loss.end2end import E2EDetectLoss, E2ELoss
from ultralytics.nn.loss.obb import v8OBBLoss
from ultralytics.nn.loss.pose import v8PoseLoss
from ultralytics.nn.loss.pose26 import PoseLoss26
from ultralytics.nn.loss.segment import v8SegmentationLoss
from ultralytics.nn.loss.segment26 import SegmentLoss26

from loss_models import levels, model_of, random_batch, random_preds  # isort: skip

DETECT = ("boxes", "scores")
TASKS = {
    "loss_yolov8n": (v8DetectionLoss, DETECT, (), {}),
    "loss_yolov8n-seg": (v8SegmentationLoss, (*DETECT, "mask_coefficient", "proto"), ("masks",), {}),
    "loss_yolov8n-pose": (v8PoseLoss, (*DETECT, "kpts"), ("keypoints",), {"kpt_shape": [17, 3]}),
    "loss_yolov8n-obb": (v8OBBLoss, (*DETECT, "angle"), (), {}),
}
EXTRA = {
    PoseLoss26: {"kpts": 12, "kpts_sigma": 8},
    SegmentLoss26: {"mask_coefficient": 8},
    v8DetectionLoss: {},
    v8SegmentationLoss: {"mask_coefficient": 8},
    v8PoseLoss: {"kpts": 12},
    v8OBBLoss: {"angle": 1},
}


def golden_inputs(g, branches, prefix="pred."):
    preds = {b: torch.from_numpy(g[prefix + b]).clone().requires_grad_() for b in branches}
    batch = preds["boxes"].shape[0]
    return preds, [torch.zeros(batch, 1, *(int(n) for n in hw)) for hw in g["pred.feature_map_hw"]]


@pytest.mark.parametrize("name", TASKS)
def test_loss_and_gradient_match_golden(golden, name):
    g = golden(name)
    kind, branches, fields, facts = TASKS[name]
    preds, feats = golden_inputs(g, branches)
    batch = {k: torch.from_numpy(g[f"batch.{k}"]) for k in ("batch_idx", "cls", "bboxes", *fields)}
    criterion = kind(model_of(g.meta["nc"], hyp=g.meta["hyp"], **facts))
    loss, items = criterion({**preds, "feats": feats}, batch)
    g.check("loss_vector", loss, 1e-5, 1e-5)
    g.check("items", np.array([float(v) for v in items.values()]), 1e-5, 1e-5)
    assert list(items) == g.meta["item_names"]
    loss.sum().backward()
    for branch in branches:
        g.check(f"dpred.{branch}", preds[branch].grad, 1e-4, 1e-6)

    assigned = criterion.assign({**preds, "feats": feats}, batch)
    positive = torch.zeros(preds["boxes"].shape[0], preds["boxes"].shape[2])
    positive[assigned.image, assigned.anchor] = 1
    g.check("assign.fg_mask", positive, 0, 0)
    want = torch.from_numpy(g["assign.target_gt_idx"])[assigned.image, assigned.anchor]
    assert torch.equal(assigned.object, want.long())
    assert float(assigned.scores.sum()) == pytest.approx(float(g["assign.target_scores_sum"]), rel=1e-5)


def test_classification_matches_golden_loss_yolov8n_cls(golden):
    g = golden("loss_yolov8n-cls")
    logits = torch.from_numpy(g["pred.y"]).requires_grad_()
    batch = {"cls": torch.from_numpy(g["batch.cls"])}
    loss, items = v8ClassificationLoss()(logits, batch)
    g.check("loss_vector", loss, 1e-5, 1e-6)
    assert list(items) == g.meta["item_names"] and not items["loss"].requires_grad
    loss.backward()
    g.check("dpred.y", logits.grad, 1e-5, 1e-6)
    assert v8ClassificationLoss()((logits.softmax(1), logits), batch)[0] == loss


TWO_HEADED = {
    "loss_yolo26n": (v8DetectionLoss, DETECT, ()),
    "loss_yolov10n": (v8DetectionLoss, DETECT, ()),
    "loss_yolo26n-obb": (v8OBBLoss, (*DETECT, "angle"), ()),
    "loss_yolo26n-pose": (PoseLoss26, (*DETECT, "kpts", "kpts_sigma"), ("keypoints",)),
    "loss_yolo26n-seg": (SegmentLoss26, (*DETECT, "mask_coefficient", "proto.0", "proto.1"), ("masks",)),
}


def head_facts(g):
    """What the head of the stand-in needs to know; the flow of keypoint errors has the weights of the rule."""
    if not g.meta["model"].endswith("-pose.yaml"):
        return {}
    holder = nn.Module()
    holder.model = nn.ModuleList([*(nn.Identity() for _ in range(23)), nn.ModuleDict({"flow_model": RealNVP()})])
    weights_rule.apply(holder, g.meta["weights_seed"])  # which depends on the names of the tensors
    return {"kpt_shape": [17, 3], "flow_model": holder.model[-1]["flow_model"]}


def with_pairs(preds):
    """Nest `proto.0` and `proto.1` the way the head does."""
    pairs = [preds[k] for k in ("proto.0", "proto.1") if k in preds]
    plain = {k: v for k, v in preds.items() if not k.startswith("proto.")}
    return {**plain, "proto": tuple(pairs)} if pairs else plain


def check_through_flow(g, key, grad):
    """Compare gradients that come through the flow of keypoint errors, which multiplies rounding errors.

    The flow takes errors of up to 100 spreads through the exponentials of six couplings, and what it returns nearly
    cancels the other parts of the likelihood term. An entry is therefore a small difference of numbers as large as the
    largest gradient. In float32 and in float64 the same inputs give entries that differ by up to 2.6e-5 of that, in
    the implementation that the figures come from as here, and processors differ as much. Few entries are concerned.
    """
    g.check(key, grad, 1e-4, 3e-5 * float(grad.abs().max()))
    g.check(key, grad, 1e-4, 1e-6, share=0.995)


@pytest.mark.parametrize("name", TWO_HEADED)
def test_two_headed_models_match_golden(golden, name):
    """Without distribution bins the third term is the L1 loss of the distances."""
    g = golden(name)
    kind, branches, fields = TWO_HEADED[name]
    batch = {k: torch.from_numpy(g[f"batch.{k}"]) for k in ("batch_idx", "cls", "bboxes", *fields)}
    reg_max = g.shape("pred.one2many.boxes")[1] // 4
    criterion = E2ELoss(model_of(g.meta["nc"], reg_max, hyp=g.meta["hyp"], **head_facts(g)), kind)
    assert criterion.one2many.assigner.__class__.__name__ == g.meta["o2m.assigner"]["cls"]
    heads, leaves = {}, {}
    for head in ("one2many", "one2one"):
        preds, feats = golden_inputs(g, branches, f"pred.{head}.")
        leaves |= {f"dpred.{head}.{branch}": leaf for branch, leaf in preds.items()}
        heads[head] = {**with_pairs(preds), "feats": feats}
    loss, items = criterion((torch.zeros(1), heads), batch)
    g.check("loss_vector", loss, 1e-5, 1e-5)
    g.check("items", np.array([float(v) for v in items.values()]), 1e-5, 1e-5)
    assert list(items) == g.meta["item_names"] == list(criterion.item_names)
    loss.sum().backward()
    for key, leaf in leaves.items():
        if key in g.names():  # prototypes of the second head carry no gradient in the network
            if kind is PoseLoss26 and "kpts" in key:
                check_through_flow(g, key, leaf.grad)
            else:
                g.check(key, leaf.grad, 1e-4, 1e-6)
    for weights in g["e2e_weight_sequence"]:
        assert (criterion.o2m, criterion.o2o) == pytest.approx(tuple(weights))
        criterion.update()


@pytest.mark.parametrize("name", TWO_HEADED)
def test_assignment_of_two_headed_models_matches_golden(golden, name):
    g = golden(name)
    kind, branches, fields = TWO_HEADED[name]
    batch = {k: torch.from_numpy(g[f"batch.{k}"]) for k in ("batch_idx", "cls", "bboxes", *fields)}
    reg_max = g.shape("pred.one2many.boxes")[1] // 4
    criterion = E2ELoss(model_of(g.meta["nc"], reg_max, hyp=g.meta["hyp"], **head_facts(g)), kind)
    for head, key in (("one2many", "o2m"), ("one2one", "o2o")):
        preds, feats = golden_inputs(g, branches, f"pred.{head}.")
        one = getattr(criterion, head)
        assigned = one.assign(one.parse_output({**with_pairs(preds), "feats": feats}), batch)
        positive = torch.zeros(g.shape(f"assign.{key}.fg_mask"))
        positive[assigned.image, assigned.anchor] = 1
        g.check(f"assign.{key}.fg_mask", positive, 0, 0)
        want = torch.from_numpy(g[f"assign.{key}.target_gt_idx"])[assigned.image, assigned.anchor]
        assert torch.equal(assigned.object, want.long())
        assert float(assigned.scores.sum()) == pytest.approx(float(g[f"assign.{key}.target_scores_sum"]), rel=1e-5)


def test_two_headed_loss_needs_both_heads():
    criterion = E2ELoss(model_of(3, hyp={"epochs": 3}))
    preds, batch = random_preds(2, 3), random_batch(2, 3, [1, 1])
    with pytest.raises(ValueError, match="both heads"):
        criterion({"one2many": preds, "one2one": {}}, batch)
    calls = []
    criterion.normalizer_reduce = lambda total: calls.append(total) or total.clamp(min=1)
    criterion({"one2many": preds, "one2one": preds}, batch)
    assert len(calls) == 2 and criterion.training_state == ("updates",)


def test_two_headed_weights_end_where_they_should():
    criterion = E2ELoss(model_of(3, 1, hyp={"epochs": 5}))
    for _ in range(9):
        criterion.update()
    assert criterion.o2m == pytest.approx(0.1)
    assert E2ELoss(model_of(3, hyp={"epochs": 1})).o2m == 0.8


def test_plain_sum_of_two_heads():
    batch, preds = random_batch(2, 3, [3, 2]), random_preds(2, 3)
    model = model_of(3)
    loss, items = E2EDetectLoss(model)({"one2many": preds, "one2one": preds}, batch)
    single, once = (v8DetectionLoss(model, tal_topk=k)(preds, batch) for k in (10, 1))
    assert torch.allclose(loss, single[0] + once[0]) and items == once[1]


def full_batch(kind, nc, counts):
    batch = random_batch(len(counts), nc, counts)
    n = sum(counts)
    if kind is v8OBBLoss:
        batch["bboxes"] = torch.cat([batch["bboxes"], torch.rand(n, 1)], 1)
    if issubclass(kind, v8PoseLoss):
        batch["keypoints"] = torch.rand(n, 4, 3)
    if issubclass(kind, v8SegmentationLoss):
        batch["masks"] = torch.randint(0, 3, (len(counts), 16, 24), dtype=torch.uint8)
    return batch


def full_preds(kind, batch, nc):
    preds = random_preds(batch, nc, **EXTRA[kind])
    if issubclass(kind, v8SegmentationLoss):
        preds["proto"] = torch.randn(batch, 8, 16, 24).requires_grad_()
    if kind is SegmentLoss26:
        preds["semantic"] = torch.randn(batch, nc, 8, 12).requires_grad_()
    return preds


def full_model(nc):
    return model_of(nc, kpt_shape=[4, 3], flow_model=RealNVP())


@pytest.mark.parametrize("counts", [[0, 0], [3, 0], [2, 4]], ids=["none", "one image empty", "all"])
@pytest.mark.parametrize("kind", list(EXTRA))
def test_every_branch_keeps_a_finite_gradient(kind, counts):
    preds = full_preds(kind, 2, 3)
    loss, items = kind(full_model(3))(preds, full_batch(kind, 3, counts))
    loss.sum().backward()
    assert loss.shape == (len(items),) and loss.isfinite().all()
    for name, branch in preds.items():
        if name != "feats":
            assert branch.grad is not None, name
            assert branch.grad.isfinite().all(), name


@pytest.mark.parametrize("kind", list(EXTRA))
def test_infinite_predictions_do_not_spoil_images_without_objects(kind):
    """Terms that do not apply are left out; multiplying them by zero would turn infinity into NaN."""
    preds = full_preds(kind, 2, 3)
    for name in set(preds) - {"feats", "scores", "semantic"}:
        with torch.no_grad():
            preds[name].fill_(float("inf"))
    loss, _ = kind(full_model(3))(preds, full_batch(kind, 3, [0, 0]))
    assert loss.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_predictions_are_computed_in_single_precision(dtype):
    batch, criterion = random_batch(2, 3, [3, 2]), v8DetectionLoss(model_of(3))
    preds = random_preds(2, 3)
    halves = {k: v if k == "feats" else v.detach().to(dtype).requires_grad_() for k, v in preds.items()}
    rounded = {k: v if k == "feats" else v.detach().float() for k, v in halves.items()}
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = criterion(halves, batch)
    assert loss.dtype == torch.float32
    assert torch.equal(loss.detach(), criterion(rounded, batch)[0])
    loss.sum().backward()
    assert halves["boxes"].grad.dtype == dtype


def test_order_of_the_rows_does_not_matter():
    batch, criterion, preds = random_batch(2, 3, [3, 4]), v8DetectionLoss(model_of(3)), random_preds(2, 3)
    shuffled = {k: v[torch.tensor([6, 0, 3, 5, 1, 4, 2])] for k, v in batch.items()}
    assert torch.allclose(criterion(preds, batch)[0], criterion(preds, shuffled)[0])


def test_preprocess_pads_and_scales():
    targets = torch.tensor([[2, 1, 0.5, 0.5, 0.5, 1.0], [0, 3, 0.25, 0.25, 0.5, 0.5], [2, 2, 0.5, 0.5, 1, 1]])
    table = v8DetectionLoss(model_of(4)).preprocess(targets, 3, torch.tensor([96.0, 64, 96, 64]))
    assert table.tolist() == [
        [[3, 0, 0, 48, 32], [0] * 5],
        [[0] * 5] * 2,
        [[1, 24, 0, 72, 64], [2, 0, 0, 96, 64]],
    ]


def test_evaluation_output_and_older_maps_are_understood():
    batch, criterion, preds = random_batch(2, 3, [3, 4]), v8DetectionLoss(model_of(3)), random_preds(2, 3)
    loss = criterion(preds, batch)[0]
    assert torch.equal(criterion((torch.zeros(1), preds), batch)[0], loss)
    both = torch.cat([preds["boxes"], preds["scores"]], 1)
    sizes = [f.shape[2:] for f in levels(2, (64, 96))]
    parts = both.split([h * w for h, w in sizes], 2)
    maps = [part.unflatten(2, size) for part, size in zip(parts, sizes, strict=True)]
    assert torch.allclose(criterion(maps, batch)[0], loss)


def test_gains_and_class_weights():
    batch, preds, model = random_batch(2, 3, [3, 4]), random_preds(2, 3), model_of(3)
    base = v8DetectionLoss(model)(preds, batch)[0]
    model.args = {**vars(model.args), "box": 15.0}  # arguments of a loaded checkpoint are a dictionary
    assert torch.allclose(v8DetectionLoss(model)(preds, batch)[0], base * torch.tensor([2.0, 1, 1]))
    model.class_weights = torch.full((3,), 3.0)
    assert torch.allclose(v8DetectionLoss(model)(preds, batch)[0], base * torch.tensor([2.0, 3, 1]))


@pytest.mark.parametrize("kind", [v8SegmentationLoss, SegmentLoss26])
def test_binary_masks_per_object_give_the_same_as_overlapping_ones(kind):
    preds = full_preds(kind, 2, 3)
    batch = full_batch(kind, 3, [2, 2])
    model = model_of(3)
    loss = kind(model)(preds, batch)[0]
    separate = torch.cat([batch["masks"][i][None] == torch.tensor([1, 2]).view(2, 1, 1) for i in range(2)])
    model.args = SimpleNamespace(**{**vars(model.args), "overlap_mask": False})
    assert torch.allclose(kind(model)(preds, {**batch, "masks": separate.to(torch.uint8)})[0], loss)


def test_segmentation_without_masks_says_so():
    preds = full_preds(v8SegmentationLoss, 2, 3)
    with pytest.raises(KeyError, match="polygon labels"):
        v8SegmentationLoss(model_of(3))(preds, random_batch(2, 3, [1, 1]))


def test_thin_oriented_objects_are_dropped():
    criterion = v8OBBLoss(model_of(2))
    rows = torch.tensor([[0, 1, 0.5, 0.5, 0.01, 0.5, 0.3], [0, 0, 0.5, 0.5, 0.1, 0.1, 0.3]])
    table = criterion.preprocess(rows, 1, torch.tensor([96.0, 64, 96, 64]))
    assert table.shape == (1, 1, 6) and table[0, 0, 0] == 0 and table[0, 0, 5] == pytest.approx(0.3)


def test_training_on_the_loss_finds_the_objects():
    torch.manual_seed(0)
    batch, criterion = random_batch(2, 3, [2, 2], seed=3), v8DetectionLoss(model_of(3))
    preds = random_preds(2, 3)
    leaves = [preds["boxes"], preds["scores"]]
    optimizer, losses = torch.optim.Adam(leaves, lr=0.2), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = criterion(preds, batch)[0].sum()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.15 * losses[0]


WHOLE = {
    "yolov8n": "DetectionModel",
    "yolov5n": "DetectionModel",
    "yolov9t": "DetectionModel",
    "yolov10n": "DetectionModel",
    "yolo11n": "DetectionModel",
    "yolo11n-seg": "SegmentationModel",
    "yolo12n": "DetectionModel",
    "yolo26n": "DetectionModel",
    "yolo26n-seg": "SegmentationModel",
    "yolo26n-pose": "PoseModel",
    "yolo26n-obb": "OBBModel",
}


@pytest.mark.parametrize("name", WHOLE)
def test_gradients_of_the_whole_model_match_golden_loss(golden, name):
    """The norms of 20 parameters' gradients, from the first convolution to the last bias."""
    from ultralytics.nn import models

    g = golden(f"loss_{name}")
    model = getattr(models, WHOLE[name])(f"{name}.yaml", nc=g.meta["nc"], verbose=False)
    weights_rule.apply(model, g.meta["weights_seed"])
    model.args = SimpleNamespace(**g.meta["hyp"])
    fields = [k for k in g.names() if k.startswith("batch.") and k not in {"batch.image_u8", "batch.sem_masks"}]
    batch = {k.removeprefix("batch."): torch.from_numpy(g[k]) for k in fields}
    loss, _ = model.train()({**batch, "img": torch.from_numpy(g["batch.image_u8"]).float() / 255})
    loss.sum().backward()
    parameters = dict(model.named_parameters())
    norms = [float(parameters[key].grad.double().norm()) for key in g.meta["grad_param_names"]]
    g.check("loss_vector", loss, 1e-4, 1e-5)
    g.check("grad_norm", np.array(norms), 2e-3, 1e-6)
    assert [k for k, v in parameters.items() if v.grad is None] == g.meta["params_without_grad"]
