"""Checkpoints of forks that nest the dynamic convolution in the tutorial form open with the same outputs."""

from __future__ import annotations

import sys
import types

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import autopad
from ultralytics.nn.block.parameternet import DynamicConv
from ultralytics.nn.models import DetectionModel
from ultralytics.nn.weights.checkpoint import load_checkpoint

timm_layers = pytest.importorskip("timm.layers")
FORK = "ultralytics.nn.modules.DynamicConv"


class DynamicConv_Single(nn.Module):
    def __init__(self, c1: int, c2: int, k: int, s: int, p: int, experts: int) -> None:
        super().__init__()
        self.routing = nn.Linear(c1, experts)
        self.cond_conv = timm_layers.CondConv2d(c1, c2, k, s, p, num_experts=experts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cond_conv(x, torch.sigmoid(self.routing(F.adaptive_avg_pool2d(x, 1).flatten(1))))


class TutorialConv(nn.Module):
    def __init__(self, c1: int, c2: int, k: int, s: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            DynamicConv_Single(c1, c2, k, s, autopad(k), 4), nn.BatchNorm2d(c2, eps=1e-3), nn.SiLU()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


@pytest.fixture
def fork():
    """A module of a fork, for as long as the file is written."""
    module = types.ModuleType(FORK)
    for name, kind in (("DynamicConv", TutorialConv), ("DynamicConv_Single", DynamicConv_Single)):
        kind.__module__, kind.__qualname__, kind.__name__ = FORK, name, name  # what pickle writes
        setattr(module, name, kind)
    sys.modules[FORK] = module
    yield module
    sys.modules.pop(FORK, None)


def test_tutorial_checkpoint_opens_with_equal_outputs(fork, tmp_path):
    torch.manual_seed(0)
    network = DetectionModel("yolov8n.yaml", nc=3, verbose=False)
    for index in (3, 7):
        plain = network.model[index]
        layer = TutorialConv(plain.conv.in_channels, plain.conv.out_channels, 3, 2)
        layer.conv[1].running_mean.normal_()
        layer.i, layer.f, layer.type, layer.np = index, plain.f, FORK, 0
        network.model[index] = layer
    network.eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        want = network(x)[0]
    torch.save({"model": network, "ema": None, "train_args": {}}, tmp_path / "fork.pt")
    del sys.modules[FORK]

    model, _ = load_checkpoint(tmp_path / "fork.pt")
    assert isinstance(model.model[3], DynamicConv)
    assert model.model[3].conv.weight.ndim == 5
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x)[0], want, rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(model.fuse(verbose=False)(x)[0], want, rtol=1e-4, atol=1e-3)
