"""Every registered block, from the registry: output channels, gradients, folding, copies, pickles."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from ultralytics.nn.block.activation import activation_scope
from ultralytics.nn.block.conv import Conv, Conv2, DWConv, RepConv, autopad
from ultralytics.nn.block.csp import C3, Bottleneck
from ultralytics.nn.block.misc import DFL
from ultralytics.nn.block.parameternet import DynamicBnAct
from ultralytics.nn.fold import fold_model
from ultralytics.nn.head.detect import Detect
from ultralytics.nn.registry import Scale, registered

# YAML arguments where [32] will not do, and channels of the sources where they are not 16.
ARGS = {
    "Concat": [1],
    "Index": [32, 1],
    "ChannelAttention": [16],
    "SpatialAttention": [7],
    "CBAM": [7],
    "ConvTranspose": [32, 2, 2],
    "Conv": [32, 3, 2],
    "Conv2": [32, 3, 2],
    "RepConv": [16, 3, 1, 1, 1, 1, True, True],
    "DynamicConv": [32, 3, 2],
    "DynamicBnAct": [32, 3, 2],
    "GhostBottleneck": [32, 3, 2],
    "ResNetLayer": [16, 8, 2, False, 2],
    "Detect": [5],
    "Segment": [5, 8, 16],
    "Pose": [5, [4, 3]],
    "OBB": [5, 1],
    "Classify": [5],
}
SOURCES = {"Concat": [16, 24], **{name: [16, 32] for name in ("Index", "Detect", "Segment", "Pose", "OBB")}}
HEADS = ("Detect", "Segment", "Pose", "OBB", "Classify")


def make(name):
    """Return a block and matching inputs, and the channels its pattern promises."""
    spec = registered()[name]
    c_in = SOURCES.get(name, 16)
    filled = spec.fill(ARGS.get(name, [32]), c_in, 2, Scale(), {"reg_max": 16, "end2end": False})
    torch.manual_seed(0)
    keywords = spec.keywords(filled.args, frozenset()) if spec.keywords else {}
    block = spec.resolve()(*filled.args, **keywords)
    if isinstance(block, Detect):
        block.stride = torch.tensor([8.0, 16.0])
        x = [torch.randn(2, c, s, s) for c, s in zip(c_in, (8, 4), strict=True)]
    else:
        x = [torch.randn(2, c, 8, 8) for c in c_in] if isinstance(c_in, list) else torch.randn(2, c_in, 8, 8)
    return block, x, filled.c_out


def tensors(output):
    if isinstance(output, torch.Tensor):
        return [output]
    values = output.values() if isinstance(output, dict) else output
    return [t for value in values for t in tensors(value)]


def unsettle(block):
    """Give norms something to fold."""
    for m in block.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.running_mean, -0.5, 0.5)
            nn.init.uniform_(m.running_var, 0.5, 1.5)
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.uniform_(m.bias, -0.5, 0.5)


def pulled(x):
    return [t.clone() for t in x] if isinstance(x, list) else x.clone()


@pytest.fixture(params=sorted(registered()))
def case(request):
    return (request.param, *make(request.param))


def test_output_has_the_promised_channels(case):
    name, block, x, c_out = case
    y = block(x)
    if name not in HEADS:
        assert y.shape[:2] == (2, c_out)


def test_every_trainable_parameter_gets_a_gradient(case):
    _, block, x, _ = case
    block.train()
    total = sum(t.float().sin().sum() for t in tensors(block(x)))
    if not total.requires_grad:
        assert not list(block.parameters())
        return
    total.backward()
    for key, parameter in block.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.isfinite().all(), key


@torch.no_grad()
def test_folding_changes_nothing(case):
    _, block, x, _ = case
    unsettle(block)
    block.eval()
    before = tensors(block(pulled(x)))
    holder = nn.Sequential(block)
    fold_model(holder)
    after = tensors(holder[0](pulled(x)))
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    for a, b in zip(before, tensors(pickle.loads(pickle.dumps(holder))[0](pulled(x))), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_copies_and_pickles_are_equal(case):
    _, block, x, _ = case
    block.eval()
    before = tensors(block(pulled(x)))
    for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert twin.state_dict().keys() == block.state_dict().keys()
        for a, b in zip(before, tensors(twin(pulled(x))), strict=True):
            assert torch.equal(a, b)


def test_tables_above_name_known_blocks():
    assert set(ARGS) | set(SOURCES) <= set(registered())


@pytest.mark.parametrize(("args", "padding"), [((3,), 1), ((5, None, 2), 4), ((3, 0), 0), (((1, 3),), [0, 1])])
def test_autopad(args, padding):
    assert autopad(*args) == padding


def test_conv_accepts_lists_for_sizes():
    assert Conv(4, 8, [1, 3], 1)(torch.zeros(1, 4, 6, 6)).shape == (1, 8, 6, 6)


def test_folded_conv_has_the_published_keys():
    conv = Conv(4, 8, 3).fuse()
    assert list(conv.state_dict()) == ["conv.weight", "conv.bias"]
    assert "forward" not in pickle.loads(pickle.dumps(conv)).__dict__


def test_merging_twice_is_harmless():
    for block in (Conv2(4, 4), RepConv(4, 4, bn=True), Conv(4, 4)):
        block.eval().fuse()
        x = torch.randn(1, 4, 5, 5)
        assert torch.equal(block(x), block.fuse()(x))


@torch.no_grad()
def test_grouped_repconv_merges_exactly():
    block = RepConv(8, 8, g=4, bn=True).eval()
    unsettle(block)
    x = torch.randn(2, 8, 6, 6)
    want = block(x)
    block.fuse()
    assert isinstance(block.conv, nn.Conv2d)
    torch.testing.assert_close(block(x), want, rtol=1e-5, atol=1e-5)


def test_dfl_is_an_expectation():
    dfl, x = DFL(16), torch.randn(2, 64, 7)
    want = (x.view(2, 4, 16, 7).softmax(2) * torch.arange(16.0).view(1, 1, 16, 1)).sum(2)
    torch.testing.assert_close(dfl(x), want)
    torch.testing.assert_close(dfl.half()(x), want)  # float32 in, float32 out, whatever the weights' type


def test_compound_blocks_take_the_convolution_to_build_with():
    stage = C3(16, 16, 2, conv=DynamicBnAct)
    assert not any(type(m) is Conv for m in [stage.cv1, stage.cv2, stage.cv3, stage.m[0].cv1])
    assert stage(torch.randn(2, 16, 8, 8)).shape == (2, 16, 8, 8)
    assert Bottleneck(16, 16, g=2, conv=DynamicBnAct)(torch.randn(2, 16, 8, 8)).shape == (2, 16, 8, 8)


def test_activations_of_a_build_are_its_own():
    chosen = nn.Hardswish()
    with activation_scope(Conv.default_act, chosen):
        inside = [Conv(4, 4), DWConv(4, 4), RepConv(4, 4), RepConv(4, 4)]
    assert inside[0].act is chosen and inside[1].act is chosen
    assert inside[2].act is inside[3].act is not RepConv.default_act
    assert Conv(4, 4).act is Conv.default_act
    assert isinstance(Conv(4, 4, act=False).act, nn.Identity)
    assert isinstance(Conv(4, 4, act=nn.ReLU()).act, nn.ReLU)
