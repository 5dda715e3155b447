from __future__ import annotations

import copy

import pytest
import torch
from export_helpers import decoded, images, settled
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.parameternet import DynamicBnAct, DynamicConv
from ultralytics.nn.cost.info import model_from
from ultralytics.nn.fold import fold_model
from ultralytics.nn.weights.upcycle import upcycle_kernel, upcycle_state


def lived(model: nn.Module) -> nn.Module:
    torch.manual_seed(2)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.3, 2.0)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return model.eval()


def plain_net() -> nn.Sequential:
    torch.manual_seed(0)
    return lived(nn.Sequential(Conv(3, 8, 3), Conv(8, 12, 3, 2, g=2), nn.Conv2d(12, 5, 1)))


def dynamic_net(last: int = 5) -> nn.Sequential:
    return nn.Sequential(DynamicConv(3, 8, 3), DynamicConv(8, 12, 3, 2, g=2), nn.Conv2d(12, last, 1)).eval()


@settings(max_examples=30, deadline=None)
@given(experts=st.integers(1, 6), routing=st.floats(0.05, 1.0), noise=st.floats(0, 2), seed=st.integers(0, 9))
def test_bank_mixes_to_the_kernel(experts, routing, noise, seed):
    kernel = torch.randn(4, 3, 3, 3)
    bank = upcycle_kernel(kernel, experts, routing, noise, seed)
    assert bank.shape == (experts, 4, 3, 3, 3)
    torch.testing.assert_close((bank * routing).sum(0), kernel, rtol=1e-5, atol=1e-5)
    assert torch.equal(bank, upcycle_kernel(kernel, experts, routing, noise, seed))
    if experts > 1 and noise > 0.01:
        assert (bank[0] - bank[1]).abs().mean() > 0, "equal experts never part"


def test_outputs_stay_and_experts_part_in_training():
    source, target = plain_net(), dynamic_net()
    before = {k: v.clone() for k, v in source.state_dict().items()}
    report = upcycle_state(target, source.state_dict(), source)
    assert str(report) == "upcycled 2 of 2 convolutions, transferred 12/12 others"
    assert not target.load_state_dict(report.state, strict=False).missing_keys
    for batch in (1, 3):
        x = torch.randn(batch, 3, 16, 16)
        torch.testing.assert_close(target(x), source(x), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(v, before[k]) for k, v in source.state_dict().items())

    target.train()
    optimizer = torch.optim.SGD(target.parameters(), lr=0.5)
    x = torch.rand(4, 3, 16, 16) * torch.tensor([0.1, 1.0, 3.0, 5.0]).view(-1, 1, 1, 1)
    for _ in range(5):
        optimizer.zero_grad()
        (target(x) - 1).square().mean().backward()
        optimizer.step()
    routing = target[0].conv.route(x)
    assert (routing.max(1).values - routing.min(1).values).max() > 1e-4
    assert (routing.max(0).values - routing.min(0).values).max() > 1e-4


def test_global_generator_is_left_alone():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    upcycle_kernel(torch.ones(1, 1, 1, 1), 4)
    assert torch.equal(torch.rand(1), wanted)


def test_changed_shapes_and_dynamic_sources():
    source, target = plain_net(), dynamic_net(last=9)
    report = upcycle_state(target, source.state_dict())
    assert (report.upcycled, report.transferred, report.others) == (2, 10, 12)
    assert not any(key.startswith("2.") for key in report.state)

    ready = dynamic_net()
    twin = dynamic_net()
    report = upcycle_state(twin, ready.state_dict())
    assert report.upcycled == 0 and report.transferred == len(twin.state_dict())
    flat = {
        k.replace("0.conv.weight", "0.conv.0.cond_conv.weight")
        .replace("0.conv.routing", "0.conv.0.routing")
        .replace("0.bn.", "0.conv.1."): v.flatten(1) if v.ndim == 5 else v
        for k, v in ready.state_dict().items()
    }
    twin = dynamic_net()
    twin.load_state_dict(upcycle_state(twin, flat).state)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(twin(x), ready(x))

    other = nn.Sequential(Conv(3, 8, 5))
    assert upcycle_state(dynamic_net(), other.state_dict()).upcycled == 0


def test_half_precision_and_folded_sources():
    source, target = plain_net(), dynamic_net()
    folded = copy.deepcopy(source)
    fold_model(folded)
    report = upcycle_state(target, folded.state_dict())
    target.load_state_dict(report.state, strict=False)
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(target(x), source(x), rtol=1e-4, atol=1e-4)
    half = {k: v.half() if v.is_floating_point() else v for k, v in source.state_dict().items()}
    target.load_state_dict(upcycle_state(target, half).state, strict=False)
    assert (target(x) - source(x)).norm() / source(x).norm() < 1e-2


@pytest.mark.parametrize(("act", "exact"), [(None, True), (nn.SiLU, False), (nn.ReLU, False)])
def test_dynamic_bn_act_starts_as_near_as_its_activation_lets_it(act, exact):
    torch.manual_seed(0)
    source = lived(nn.Sequential(Conv(6, 8, 3)))
    target = nn.Sequential(DynamicBnAct(6, 8, 3, act_layer=act)).eval()
    report = upcycle_state(target, source.state_dict())
    assert report.upcycled == 1
    target.load_state_dict(report.state, strict=False)
    x = torch.randn(2, 6, 9, 9)
    wanted, got = source(x), target(x)
    if exact:
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    elif act is nn.ReLU:
        torch.testing.assert_close(got, wanted.clamp(min=0), rtol=1e-5, atol=1e-5)
        assert (got - wanted).abs().max() < 0.2785


def test_routing_must_be_positive():
    with pytest.raises(ValueError, match="routing"):
        upcycle_kernel(torch.ones(1, 1, 1, 1), 4, routing=0.0)


def test_whole_network_starts_with_the_plain_ones_predictions(capsys):
    source, target = settled("yolov8n.yaml"), model_from("yolov8n-DynamicConv.yaml", 3)
    target.load(source)
    assert "upcycled 5 of 5 convolutions" in capsys.readouterr().out
    target.eval()
    x = images(2)
    wanted, got = decoded(source, x), decoded(target, x)
    assert (got - wanted).abs().max() / wanted.abs().max() < 1e-5
    target.fuse(verbose=False)
    assert target.is_fused() and (decoded(target, x) - wanted).abs().max() / wanted.abs().max() < 1e-5
