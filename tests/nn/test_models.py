"""Networks: building, running, test-time augmentation, folding, weight transfer."""

from __future__ import annotations

import copy
import logging
import math

import pytest
import torch
from torch import nn

from ultralytics.nn.models import (
    BaseModel,
    ClassificationModel,
    DetectionModel,
    Ensemble,
    PoseModel,
    initialize_weights,
    resolve_criterion,
)
from ultralytics.nn.tta import scale_img

TINY = {
    "nc": 3,
    "backbone": [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [16, 3, 2]], [-1, 1, "C2f", [16, True]]],
    "head": [[-1, 1, "Conv", [16, 3, 2]], [[2, 3], 1, "Detect", ["nc"]]],
}


def tiny(nc=None, ch=3, **top):
    torch.manual_seed(0)
    return DetectionModel({**TINY, **top}, ch=ch, nc=nc, verbose=False)


@pytest.fixture
def log(caplog):
    logger = logging.getLogger("ultralytics")
    logger.addHandler(caplog.handler)
    caplog.set_level("INFO")
    yield caplog
    logger.removeHandler(caplog.handler)


def test_attributes():
    model = tiny(nc=2)
    assert model.stride.tolist() == [4, 8] and model.model[-1].stride is model.stride
    assert model.names == {0: "0", 1: "1"} and model.save == [2, 3]
    assert (model.yaml["nc"], model.yaml["channels"], TINY["nc"]) == (2, 3, 3)
    assert all(m.eps == 1e-3 and m.momentum == 0.03 for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    assert not model.end2end and model.inplace and not model.is_fused()


def test_building_changes_no_statistics():
    model = tiny()
    norm = model.model[0].bn
    assert norm.num_batches_tracked == 0 and torch.all(norm.running_mean == 0) and torch.all(norm.running_var == 1)


def test_channels_of_the_image():
    model = tiny(ch=1)
    assert model(torch.zeros(1, 1, 32, 32))["boxes"].shape[0] == 1
    with pytest.raises(ValueError, match=r"takes images of 1 channels.*\(2, 3, 32, 32\)"):
        model(torch.zeros(2, 3, 32, 32))
    written_by_81 = {**TINY, "ch": 4}
    assert DetectionModel(written_by_81, verbose=False).model[0].conv.in_channels == 4
    assert DetectionModel(written_by_81, ch=1, verbose=False).yaml["channels"] == 1


def test_embedding_stops_early():
    model = tiny().eval()
    vectors = model(torch.rand(2, 3, 32, 32), embed=[0, 2])
    assert len(vectors) == 2 and vectors[0].shape == (8 + 16,)


def test_embedding_counts_layers_from_either_end():
    model, x = tiny().eval(), torch.rand(1, 3, 32, 32)
    last = len(model.model) - 1
    assert model(x, embed=[-2])[0].equal(model(x, embed=[last - 1])[0])
    for wrong in (last + 1, -last - 2):
        with pytest.raises(ValueError, match=f"layers 0 to {last}"):
            model(x, embed=[wrong])
    with pytest.raises(ValueError, match="Detect gives no map"):
        model(x, embed=[-1])


def test_profile_logs_layers(log):
    tiny().eval()(torch.zeros(1, 3, 32, 32), profile=True)
    assert log.text.count(" ms ") == 5 + 1 and "ms in all" in log.text


def test_head_attributes(log):
    model = tiny()
    model.set_head_attr(max_det=7, nonsense=1)
    assert model.model[-1].max_det == 7
    assert "no attribute 'nonsense'" in log.text


@torch.no_grad()
def test_augmented_prediction_merges_views():
    model = tiny().eval()
    x = torch.rand(1, 3, 64, 64)
    y, raw = model(x, augment=True)
    anchors = [model(scale_img(x, r, gs=8))[0].shape[2] for r in (1, 0.83, 0.67)]
    share = 1 + 4
    assert raw is None
    assert y.shape == (1, 7, anchors[0] - anchors[0] // share + anchors[1] + anchors[2] - anchors[2] // share * 4)
    torch.testing.assert_close(y[..., : anchors[0] - anchors[0] // share], model(x)[0][..., : -(anchors[0] // share)])


def test_augmented_prediction_undoes_the_views():
    def run(view):
        """A detector that finds its image's left upper quarter, on two levels of 4 and 1 anchors."""
        height, width = view.shape[2:]
        box = torch.tensor([width / 4, height / 4, width / 2, height / 2, 0.5]).view(1, 5, 1)
        return box.expand(1, 5, 5).clone()

    model = tiny().eval()
    model.predict = run
    y, _ = model._predict_augment(torch.zeros(1, 3, 64, 64))
    assert torch.allclose(y[0, :4, 0], torch.tensor([16.0, 16, 32, 32]))
    mirrored = y[0, :4, 4]  # 0.83 of 64 is 53.12, padded to 56
    assert torch.allclose(mirrored, torch.tensor([64 - 14 / 0.83, 14 / 0.83, 28 / 0.83, 28 / 0.83]))


def test_models_without_views_warn(log):
    model = ClassificationModel("yolov8n-cls.yaml", nc=3, verbose=False).eval()
    model(torch.zeros(1, 3, 32, 32), augment=True)
    assert "does not support 'augment=True'" in log.text


@pytest.mark.parametrize("shape", [(33, 50), (64, 64)])
def test_scaled_images_fit_the_stride(shape):
    img = torch.rand(1, 3, *shape)
    assert scale_img(img, 1.0) is img
    assert all(side % 32 == 0 for side in scale_img(img, 0.67).shape[2:])
    assert scale_img(img, 0.67, same_shape=True).shape == img.shape


def test_folding_keeps_outputs(log):
    model = tiny().eval()
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        before = model(x)[0]
        assert model.fuse() is model and model.is_fused() and model.is_fused(thresh=10)
        torch.testing.assert_close(model(x)[0], before, rtol=1e-4, atol=1e-3)
    assert "(fused)" in log.text
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())


def test_strides_follow_the_weights():
    model = tiny().double()
    assert model.stride.dtype == model.model[-1].stride.dtype == torch.float64
    assert model.eval()(torch.zeros(1, 3, 32, 32, dtype=torch.float64))[0].dtype == torch.float64


def test_loss_makes_the_criterion_once_and_leaves_it_out_of_copies():
    class Mine(DetectionModel):
        made = 0

        def init_criterion(self):
            type(self).made += 1
            return lambda preds, batch: (preds["boxes"].mean(), batch["cls"])

    model = Mine(TINY, verbose=False)
    batch = {"img": torch.zeros(1, 3, 32, 32), "cls": 5}
    model(batch)
    loss, items = model(batch, preds={"boxes": torch.ones(2)})
    assert (loss.item(), items, Mine.made) == (1, 5, 1)
    assert copy.deepcopy(model).criterion is None and model.criterion is not None


def test_a_network_alone_has_a_loss():
    model = tiny()
    batch = {
        "img": torch.rand(2, 3, 64, 64),
        "batch_idx": torch.tensor([0.0, 1.0]),
        "cls": torch.tensor([[0.0], [2.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.3, 0.6, 0.2, 0.5]]),
    }
    loss, items = model(batch)
    loss.sum().backward()
    assert loss.shape == (3,) and set(items) == {"box_loss", "cls_loss", "dfl_loss"}
    assert type(model.criterion).__name__ == "v8DetectionLoss"
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_missing_criterion_is_told():
    with pytest.raises(NotImplementedError, match="no loss 'X'"):
        resolve_criterion("ultralytics.nn.loss.nowhere:X")
    with pytest.raises(NotImplementedError, match="init_criterion"):
        BaseModel().init_criterion()


def test_activations_are_shared_within_a_model_only():
    a, b = tiny(), tiny()
    assert a.model[0].act is a.model[1].act is not b.model[0].act
    relu = tiny(activation="nn.ReLU6()")
    assert {type(m) for m in relu.modules()} & {nn.ReLU6, nn.SiLU} == {nn.ReLU6}
    assert relu.model[0].act.inplace


def test_initialize_weights_reaches_all():
    net = nn.Sequential(nn.BatchNorm2d(2), nn.LeakyReLU())
    initialize_weights(net)
    assert net[0].eps == 1e-3 and net[1].inplace


class TestLoad:
    def test_equal_models_take_everything(self, log):
        a, b = tiny(), tiny()
        a.names = {0: "cat", 1: "dog", 2: "cow"}
        nn.init.ones_(a.model[0].conv.weight)
        b.load(a)
        assert all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())
        assert f"Transferred {len(a.state_dict())}/{len(a.state_dict())} items" in log.text
        assert b.names == a.names and b.names is not a.names

    def test_checkpoints_and_half_weights_are_accepted(self):
        a, b = tiny(), tiny()
        nn.init.constant_(a.model[0].conv.weight, 0.5)
        b.load({"model": None, "ema": a.half()}, verbose=False)
        assert b.model[0].conv.weight.dtype == torch.float32 and torch.all(b.model[0].conv.weight == 0.5)
        with pytest.raises(TypeError, match="network"):
            b.load({"model": None})

    def test_other_class_counts_keep_their_own_classifier(self):
        a, b = tiny(nc=3), tiny(nc=2)
        before = b.model[-1].cv3[0][-1].weight.clone()
        b.load(a, verbose=False)
        assert torch.equal(b.model[-1].cv3[0][-1].weight, before)
        assert torch.equal(b.model[2].cv1.conv.weight, a.model[2].cv1.conv.weight)

    def test_classifier_rows_move_by_name(self, log):
        a, b = tiny(nc=3), tiny(nc=2)
        a.names, b.names = {0: "cat", 1: "dog", 2: "cow"}, {0: "cow", 1: "new"}
        before = b.model[-1].cv3[0][-1].bias.clone()
        nn.init.normal_(a.model[-1].cv3[0][-1].bias)
        b.load(a)
        bias = b.model[-1].cv3[0][-1].bias
        assert bias[0] == a.model[-1].cv3[0][-1].bias[2] and bias[1] == before[1]
        assert "1 of 2 classes" in log.text

    @pytest.mark.parametrize("ch", [1, 2, 4])
    def test_first_convolution_fits_other_channels(self, ch):
        a, b = tiny(), tiny(ch=ch)
        own = b.model[0].conv.weight.clone()
        b.load(a, verbose=False)
        got, source = b.model[0].conv.weight, a.model[0].conv.weight
        if ch == 1:
            torch.testing.assert_close(got, source.sum(1, keepdim=True))
        else:
            shared = min(ch, 3)
            assert torch.equal(got[:, :shared], source[:, :shared]) and torch.equal(got[:, shared:], own[:, shared:])

    def test_folded_sources_are_warned_of(self, log):
        tiny().load(tiny().eval().fuse(verbose=False))
        assert "fused model" in log.text


def test_pose_shape_of_the_data_wins(log):
    model = PoseModel("yolov8n-pose.yaml", nc=2, data_kpt_shape=(4, 2), verbose=False)
    assert model.kpt_shape == model.yaml["kpt_shape"] == [4, 2] and model.model[-1].nk == 8
    assert "Overriding model.yaml kpt_shape" in log.text


def test_classifier_outputs_are_replaced():
    model = ClassificationModel("yolov8n-cls.yaml", nc=3, verbose=False)
    kept = model.model[-1].linear
    ClassificationModel.reshape_outputs(model, 3)
    assert model.model[-1].linear is kept
    ClassificationModel.reshape_outputs(model, 7)
    assert model.model[-1].linear.out_features == 7
    other = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(4, 5), nn.Dropout())
    ClassificationModel.reshape_outputs(other, 2)
    assert other[2].out_features == 2
    with pytest.raises(ValueError, match="no linear"):
        ClassificationModel.reshape_outputs(nn.Identity(), 2)
    with pytest.raises(ValueError, match="number of classes"):
        ClassificationModel({"backbone": [], "head": [[-1, 1, "Classify", [3]]]}, verbose=False)


def test_ensemble_puts_anchors_side_by_side():
    members = Ensemble()
    members.extend([tiny().eval(), tiny().eval()])
    x = torch.rand(1, 3, 32, 32)
    y, none = members(x)
    assert none is None and y.shape[2] == 2 * members[0](x)[0].shape[2]


def test_info_counts():
    assert DetectionModel("yolov8n.yaml", verbose=False).info(verbose=False)[:3] == (129, 3157200, 3157184)


def test_same_seed_same_weights():
    a, b = tiny(), tiny()
    assert all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


@pytest.mark.parametrize(("name", "count"), [("yolov8n", 349), ("yolov10n", 583), ("yolo11n", 493), ("yolo26n", 696)])
def test_class_branches_take_the_width_of_the_weights(name, count, log):
    """80 classes make them 80 channels wide, 3 classes 64; only the last layers differ then."""
    source, model = (DetectionModel(f"{name}.yaml", nc=nc, verbose=False) for nc in (80, 3))
    act = model.model[-1].cv3[0][-2]
    model.load(source)
    assert f"Transferred {count}/{len(model.state_dict())} items" in log.text
    head = model.model[-1]
    assert head.cv3[0][-1].weight.shape[:2] == (3, 80)
    norms = [m for m in head.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.03)}
    kept = [m.act for m in head.cv3.modules() if hasattr(m, "act")]
    assert all(a is next(m.act for m in act.modules() if hasattr(m, "act")) for a in kept)
    assert head.cv3[0][-1].bias[0].item() == pytest.approx(math.log(5 / 3 / 80**2))
    model.eval()(torch.zeros(1, 3, 64, 64))
