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
from ultralytics.nn.block.library import TorchVision
from ultralytics.nn.block.misc import DFL
from ultralytics.nn.block.parameternet import DynamicBnAct
from ultralytics.nn.builder.registry import Scale, registered
from ultralytics.nn.fold import fold_model
from ultralytics.nn.head.detect import Detect

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
    "GhostNetBottleneck": [32, 24, 5, 2, 0.25],
    "ResNetLayer": [16, 8, 2, False, 2],
    "Attention": [2],
    "PSABlock": [0.5, 2],
    "AAttn": [2, 2],
    "ABlock": [2, 1.2, 2],
    **{name: [16] for name in ("PSA", "C2PSA", "C2fPSA")},
    "C3k2": [32, True, 0.5, True],
    "A2C2f": [64, True, 4],
    "C2fCIB": [32, True, True],
    "SCDown": [32, 3, 2],
    "ELAN1": [32, 16, 8],
    "RepNCSPELAN4": [32, 16, 8, 2],
    "SPPELAN": [32, 8],
    "CBLinear": [[8, 24]],
    "CBFuse": [[0]],
    "TorchVision": [64, "squeezenet1_1", None, True, 12],
    **{name: [] for name in ("RepVGGDW", "AGLU")},
    "HGStem": [8, 32],
    "HGBlock": [8, 32, 3],
    "AIFI": [32, 2],
    "RTDETRDecoder": [5, 32, 10, 2, 2, 2, 64],
    "Detect": [5],
    "v10Detect": [5],
    "Segment26": [5, 8, 16],
    "Pose26": [5, [4, 3]],
    "OBB26": [5, 1],
    "Segment": [5, 8, 16],
    "Pose": [5, [4, 3]],
    "OBB": [5, 1],
    "Classify": [5],
    "GhostClassify": [5],
    "SemanticSegment": [5],
    "Depth": [16],
}
LEVELED = ("RTDETRDecoder", "Detect", "v10Detect", "Segment", "Segment26", "Pose", "Pose26", "OBB", "OBB26")
DENSE = ("SemanticSegment", "Depth")  # heads that give a value for every pixel
SOURCES = {
    "Concat": [16, 24],
    "CBFuse": [[8, 24], 8],
    "TorchVision": 3,
    **{name: [16, 32] for name in ("Index", *LEVELED, *DENSE)},
}
HEADS = (*LEVELED, *DENSE, "Classify", "GhostClassify", "DynamicGhostClassify")


def make(name):
    """Return a block and matching inputs, and the channels its pattern promises."""
    spec = registered()[name]
    plain = name.removeprefix("Dynamic")  # a dynamic form takes the arguments of its plain one
    c_in = SOURCES.get(name, SOURCES.get(plain, 16))
    filled = spec.fill(ARGS.get(name, ARGS.get(plain, [32])), c_in, 2, Scale(), {"reg_max": 16, "end2end": False})
    torch.manual_seed(0)
    keywords = spec.keywords(filled.args, frozenset()) if spec.keywords else {}
    block = spec.resolve()(*filled.args, **keywords)
    if isinstance(block, Detect):
        block.stride = torch.tensor([8.0, 16.0])
    if isinstance(block, Detect) or name in DENSE:
        x = [torch.randn(2, c, s, s) for c, s in zip(c_in, (8, 4), strict=True)]
    else:
        x = images(c_in)
    return block, x, filled.c_out


def images(channels):
    """Return one map, or one per source; a list of lists for sources that give several."""
    return [images(c) for c in channels] if isinstance(channels, list) else torch.randn(2, channels, 8, 8)


def tensors(output):
    if output is None or isinstance(output, torch.Tensor):
        return [] if output is None else [output]
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
    return [pulled(t) for t in x] if isinstance(x, list) else x.clone()


def results(block, x):
    """Return what inference uses: of heads the decoded part."""
    y = block(pulled(x))
    return tensors(y[0] if isinstance(block, Detect) else y)


@pytest.fixture(params=sorted(registered()))
def case(request):
    return (request.param, *make(request.param))


def test_output_has_the_promised_channels(case):
    name, block, x, c_out = case
    y = block(x)
    if name in HEADS:
        return
    if isinstance(c_out, list):
        assert [part.shape[1] for part in y] == c_out
    else:
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
        if parameter.requires_grad and "flow_model" not in key:  # which only the loss uses
            assert parameter.grad is not None and parameter.grad.isfinite().all(), key


@torch.no_grad()
def test_folding_changes_nothing(case):
    _, block, x, _ = case
    unsettle(block)
    block.eval()
    before = results(block, x)
    holder = nn.Sequential(block)
    fold_model(holder)
    for a, b in zip(before, results(holder[0], x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    for a, b in zip(before, results(pickle.loads(pickle.dumps(holder))[0], x), strict=True):
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


def test_weights_of_torchvision_are_not_fetched_offline(monkeypatch, tmp_path):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *a, **k: pytest.fail("went to the network"))
    for weights in ("DEFAULT", "SqueezeNet1_1_Weights.IMAGENET1K_V1"):
        with pytest.raises(ConnectionError, match="YOLO_OFFLINE"):
            TorchVision("squeezenet1_1", weights)
    with pytest.raises(ValueError, match="no model"):
        TorchVision("squeezenet1_1", "NONESUCH")
