"""Methods of heads and networks that users override are called, and what they return is used."""

from __future__ import annotations

import math

import pytest
import torch
from override_points import listed
from torch import nn

import ultralytics.models.utils.loss as public_detr
import ultralytics.nn.tasks as public_tasks
import ultralytics.utils.loss as public_loss
from ultralytics.nn.accelerate import pack_convolutions
from ultralytics.nn.block.conv import Conv
from ultralytics.nn.head.detect import Detect
from ultralytics.nn.head.obb import OBB
from ultralytics.nn.head.pose import Pose
from ultralytics.nn.head.segment import Segment
from ultralytics.nn.loss.detect import v8DetectionLoss
from ultralytics.nn.loss.end2end import E2ELoss
from ultralytics.nn.models import (
    BaseModel,
    ClassificationModel,
    DetectionModel,
    OBBModel,
    PoseModel,
    RTDETRDetectionModel,
    SegmentationModel,
    resolve_criterion,
)

from test_heads import CH, maps  # isort: skip
from test_models import TINY  # isort: skip

# Heads ----------------------------------------------------------------------------------------------------------------


def ones_like_decoded(self, x):
    return torch.ones(len(x["scores"]), 9, x["scores"].shape[2])


def constant_boxes(self, bboxes, anchors, *angle):
    assert bboxes.shape[1] == 4 and anchors.shape == (1, 2, bboxes.shape[2])
    return torch.full_like(bboxes, 3.0)


def first_of_8(result):
    """The decoded tensor of what an evaluating head returns."""
    result = result[0] if isinstance(result, tuple) else result
    return result[0] if isinstance(result, tuple) else result


def raw_without_scores(kind):
    """An override that calls the base as subclasses of the public class do, with positional branches."""
    original = kind.forward_head

    def forward_head(self, x, box_head=None, cls_head=None, *further, **named):
        raw = original(self, x, box_head, cls_head, *further, **named)
        return {**raw, "scores": torch.full_like(raw["scores"], -50.0)}

    return forward_head


def all_boxes_are_3(y):
    return bool((y[:, 2:4, 0] == 3 * 8).all())


def no_score(y):
    return bool((y[:, 4:9] < 1e-6).all())


def one_row(self, scores, max_det):
    shape = len(scores), 1, 1
    return torch.full(shape, 0.5), torch.full(shape, 2.0), torch.zeros(shape, dtype=torch.long)


E2E = {"end2end": True}
POINTS = {
    **{(kind, "forward_head"): (raw_without_scores(kind), no_score, {}) for kind in (Detect, Segment, Pose, OBB)},
    **{
        (kind, "_inference"): (ones_like_decoded, lambda y: bool((y == 1).all()), {})
        for kind in (Detect, Segment, Pose, OBB)
    },
    **{
        (kind, "forward"): (lambda self, x: torch.ones(1), lambda y: bool((y == 1).all()), {})
        for kind in (Detect, Segment)
    },
    **{(kind, "decode_bboxes"): (constant_boxes, all_boxes_are_3, {}) for kind in (Detect, OBB)},
    (Detect, "_get_decode_boxes"): (lambda self, x: torch.full_like(x["boxes"][:, :4], 24.0), all_boxes_are_3, {}),
    (Pose, "kpts_decode"): (lambda self, kpts: torch.full_like(kpts, 7.0), lambda y: bool((y[:, 9:] == 7).all()), {}),
    (Detect, "postprocess"): (lambda self, preds: preds[:, :5], lambda y: y.shape[1:] == (5, 9), E2E),
    (Detect, "get_topk_index"): (one_row, lambda y: y.shape[1] == 1 and y[0, 0, 4:].tolist() == [0.5, 2], E2E),
    (Detect, "_gather"): (
        lambda self, x, index: x[:, :1].expand(-1, index.shape[1], -1) * 0,
        lambda y: not y[..., :4].any(),
        E2E,
    ),
}


def make_head(kind, end2end=False):
    torch.manual_seed(0)
    made = kind(5, ch=CH, end2end=end2end).eval()
    made.stride, made.end2end = torch.tensor([8.0, 16.0]), end2end
    return made


