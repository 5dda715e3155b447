"""Heads: decoding, precision, kept anchors, old call forms, recorded graphs."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from ultralytics.nn.block.conv import DWConv
from ultralytics.nn.head.classify import Classify
from ultralytics.nn.head.detect import Detect, v10Detect
from ultralytics.nn.head.obb import OBB, OBB26
from ultralytics.nn.head.pose import Pose, Pose26
from ultralytics.nn.head.segment import Segment, Segment26

CH = (16, 32)


def maps(batch=2, height=8, width=12):
    return [torch.randn(batch, c, height // s, width // s) for c, s in zip(CH, (1, 2), strict=True)]


def head(kind=Detect, *args, **kwargs):
    torch.manual_seed(0)
    made = kind(5, *args, ch=CH, **kwargs).eval()
    made.stride = torch.tensor([8.0, 16.0])
    return made


def test_raw_and_decoded_shapes():
    made, x = head(), maps()
    anchors = 8 * 12 + 4 * 6
    y, raw = made(x)
    assert y.shape == (2, 9, anchors)
    assert raw["boxes"].shape == (2, 64, anchors) and raw["scores"].shape == (2, 5, anchors)
    assert raw["feats"] is x
    made.export = True
    assert torch.equal(made(x), y)
    assert made.train()(x).keys() == {"boxes", "scores", "feats"}


def test_boxes_are_decoded_in_pixels():
    """All bins equal: every side is 7.5 cells away from the cell's middle."""
    made = head()
    for branch in made.cv2:
        torch.nn.init.zeros_(branch[-1].weight)
        torch.nn.init.zeros_(branch[-1].bias)
    y = made(maps())[0]
    assert torch.allclose(y[:, 2:4, : 8 * 12], torch.tensor(15 * 8.0))
    assert torch.allclose(y[:, 2:4, 8 * 12 :], torch.tensor(15 * 16.0))
    assert torch.allclose(y[0, :2, 1], torch.tensor([1.5 * 8, 0.5 * 8]))
    assert torch.allclose(y[0, :2, 12], torch.tensor([0.5 * 8, 1.5 * 8]))
    made.xyxy = True
    assert torch.allclose(made(maps())[0][0, :4, 0], torch.tensor([4.0 - 60, 4 - 60, 4 + 60, 4 + 60]))


@pytest.mark.parametrize("kind", [Detect, Segment, Pose, OBB])
def test_decoding_is_float32_under_autocast(kind):
    made, x = head(kind), maps()
    with torch.no_grad():
        exact = first(made(x))
        with torch.autocast("cpu", torch.bfloat16):
            y, raw = made(x)
    assert raw["boxes"].dtype == torch.bfloat16
    assert first(y).dtype == torch.float32
    big = (first(y)[:, :2] - exact[:, :2]).abs().max()
    assert big < 4  # bfloat16 itself could be off by a whole pixel from 128 on; the logits' own error stays small


def first(output):
    while not isinstance(output, torch.Tensor):
        output = output[0]
    return output


def test_half_and_double_models_decode():
    x = maps()
    exact = first(head().double()([t.double() for t in x]))
    assert exact.dtype == torch.float64
    assert first(head().bfloat16()([t.bfloat16() for t in x])).dtype == torch.float32
    assert torch.allclose(first(head()(x)).double(), exact, atol=1e-3)


def test_anchors_are_kept_per_object_and_shape():
    made, other = head(), head()
    made(maps())
    kept = made.anchors
    made(maps(batch=3))
    assert made.anchors is kept
    made(maps(width=16))
    assert made.anchors is not kept
    assert other.shape is None and Detect.shape is None and Detect.anchors.numel() == 0
    for twin in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert "anchors" not in twin.__dict__ and twin.shape is None
    uneven = [torch.randn(1, 16, 8, 12), torch.randn(1, 32, 5, 6)]  # same first level, other second one
    assert first(made(uneven)).shape[2] == 8 * 12 + 30


def test_anchors_made_in_inference_mode_do_not_hinder_training():
    made = head()
    with torch.inference_mode():
        made(maps())
    x = [t.requires_grad_() for t in maps()]
    first(made(x)).sum().backward()
    assert x[0].grad is not None


def test_bias_init_expects_few_objects():
    made = head()
    made.bias_init()
    assert torch.all(made.cv2[0][-1].bias == 2)
    assert torch.allclose(made.cv3[1][-1].bias.exp(), torch.tensor(5 / 5 / 40**2), rtol=1e-4)


TWO_BRANCHES = [(Detect, 0), (Segment, 32), (Segment26, 32), (Pose, 51), (Pose26, 51), (OBB, 1), (OBB26, 1)]


@pytest.mark.parametrize(("kind", "extra"), TWO_BRANCHES)
def test_one_to_one_branch(kind, extra):
    made, x = head(kind, end2end=True), maps()
    raw = made.train()(x)
    assert raw.keys() == {"one2many", "one2one"}
    sum(t.sum() for t in raw["one2one"].values() if isinstance(t, torch.Tensor)).backward()
    assert made.cv2[0][0].conv.weight.grad is None and made.one2one_cv2[0][0].conv.weight.grad is not None

    assert not made.end2end  # the other branch is more accurate, and scripts of 8.4 expect it
    many = first(made.eval()(x))
    assert many.shape == (2, 4 + 5 + extra, 120)
    made.end2end = True
    y = first(made(x))
    assert y.shape == (2, 120, 6 + extra)
    assert torch.all(y[:, :-1, 4] >= y[:, 1:, 4])
    made.max_det = 7
    assert torch.equal(first(made(x)), y[:, :7])

    copies = copy.deepcopy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))
    assert all(twin.end2end for twin in copies)
    for twin in copies[:2]:
        twin.fuse()
        assert twin.cv2 is None and twin.end2end and torch.equal(first(twin(x)), y[:, :7])
    made.end2end = False
    made.fuse()
    assert made.one2one_cv2 is None and torch.equal(first(made(x)), many)
    made.fuse()
    made.end2end = True  # what is gone cannot be chosen
    assert not made.end2end


