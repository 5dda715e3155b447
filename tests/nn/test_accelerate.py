"""Packed convolutions give what the plain ones give."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ultralytics.nn import accelerate
from ultralytics.nn.accelerate import PackedConv, pack_convolutions
from ultralytics.nn.block.conv import Conv, DWConv
from ultralytics.nn.cost.flops import get_flops
from ultralytics.nn.models import DetectionModel

pytestmark = pytest.mark.skipif(not accelerate._works(torch.float32), reason="this torch lacks the operator")


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("act", [True, False, nn.ReLU()])
def test_blocks(groups, act):
    net = nn.Sequential(Conv(8, 16, 3, 2, g=groups, act=act), nn.Conv2d(16, 4, 1)).eval()
    net[0].fuse()
    x = torch.randn(2, 8, 13, 10)
    with torch.no_grad():
        expected = net(x)
        assert pack_convolutions(net) == 2
        torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-5)
        wide = x.contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(net(wide), expected, rtol=1e-4, atol=1e-5)
    assert isinstance(net[0], PackedConv)


def test_a_size_is_packed_when_it_comes_again():
    net = nn.Sequential(Conv(8, 16, 3).eval().fuse())
    plain = copy.deepcopy(net)
    pack_convolutions(net)
    with torch.inference_mode():
        for side in (9, 9, 9, *range(10, 18), *range(10, 18)):
            x = torch.randn(2, 8, side, side)
            torch.testing.assert_close(net(x), plain(x), rtol=1e-4, atol=1e-5)
    packed = [w for w in net[0]._packed.values() if w is not None]
    assert len(packed) == accelerate.SIZES_PACKED and all(w.is_mkldnn for w in packed)
    with torch.inference_mode():
        for side in range(20, 20 + 2 * accelerate.SIZES_NOTED):
            net(torch.randn(1, 8, side, 3))
    assert len(net[0]._packed) <= accelerate.SIZES_NOTED
    twin = copy.deepcopy(net)
    torch.testing.assert_close(twin(x), plain(x), rtol=1e-4, atol=1e-5)
    assert not packed[0].is_inference()


def test_gradients_reach_the_input():
    net = nn.Sequential(Conv(3, 4, 3).eval().fuse())
    plain, x = copy.deepcopy(net), torch.randn(1, 3, 8, 8)
    pack_convolutions(net)
    grads = []
    for module in (net, plain):
        given = x.clone().requires_grad_(True)
        grads.append(torch.autograd.grad(module(given).sum(), given)[0])
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-5)


def test_what_is_left_alone():
    with_norm, odd, hooked = Conv(4, 4).eval(), Conv(4, 4, act=nn.LeakyReLU()).eval(), Conv(4, 4).eval()
    odd.fuse(), hooked.fuse()
    hooked.register_forward_hook(lambda *args: None)
    loose = nn.Module()
    loose.conv = nn.Conv2d(4, 4, 1)  # its owner may read the weight
    net = nn.ModuleList([with_norm, odd, hooked, loose])
    assert pack_convolutions(net) == 0


def test_network():
    torch.manual_seed(0)
    net = DetectionModel("yolov8n.yaml", nc=3, verbose=False).eval().fuse(verbose=False)
    plain = copy.deepcopy(net)
    x = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        assert pack_convolutions(net) > 50
        torch.testing.assert_close(net(x)[0], plain(x)[0], rtol=1e-3, atol=1e-3)
        assert net.model[0].i == 0 and net.model[0].type == plain.model[0].type
        vectors = net.predict(x, embed=[3, 5])
    assert len(vectors) == 1


def test_cost_is_still_counted():
    net = DetectionModel("yolov8n.yaml", nc=3, verbose=False).eval().fuse(verbose=False)
    cost = get_flops(net, 64)
    pack_convolutions(net)
    assert get_flops(net, 64) == pytest.approx(cost)


def test_depthwise_and_bfloat16():
    block = DWConv(8, 8, 3).eval().fuse()
    net, x = nn.Sequential(block).to(torch.bfloat16), torch.randn(1, 8, 9, 9, dtype=torch.bfloat16)
    with torch.no_grad():
        expected = net(x)
        pack_convolutions(net)
        torch.testing.assert_close(net(x), expected, rtol=3e-2, atol=3e-2)


def test_without_the_operator_nothing_happens(monkeypatch):
    monkeypatch.setattr(accelerate, "_works", lambda dtype: False)
    net = nn.Sequential(Conv(4, 4).eval().fuse())
    assert pack_convolutions(net) == 0 and isinstance(net[0], Conv)