@pytest.mark.parametrize("how", ["subclass", "class", "object"])
@pytest.mark.parametrize(("kind", "method"), [pytest.param(*key, id=f"{key[0].__name__}.{key[1]}") for key in POINTS])
def test_an_overridden_method_of_a_head_decides(kind, method, how, monkeypatch):
    mine, shows, options = POINTS[kind, method]
    if how == "subclass":
        made = make_head(type("Own", (kind,), {method: mine}), **options)
    else:
        made = make_head(kind, **options)
        monkeypatch.setattr(*((kind, method, mine) if how == "class" else (made, method, mine.__get__(made))))
    assert shows(first_of_8(made(maps())))
    plain = make_head(kind, **options)
    monkeypatch.undo()
    assert not shows(first_of_8(plain(maps())))


def test_methods_without_output():
    class Own(Detect):
        def bias_init(self):
            self.started = True

        def fuse(self):
            self.fused = True

    model = DetectionModel(TINY, verbose=False)
    head = model.model[-1]
    head.__class__ = Own
    head.set_classifier_width(24)  # new branches start anew
    model.fuse(verbose=False)
    assert head.started and head.fused


def test_replaced_forward_of_the_base_reaches_other_heads(monkeypatch):
    calls, original = [], Detect.forward
    monkeypatch.setattr(Detect, "forward", lambda self, x: calls.append(type(self).__name__) or original(self, x))
    for kind in (Detect, Segment, Pose, OBB):
        make_head(kind)(maps())
    assert calls == ["Detect", "Segment", "Pose", "OBB"]


def test_top_k_in_groups_is_told_to_be_missing(caplog):
    type("Own", (Detect,), {"_grouped_topk": staticmethod(lambda x, k, groups=8: x.topk(k))})(5, ch=CH)
    assert "get_topk_index" in caplog.text


def test_every_listed_method_of_heads_is_in_a_table():
    covered = {(kind.__name__, method) for kind, method in POINTS}
    covered |= {("Detect", name) for name in ("bias_init", "fuse", "_grouped_topk")}
    assert listed("nn.modules.head:") <= covered


# Networks -------------------------------------------------------------------------------------------------------------


def tiny(body=None, kind=DetectionModel, **top):
    torch.manual_seed(0)
    return type("Own", (kind,), body or {})({**TINY, **top}, verbose=False)


IMAGE = torch.rand(1, 3, 64, 64)


def loaded(model):
    source = tiny()
    source.names = {0: "a", 1: "b", 2: "c"}
    model.names = {0: "b", 1: "c", 2: "d"}
    model.load(source, verbose=False)
    return model


def scaled_by_two(module, fn):
    return BaseModel._apply(module, lambda t: fn(t) * 2 if t.is_floating_point() else fn(t))


NETWORK = {  # method -> (replacement, whether it shows)
    "forward": (lambda self, x: "mine", lambda m: m(IMAGE) == "mine"),
    "predict": (lambda self, x, profile=False, augment=False, embed=None: "mine", lambda m: m(IMAGE) == "mine"),
    "_predict_once": (lambda self, x, profile=False, embed=None: (x, embed), lambda m: m(IMAGE, embed=[1])[1] == [1]),
    "_predict_augment": (lambda self, x: "mine", lambda m: m(IMAGE, augment=True) == "mine"),
    "_profile_one_layer": (
        lambda self, m, x, dt: dt.append(9.0) or self.seen.append(m),
        lambda m: m(IMAGE, True) and len(m.seen) == 5,
    ),
    "fuse": (
        lambda self, verbose=True, imgsz=640: setattr(self, "mine", imgsz) or self,
        lambda m: m.fuse().mine == 640,
    ),
    "is_fused": (lambda self: True, lambda m: m.fuse(verbose=False) and "bn" in m.model[0]._modules),
    "info": (
        lambda self, detailed=False, verbose=True, imgsz=640: self.seen.append(imgsz),
        lambda m: m.fuse(imgsz=96) and m.seen == [96],
    ),
    "_apply": (scaled_by_two, lambda m: m.float().model[0].bn.weight[0] == 2),
    "load": (lambda self, weights, verbose=True: self.seen.append(weights), lambda m: loaded(m).seen),
    "_remap_cls_by_names": (
        lambda self, csd, src_model, verbose=True: (
            csd.update({k: v * 0 + 4 for k, v in csd.items() if "cv3.0.2" in k}) or 1
        ),
        lambda m: loaded(m).model[-1].cv3[0][2].bias.tolist() == [4.0] * 3,
    ),
    "loss": (lambda self, batch, preds=None: "mine", lambda m: m({"img": IMAGE}) == "mine"),
    "init_criterion": (lambda self: lambda preds, batch: "mine", lambda m: m({"img": IMAGE}) == "mine"),
    "set_head_attr": (lambda self, **kwargs: self.seen.append(kwargs), lambda m: setattr(m, "end2end", True) or m.seen),
    "_descale_pred": (
        staticmethod(lambda p, flips, scale, img_size, dim=1: p * 0 + scale),
        lambda m: m(IMAGE, augment=True)[0][0, 0].unique().numel() == 3,
    ),
    "_clip_augmented": (lambda self, y: y[:1], lambda m: m(IMAGE, augment=True)[0].shape == m(IMAGE)[0].shape),
}