def test_head_of_v10():
    made = v10Detect(5, CH)
    assert made.has_two_branches and not made.end2end and made.reg_max == 16
    assert len(made.cv3[0][0]) == 2  # depthwise, whatever the blocks beside it
    assert isinstance(made.one2one_cv3[0][0][0], DWConv)


def test_pose26_predicts_spreads_in_training_only():
    made, x = head(Pose26, (4, 3), end2end=True), maps()
    raw = made.train()(x)["one2one"]
    assert raw["kpts"].shape == (2, 12, 120) and raw["kpts_sigma"].shape == (2, 8, 120)
    assert "kpts_sigma" not in made.eval()(x)[1]["one2one"]
    xy = made.kpts_decode(torch.zeros(1, 12, 120))
    assert xy[0, :2, 1].tolist() == [12, 4]  # the anchor point itself
    made.fuse()
    assert made.flow_model is None and made.cv4_sigma is None
    assert not any("sigma" in key for key in made.state_dict())


def test_segment26_gives_class_logits_in_training_only():
    made, x = head(Segment26, 8, 16, end2end=True), maps()
    raw = made.train()(x)
    proto, logits = raw["one2many"]["proto"]
    assert proto.shape == (2, 8, 16, 24) and logits.shape == (2, 5, 8, 12)
    assert logits.requires_grad and not any(part.requires_grad for part in raw["one2one"]["proto"])
    (_, shared), raw = made.eval()(x)
    assert shared.shape == (2, 8, 16, 24) and torch.equal(raw["one2many"]["proto"], shared)
    made.fuse()
    assert made.proto.semseg is None and torch.equal(made(x)[0][1], shared)


def test_angles_of_obb26_are_raw():
    made, x = head(OBB26), maps()
    y, raw = made(x)
    assert torch.equal(raw["angle"], torch.cat([made.cv4[i](x[i]).flatten(2) for i in range(2)], 2))
    assert torch.equal(y[:, -1:], raw["angle"])


def test_best_pairs_are_chosen():
    made = head()
    scores = torch.zeros(1, 4, 5)
    scores[0, 2, 1], scores[0, 2, 3], scores[0, 0, 4] = 0.9, 0.8, 0.7
    score, label, index = made.get_topk_index(scores, 3)
    assert [*zip(index[0, :, 0].tolist(), label[0, :, 0].tolist(), strict=True)] == [(2, 1), (2, 3), (0, 4)]
    assert score[0, :, 0].tolist() == pytest.approx([0.9, 0.8, 0.7])
    made.agnostic_nms = True
    score, label, index = made.get_topk_index(scores, 2)
    assert index[0, :, 0].tolist() == [2, 0] and label[0, :, 0].tolist() == [1, 4]


def test_calls_of_81_are_understood():
    assert Detect(5, CH).state_dict().keys() == Detect(5, 16, False, CH, legacy=True).state_dict().keys()
    assert Segment(5, 32, 64, CH).nm == 32
    assert Pose(5, (4, 3), CH).nk == 12
    assert OBB(5, 1, CH).ne == 1
    assert len(Detect(5, ch=CH).cv3[0][0]) == 2  # today's default: depthwise


def test_keypoints_are_decoded():
    made = head(Pose, (2, 3))
    y = torch.zeros(1, 6, 120)
    made(maps(1))
    xy = made.kpts_decode(y)
    assert xy[0, :, 0].tolist() == [0, 0, 0.5, 0, 0, 0.5]
    assert xy[0, :2, 1].tolist() == [8, 0]
    assert head(Pose, (2, 2)).eval()(maps())[0].shape[1] == 4 + 5 + 4
    with pytest.raises(ValueError, match="kpt_shape"):
        Pose(5, (17, 4), ch=CH)


def test_angles_stay_in_range():
    y, raw = head(OBB)(maps())
    assert -torch.pi / 4 <= raw["angle"].min() and raw["angle"].max() < 3 * torch.pi / 4
    assert torch.equal(y[:, -1:], raw["angle"])


def test_classifier():
    made = Classify(8, 3)
    x = torch.randn(2, 8, 4, 4)
    assert made(x).shape == (2, 3)
    probabilities, logits = made.eval()(x)
    torch.testing.assert_close(probabilities, logits.softmax(1))
    made.export = True
    assert torch.equal(made([x[:, :4], x[:, 4:]]), probabilities)


@pytest.mark.filterwarnings("ignore")
def test_dynamic_graph_follows_batch_and_size():
    made = head()
    made.export = made.dynamic = True
    traced = torch.jit.trace(made, (maps(1),), strict=False)
    for x in (maps(3), maps(2, 12, 16)):
        torch.testing.assert_close(traced(x), made(x))


@pytest.mark.filterwarnings("ignore")
def test_static_graph_follows_the_batch():
    made = head()
    made.export = True
    made(maps(1))
    traced = torch.jit.trace(made, (maps(1),), strict=False)
    x = maps(3)
    torch.testing.assert_close(traced(x), made(x))
