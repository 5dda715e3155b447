"""GhostNet against another implementation, and ParameterNet's figures."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

from ultralytics.nn.block.ghostnet import GhostModule, GhostNetBottleneck, SqueezeExcite, quarter_width
from ultralytics.nn.block.parameternet import DynamicBnAct, DynamicConv2d
from ultralytics.nn.cost.flops import count_flops, get_num_params
from ultralytics.nn.cost.info import model_from
from ultralytics.nn.head.ghostnet import GhostClassify
from ultralytics.nn.models import ClassificationModel


@functools.cache
def network(name: str) -> nn.Module:
    return model_from(f"{name}.yaml")


# Names of timm's GhostNet by ours, below one bottleneck.
INNER = {
    "expand.primary": "ghost1.primary_conv.",
    "expand.cheap": "ghost1.cheap_operation.",
    "project.primary": "ghost2.primary_conv.",
    "project.cheap": "ghost2.cheap_operation.",
    "se.reduce": "se.conv_reduce",
    "se.expand": "se.conv_expand",
}


def their_name(key: str, block: str) -> str:
    """Translate the key of a bottleneck's entry to timm's."""
    *path, kind, entry = key.split(".")
    inner = ".".join([*path, kind])
    if inner in INNER:
        return f"{block}.{INNER[inner]}.{entry}"
    place = ".".join(path)
    if place == "down":
        return f"{block}.{'conv_dw' if kind == 'conv' else 'bn_dw'}.{entry}"
    if path[0] == "shortcut":
        return f"{block}.shortcut.{2 * int(path[1]) + (kind == 'bn')}.{entry}"
    return f"{block}.{INNER[place]}{0 if kind == 'conv' else 1}.{entry}"


def translated(model: nn.Module, theirs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    blocks = [b for b in dict.fromkeys(".".join(k.split(".")[:3]) for k in theirs if k.startswith("blocks.")) if b]
    state = {}
    for key in model.state_dict():
        _, index, rest = key.split(".", 2)
        if index == "0":
            name = rest.replace("conv.", "conv_stem.").replace("bn.", "bn1.")
        elif index == "17":
            name = f"{blocks[-1]}.{rest.replace('bn.', 'bn1.')}"
        elif index == "18":
            name = rest.replace("conv.", "conv_head.").replace("linear.", "classifier.")
        else:
            name = their_name(rest, blocks[int(index) - 1])
        value = theirs[name]
        state[key] = value.view(*value.shape, 1, 1) if name == "classifier.weight" else value
    return state


@torch.no_grad()
def test_ghostnet_agrees_with_timm():
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = timm.create_model("ghostnet_100").eval()
    for m in theirs.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.running_var, 0.5, 1.5)
            nn.init.normal_(m.running_mean, 0, 0.2)
    ours = model_from("ghostnet.yaml").eval()
    assert get_num_params(ours) == sum(p.numel() for p in theirs.parameters()) == 5_182_508
    ours.load_state_dict(translated(ours, theirs.state_dict()))
    x = torch.rand(2, 3, 64, 64)
    wanted = theirs(x)
    assert wanted.std() > 1e-3
    torch.testing.assert_close(ours(x)[1], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "params", "multiply_adds"),
    [("ghostnet", 5.18, 0.156), ("ghostnet-600m", 13.10, 0.494), ("parameternet-600m", 34.47, 0.532)],
)
def test_figures_of_classifiers(name, params, multiply_adds):
    """The paper says 34.5 million parameters and 0.6 GFLOPs (multiply-adds) for the last one."""
    model = network(name)
    assert get_num_params(model) / 1e6 == pytest.approx(params, abs=0.005)
    report = count_flops(model, 224)
    assert report.true_gflops / 2 == pytest.approx(multiply_adds, abs=0.001)
    assert (report.hook_gflops < report.true_gflops / 5) == name.startswith("parameternet")


def test_parameternet_is_ghostnet_with_experts():
    plain, dynamic = network("ghostnet-600m").state_dict(), network("parameternet-600m").state_dict()
    changed = [key for key, value in plain.items() if dynamic[key].shape != value.shape]
    assert all(dynamic[key].shape == (4, *plain[key].shape) for key in changed)
    assert {key.split(".")[1] for key in changed} == {*map(str, range(1, 17)), "18"}
    modules = list(network("parameternet-600m").modules())
    assert sum(isinstance(m, DynamicConv2d) for m in modules) == len(changed)
    assert not any(".se." in key for key in changed)
    assert any(isinstance(m, nn.Hardswish) for m in modules)


@torch.no_grad()
def test_detector_reads_maps_of_three_levels():
    model = model_from("parameternet-600m-det.yaml", nc=3).eval()
    assert model.stride.tolist() == [8, 16, 32]
    y, raw = model(torch.zeros(1, 3, 64, 64))
    assert y.shape == (1, 7, 84) and raw["scores"].shape == (1, 3, 84)


def test_classifier_trains_on_one_image():
    """Norms need several values per channel; the head has none."""
    head = GhostClassify(16, 3, num_experts=4).train()
    logits = head(torch.rand(1, 16, 2, 2))
    assert logits.shape == (1, 3)
    logits.square().sum().backward()
    assert head.linear.weight.grad.abs().sum() > 0


def test_new_number_of_classes():
    for experts in (0, 4):
        model = nn.Sequential(nn.Identity(), GhostClassify(16, 3, experts)).train()
        ClassificationModel.reshape_outputs(model, 7)
        assert model(torch.rand(2, 16, 2, 2)).shape == (2, 7)
        assert isinstance(model[-1].linear, DynamicConv2d) == bool(experts)


@pytest.mark.parametrize(
    ("value", "rounded"), [(1, 4), (30.4, 32), (45.6, 44), (18.24, 20), (5, 8), (91.2, 92), (6, 8)]
)
def test_widths_are_rounded_as_in_ghostnet(value, rounded):
    assert quarter_width(value) == rounded


def test_modules():
    x = torch.randn(2, 12, 9, 9)
    for c2, ratio in ((7, 2), (8, 2), (10, 3)):
        assert GhostModule(12, c2, 3, 2, ratio)(x).shape == (2, c2, 5, 5)
    with pytest.raises(ValueError, match="ratio=1"):
        GhostModule(12, 8, ratio=1)
    gate = SqueezeExcite(12, 4)
    assert ((gate(x) / x).amax((2, 3)) - (gate(x) / x).amin((2, 3))).abs().max() < 1e-5
    assert isinstance(GhostNetBottleneck(12, 12, 24).shortcut, nn.Identity)
    assert isinstance(GhostNetBottleneck(12, 16, 24, conv=DynamicBnAct)(x), torch.Tensor)
