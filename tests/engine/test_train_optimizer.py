from __future__ import annotations

import pytest
import torch
from torch import nn

from ultralytics.cfg.merge import get_cfg
from ultralytics.engine.train import optimizer
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.nn.models import DetectionModel

SMALL = {
    "nc": 2,
    "backbone": [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "DynamicConv", [8, 3, 2]]],
    "head": [[[0, 1], 1, "Detect", ["nc"]]],
}


def build_cases(golden):
    return golden("schedules").meta["build_optimizer"]


@pytest.fixture(scope="module")
def yolov8n():
    return DetectionModel("yolov8n.yaml", nc=5, verbose=False)


def facts(group):
    tensors = [p.numel() for p in group["params"]]
    return {
        "name": group["param_group"],
        "n_tensors": len(tensors),
        "n_elements": sum(tensors),
        "lr": group["lr"],
        "weight_decay": group["weight_decay"],
        "momentum": group.get("momentum"),
        "betas": list(group["betas"]) if "betas" in group else None,
        "nesterov": group.get("nesterov") or None,
        "use_muon": group.get("use_muon"),
    }


def test_groups_and_automatic_choice_match_the_golden_ones(golden, yolov8n):
    for case in build_cases(golden):
        if case["model"] != "yolov8n":
            continue
        trainer = BaseTrainer.__new__(BaseTrainer)
        trainer.args = get_cfg(overrides={"warmup_bias_lr": 0.1})
        trainer.data = {"nc": case["data_nc"]}
        built = trainer.build_optimizer(yolov8n, case["requested"], 0.01, 0.937, 0.0005, case["iterations"])
        assert type(built).__name__ == case["built"]
        for key in ("lr0", "warmup_bias_lr"):
            assert getattr(trainer.args, key) == case[f"args_{key}"]
        for got, expected in zip(built.param_groups, case["groups"], strict=True):
            got = facts(got)
            assert {k: got[k] for k in expected if k != "nesterov"} == {
                k: v for k, v in expected.items() if k != "nesterov"
            }
            assert bool(got["nesterov"]) == bool(expected["nesterov"])


@pytest.mark.parametrize("name", ["adam", "ADAMAX", "AdamW", "nadam", "RAdam", "rmsprop", "RMSProp", "sgd", "musgd"])
def test_names_in_any_case_build_and_step(name):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(2))
    model(torch.zeros(1, 3, 8, 8))
    before = model[0].weight.detach().clone()
    built = optimizer.build(model, name, 0.01, 0.9, 0.0005)
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    built.step()
    assert not torch.equal(model[0].weight, before)


def test_unknown_name_suggests_one():
    with pytest.raises(NotImplementedError, match=r"did you mean 'AdamW'.*MuSGD"):
        optimizer.build(nn.Linear(2, 2), "AdmW", 0.1, 0.9, 0.0)


def test_roles_of_dynamic_convolutions_get_groups_of_their_own():
    model = DetectionModel(SMALL, verbose=False)
    names = [group.name for group in optimizer.group_parameters(model)]
    assert names[:3] == ["weight", "bn", "bias"] and {"experts", "router"} <= set(names[3:])
    muon = {group.name: group for group in optimizer.group_for_muon(model) if group.params}
    assert {"experts", "router", "muon"} <= set(muon)
    assert all(p.ndim in {2, 4} for p in muon["muon"].params)


def test_every_parameter_is_in_exactly_one_group(yolov8n):
    for groups in (optimizer.group_parameters(yolov8n), optimizer.group_for_muon(yolov8n)):
        ids = [id(p) for group in groups for p in group.params]
        assert len(ids) == len(set(ids)) == len(list(yolov8n.parameters()))


def test_state_takes_the_layout_of_its_parameter():
    conv = nn.Conv2d(4, 8, 3)
    built = optimizer.build(conv, "SGD", 0.1, 0.9, 0.0)
    conv.weight.grad = torch.ones_like(conv.weight)
    built.step()
    conv.to(memory_format=torch.channels_last)
    built.state[conv.weight]["momentum_buffer"] = torch.randn(8, 4, 3, 3)
    expected = built.state[conv.weight]["momentum_buffer"].clone()
    optimizer.align_state(built)
    buffer = built.state[conv.weight]["momentum_buffer"]
    assert buffer.stride() == conv.weight.stride() and torch.equal(buffer, expected)


# First gradients that come late ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", optimizer.OPTIMIZERS)
def test_a_first_gradient_may_come_later(name):
    torch.manual_seed(0)
    early, late = nn.Linear(3, 3), nn.Linear(3, 3)
    built = optimizer.build(nn.Sequential(early, late), name, lr=0.1, momentum=0.9, decay=0.01)
    before = late.weight.clone()
    for parts in ((early,), (early, late), (late,), (early,)):
        sum(part(torch.ones(1, 3)).sum() for part in parts).backward()
        built.step()
        built.zero_grad(set_to_none=True)
    assert not torch.equal(late.weight, before)


def test_late_momentum_is_that_of_the_plain_sgd():
    def trained(make):
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        built = make(layers)
        for active in ((0,), (0, 1), (1,), (0, 1)):
            sum(layers[i](torch.arange(3.0)[None]).square().sum() for i in active).backward()
            built.step()
            built.zero_grad(set_to_none=True)
        return [p.detach() for p in layers.parameters()]

    fused = trained(lambda m: optimizer.build(m, "SGD", lr=0.01, momentum=0.9, decay=0.0))
    plain = trained(lambda m: torch.optim.SGD(m.parameters(), lr=0.01, momentum=0.9, nesterov=True, foreach=False))
    torch.testing.assert_close(fused, plain, rtol=1e-6, atol=1e-7)