@pytest.mark.parametrize("how", ["subclass", "object"])
@pytest.mark.parametrize("method", NETWORK)
@torch.no_grad()
def test_an_overridden_method_of_a_network_decides(method, how):
    mine, shows = NETWORK[method]
    model = tiny({method: mine} if how == "subclass" else {}).eval()
    model.seen = []
    if how == "object":
        model.__dict__[method] = mine.__func__ if isinstance(mine, staticmethod) else mine.__get__(model)
    assert shows(model)


def test_every_listed_method_of_networks_is_in_the_table():
    assert {method for _, method in listed("nn.tasks:")} <= set(NETWORK)


def test_methods_of_the_public_form():
    model = tiny().eval()
    times = []
    model._profile_one_layer(model.model[0], IMAGE, times)
    assert len(times) == 1 and times[0] > 0
    source = tiny()
    source.names, model.names = {0: "a", 1: "b", 2: "c"}, {0: "b", 1: "c", 2: "d"}
    weights = source.state_dict()
    before = weights["model.4.cv3.0.2.bias"].clone()
    weights["model.4.cv3.0.2.bias"][:] = torch.tensor([1.0, 2, 3])
    assert model._remap_cls_by_names(weights, source, verbose=False) == 4  # weight and bias of two levels
    assert weights["model.4.cv3.0.2.bias"].tolist()[:2] == [2, 3] and len(before) == 3
    y = torch.ones(1, 6, 4) * 10
    back = model._descale_pred(y, 3, 0.5, (64, 64))
    assert back[0, :, 0].tolist() == [44, 20, 20, 20, 10, 10]
    assert [part.shape[2] for part in model._clip_augmented([torch.zeros(1, 7, 20)] * 3)] == [16, 20, 4]


# Names that are replaced on public modules ----------------------------------------------------------------------------


@pytest.mark.parametrize("module", [public_tasks, public_loss], ids=["tasks", "loss"])
@pytest.mark.parametrize("name", ["v8DetectionLoss", "E2ELoss"])
def test_criteria(module, name, monkeypatch):
    base = {"v8DetectionLoss": v8DetectionLoss, "E2ELoss": E2ELoss}[name]
    mine = type("Mine", (base,), {})
    monkeypatch.setitem(vars(module), name, mine)
    model = tiny(end2end=name == "E2ELoss")
    model.args = {"epochs": 3, "box": 1, "cls": 1, "dfl": 1}
    assert type(model.init_criterion()) is mine


PATHS = [
    *(model.criterion_path for model in (DetectionModel, SegmentationModel, PoseModel, OBBModel, ClassificationModel)),
    *(model.criteria_by_head[head] for model, head in ((SegmentationModel, "Segment26"), (PoseModel, "Pose26"))),
    RTDETRDetectionModel.criterion_path,
]


@pytest.mark.parametrize("path", PATHS)
def test_criteria_of_every_task(path, monkeypatch):
    original = resolve_criterion(path)
    for module in ([public_detr] if "DETR" in path else [public_loss]) + [public_tasks]:
        mine = type(original.__name__, (original,), {})
        monkeypatch.setitem(vars(module), original.__name__, mine)
        assert resolve_criterion(path) is mine
    monkeypatch.undo()
    assert resolve_criterion(path) is original


def test_packing_sees_a_replaced_convolution(monkeypatch):
    model = nn.Sequential(Conv(3, 4, 3).fuse()).eval().requires_grad_(False)
    monkeypatch.setattr(Conv, "forward", lambda self, x: x * 0)
    assert pack_convolutions(model) == 0 and not model(IMAGE).any()


def test_biases_start_where_they_should():
    made = make_head(Detect)
    made.bias_init()
    assert made.cv3[0][-1].bias[0].item() == pytest.approx(math.log(5 / 5 / (640 / 8) ** 2))
