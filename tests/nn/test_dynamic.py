"""Dynamic forms of compound blocks: one for every block that takes its convolution, and what rows may choose."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from ultralytics.nn.block.conv import Conv, DWConv
from ultralytics.nn.block.csp import C3k
from ultralytics.nn.block.dynamic import Dynamic, DynamicC2f, DynamicDWConv, dynamic_conv
from ultralytics.nn.block.parameternet import DynamicConv, DynamicConv2d
from ultralytics.nn.builder.build import construct, plan
from ultralytics.nn.builder.names import yaml_model_load
from ultralytics.nn.builder.registry import ModelYamlError, registered
from ultralytics.nn.builder.vocabulary import DYNAMIC, VOCABULARY
from ultralytics.nn.models import DetectionModel


def taking_conv() -> set[str]:
    """Names of the plain blocks whose constructor has the argument `conv`."""
    targets = {name: spec.resolve() for name, spec in VOCABULARY.items()}
    return {name for name, target in targets.items() if "conv" in inspect.signature(target).parameters}


def build(row: list, scale: str = "") -> nn.Module:
    cfg = {"nc": 2, "backbone": [[-1, 1, "Conv", [16, 3, 2]], row], "head": []}
    if scale:
        cfg |= {"scales": {scale: [1.0, 1.0, 1024]}, "scale": scale}
    return construct(plan(cfg))[1]


def banks(block: nn.Module) -> list[DynamicConv2d]:
    return [m for m in block.modules() if isinstance(m, DynamicConv2d)]


def test_every_block_that_can_be_dynamic_has_a_form():
    assert taking_conv() == set(DYNAMIC.split())


@pytest.mark.parametrize("name", sorted(DYNAMIC.split()))
def test_forms_are_called_as_the_plain_block(name):
    plain, dynamic = registered()[name], registered()[f"Dynamic{name}"]
    assert (dynamic.call, dynamic.out, dynamic.adjust, dynamic.keywords, dynamic.marks, dynamic.builtin) == (
        plain.call, plain.out, plain.adjust, plain.keywords, plain.marks, True,
    )  # fmt: skip
    positional = [
        [(p.name, p.default) for p in inspect.signature(spec.resolve()).parameters.values() if p.kind != p.KEYWORD_ONLY]
        for spec in (plain, dynamic)
    ]
    assert positional[0] == positional[1]
    assert dynamic.resolve().func is plain.resolve()


def test_rows_choose_kernels_and_their_number():
    whole, spatial = build([-1, 1, "DynamicC2f", [16, True]]), build([-1, 1, "DynamicC2f", [16, {"min_kernel": 3}]])
    assert len(banks(whole)) == 4 and all(m.num_experts == 4 for m in banks(whole))
    assert [m.kernel_size for m in banks(spatial)] == [(3, 3)] * 2 and type(spatial.cv1) is Conv
    assert {m.num_experts for m in banks(build([-1, 1, "DynamicC2f", [16, {"num_experts": 7}]]))} == {7}
    assert build([-1, 1, "DynamicConv", [16, 3, {"num_experts": 2}]]).conv.num_experts == 2
    assert build([-1, 1, "Conv", [16, 3, {"act": False, "s": 2}]]).conv.stride == (2, 2)
    layer = build([-1, 1, "DynamicC3k2", [16, False, 0.5]], "m")
    assert isinstance(layer.m[0], C3k) and len(banks(layer)) > 4  # the rule of the larger sizes holds for the form, too
    two = build([-1, 2, "DynamicConv", [16, {"num_experts": 2}]])
    assert [block.conv.num_experts for block in two] == [2, 2]


def test_layer_table_shows_the_choice(caplog):
    import logging

    logger = logging.getLogger("ultralytics")
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level("INFO", logger="ultralytics"):
            cfg = {"nc": 1, "backbone": [[-1, 1, "DynamicConv", [8, {"num_experts": 2}]]], "head": []}
            construct(plan(cfg), verbose=True)
    finally:
        logger.removeHandler(caplog.handler)
    assert "[3, 8] {'num_experts': 2}" in caplog.text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([-1, 1, "DynamicC2f", [16, {"experts": 3}]], r"\*, num_experts=4, min_kernel=1\)"),
        ([-1, 1, "DynamicC2f", [16, {"num_experts": 0}]], "at least 1"),
        ([-1, 1, "DynamicC2f", [16, {"num_experts": "many"}]], "cannot be built"),
        ([-1, 1, "DynamicC2f", [16, {"conv": "DynamicConv"}]], "is called as"),
        ([-1, 1, "Conv", [16, 3, {"k": 3}]], "multiple values for argument 'k'"),
        ([-1, 1, "Conv", [16, {1: 2}]], "is called as"),
        ([-1, 1, "Conv", [16, {"act": "no"}]], "must be bool"),
        ([-1, 1, "Conv", [{"c2": 16}]], "lacks an argument"),
        ([-1, 1, "Conv", [{"c2": 16}, 16]], "whole number of channels"),
        ([-1, 1, "DynamicC2", [16, True, 1, 0.5, {"num_experts": 2}, 3]], "got {'num_experts': 2}|is called as"),
        ([-1, 1, "DynamicC9", [16]], "did you mean"),
    ],
)
def test_wrong_choices_are_told(row, words):
    with pytest.raises(ModelYamlError, match=words):
        build(row)


def test_dynamic_conv_chooses_by_kernel():
    assert isinstance(dynamic_conv(4, 8, (1, 3), min_kernel=3), DynamicConv)
    assert type(dynamic_conv(4, 8, 1, act=False, min_kernel=3)) is Conv
    assert dynamic_conv(4, 8, 3, num_experts=2).conv.num_experts == 2
    with pytest.raises(TypeError, match="does not take its convolution"):
        Dynamic(nn.Conv2d)


def test_depthwise_form_has_the_geometry_of_the_plain_one():
    for c1, c2 in ((8, 8), (8, 12), (6, 9)):
        plain, dynamic = DWConv(c1, c2, 3, 2, act=False), DynamicDWConv(c1, c2, 3, 2, act=False)
        assert dynamic.conv.weight.shape == (4, *plain.conv.weight.shape)
        assert dynamic(torch.zeros(2, c1, 8, 8)).shape == plain(torch.zeros(2, c1, 8, 8)).shape


def test_a_form_is_a_block_of_the_plain_class():
    block = DynamicC2f(8, 8, 1)
    assert type(block).__name__ == "C2f" and len(banks(block)) == 4


FAMILIES = {"yolov5n": 5, "yolov8n": 5, "yolo11n": 5, "yolo26n": 5, "rtdetr-l": 5}


@pytest.mark.parametrize("name", FAMILIES)
def test_shipped_variants_differ_in_the_named_rows_only(name):
    plain, dynamic = (yaml_model_load(f"{name}{variant}.yaml") for variant in ("", "-DynamicConv"))
    changed = 0
    for part in ("backbone", "head"):
        for old, new in zip(plain[part], dynamic[part], strict=True):
            assert new in (old, [*old[:2], f"Dynamic{old[2]}", old[3]])
            changed += new != old
    assert changed == FAMILIES[name]
    assert {k: v for k, v in plain.items() if k in ("nc", "scales", "end2end", "reg_max")} == {
        k: v for k, v in dynamic.items() if k in ("nc", "scales", "end2end", "reg_max")
    }


@pytest.mark.parametrize("name", ["yolov5n-DynamicConv", "yolo11n-DynamicConv", "yolo26n-DynamicConv"])
@torch.no_grad()
def test_shipped_variants_fuse_exactly(name):
    torch.manual_seed(0)
    model = DetectionModel(f"{name}.yaml", nc=3, verbose=False).eval()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.running_var, 0.5, 1.5)
    x = torch.rand(2, 3, 64, 64)
    raw = model(x)[1]
    raw = raw.get("one2one", raw)
    model.fuse(verbose=False)
    assert model.is_fused()
    after = model(x)[1]
    after = after.get("one2one", after)
    for key in ("boxes", "scores"):
        torch.testing.assert_close(after[key], raw[key], rtol=1e-3, atol=1e-3)
