from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ultralytics.nn.block.parameternet import (
    FORMS,
    DynamicBnAct,
    DynamicConv,
    DynamicConv2d,
    drop_path,
    mix_experts,
    rename_legacy_keys,
)
from ultralytics.nn.protocols import CountsMacs, ExportTarget, Foldable, ForExport, HintsParams


def make(c1=6, c2=8, k=3, **options) -> DynamicConv2d:
    torch.manual_seed(0)
    conv = DynamicConv2d(c1, c2, k, **options)
    nn.init.normal_(conv.routing.weight, std=1.0)  # far from uniform, so that a mixed-up image shows
    return conv


def direct(conv: DynamicConv2d, x: torch.Tensor) -> torch.Tensor:
    """Sum over experts of weighted convolutions, the definition."""
    routing = conv.route(x)
    parts = [
        routing[:, e, None, None, None] * nn.functional.conv2d(x, conv.weight[e], None, *conv.geometry.call)
        for e in range(conv.num_experts)
    ]
    return torch.stack(parts).sum(0)


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 4),
    k=st.sampled_from([1, 2, 3, (1, 3), 5]),
    stride=st.sampled_from([1, 2, (2, 1)]),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    experts=st.integers(1, 5),
    bias=st.booleans(),
)
def test_all_forms_agree_with_the_definition_and_its_gradients(
    batch, k, stride, padding, dilation, groups, experts, bias
):
    conv = make(k=k, stride=stride, padding=padding, dilation=dilation, groups=groups, num_experts=experts).double()
    x = torch.randn(batch, 6, 11, 12, dtype=torch.float64)
    offset = torch.randn(8, dtype=torch.float64) if bias else None
    wanted = direct(conv, x)
    if bias:
        wanted = wanted + offset.view(1, -1, 1, 1)
    cotangent = torch.sin(torch.arange(wanted.numel(), dtype=torch.float64)).view_as(wanted)
    wanted_grads = torch.autograd.grad((wanted * cotangent).sum(), [conv.weight, conv.routing.weight])
    for name, form in FORMS.items():
        if name == "single" and batch > 1:
            continue
        y = form(x, mix_experts(conv.route(x), conv.weight), offset, conv.geometry)
        torch.testing.assert_close(y, wanted, rtol=1e-9, atol=1e-9, msg=name)
        grads = torch.autograd.grad((y * cotangent).sum(), [conv.weight, conv.routing.weight])
        for got, want in zip(grads, wanted_grads, strict=True):
            torch.testing.assert_close(got, want, rtol=1e-8, atol=1e-8, msg=name)


@pytest.mark.parametrize("form", list(FORMS))
def test_forms_agree_in_float32(form):
    conv = make(c1=32, c2=64, stride=2, padding=1)
    x = torch.randn(1 if form == "single" else 7, 32, 20, 20)
    conv.export_form = form
    torch.testing.assert_close(conv(x), direct(conv, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["a", "ax", "b", "bx", "c", "cx"])
def test_golden_block(golden, case):
    stored = golden("dynamic_conv_block")
    facts = stored.meta[case]
    kind = DynamicBnAct if facts["extra_bn_relu"] else DynamicConv
    block = kind(facts["c1"], facts["c2"], facts["k"], facts["s"]).eval()
    inner = block.conv.conv if facts["extra_bn_relu"] else block.conv
    load = {
        "weight": torch.from_numpy(stored[f"{case}.experts"]),
        "routing.weight": torch.from_numpy(stored[f"{case}.routing_weight"]),
        "routing.bias": torch.from_numpy(stored[f"{case}.routing_bias"]),
    }
    inner.load_state_dict(load)
    x = torch.from_numpy(stored[f"{case}.x"]).requires_grad_()
    y = block(x)
    cotangent = torch.sin(torch.arange(y.numel(), dtype=torch.float32)).view_as(y)
    y.backward(cotangent)
    for name, got in {
        "routing": inner.route(x),
        "conv": inner(x),
        "y_eval": y,
        "dx": x.grad,
        "dexperts": inner.weight.grad.flatten(1),
        "drouting_weight": inner.routing.weight.grad,
    }.items():
        ok, worst, message = stored.compare(f"{case}.{name}", got, rtol=1e-4, atol=1e-5)
        assert ok, (worst, message)


def test_matches_timm_condconv():
    layers = pytest.importorskip("timm.layers")
    conv = make(c1=8, c2=12, stride=2, padding=1, groups=2)
    reference = layers.CondConv2d(8, 12, 3, stride=2, padding=1, groups=2, num_experts=4)
    with torch.no_grad():
        reference.weight.copy_(conv.weight.flatten(1))
    x = torch.randn(5, 8, 13, 9)
    torch.testing.assert_close(conv(x), reference(x, conv.route(x)), rtol=1e-5, atol=1e-5)


def test_each_image_keeps_its_kernel_whatever_the_batch():
    block = DynamicConv(5, 7, 3).eval()
    x = torch.randn(6, 5, 9, 9) * torch.arange(1, 7).view(-1, 1, 1, 1)
    together = block(x)
    torch.testing.assert_close(together, torch.cat([block(image[None]) for image in x]), rtol=1e-5, atol=1e-5)
    assert block(x[:0]).shape == (0, 7, 9, 9)


def test_parameter_shapes_and_initial_spread():
    torch.manual_seed(0)
    block = DynamicConv(64, 128, 3, 2)
    assert block.conv.weight.shape == (4, 128, 64, 3, 3)
    plain = nn.Conv2d(64, 128, 3)
    for expert in block.conv.weight:
        assert abs(expert.std() / plain.weight.std() - 1) < 0.03
    parameters = sum(p.numel() for p in block.parameters())
    assert parameters == 4 * 128 * 64 * 9 + 64 * 4 + 4 + 2 * 128
    extra = DynamicBnAct(64, 128, 3, 2)
    assert sum(p.numel() for p in extra.parameters()) == parameters + 2 * 128


@pytest.mark.parametrize("block", [DynamicConv(8, 8, 3), DynamicBnAct(8, 8, 3, skip=True)])
def test_block_offers_protocols_and_survives_copies(block):
    inner = next(m for m in block.modules() if isinstance(m, DynamicConv2d))
    assert isinstance(inner, Foldable) and isinstance(inner, CountsMacs)
    assert isinstance(inner, HintsParams) and isinstance(inner, ForExport)
    hints = {name: inner.param_hint(name) for name, _ in inner.named_parameters()}
    assert hints == {"weight": "experts", "routing.weight": "router", "routing.bias": "router"}
    x = torch.randn(2, 8, 6, 6)
    block.eval()
    for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        torch.testing.assert_close(twin(x), block(x))


def test_residual_leaves_the_input_alone():
    block = DynamicBnAct(8, 8, 3, skip=True).eval()
    x = torch.randn(2, 8, 6, 6)
    before = x.clone()
    y = block(x)
    assert torch.equal(x, before)
    plain = DynamicBnAct(8, 8, 3)
    plain.load_state_dict(block.state_dict())
    torch.testing.assert_close(y, x + plain.eval()(x))
    assert not DynamicBnAct(8, 8, 3, stride=2, skip=True).has_residual
    assert not DynamicBnAct(8, 4, 3, skip=True).has_residual


def test_drop_path_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    x = torch.ones(4000, 2, 1, 1)
    y = drop_path(x, 0.25, training=True)
    kept = y[:, 0, 0, 0]
    assert set(kept.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert torch.equal(y[:, 0], y[:, 1]) and abs(y.mean() - 1) < 0.05
    assert drop_path(x, 0.25, training=False) is x


def test_feature_info_and_options():
    block = DynamicBnAct(8, 16, 3, act_layer="SiLU", pad_type="valid", norm_layer=nn.BatchNorm2d)
    assert block.feature_info("expansion") == {"module": "conv", "hook_type": "forward", "num_chs": 16}
    assert block(torch.randn(2, 8, 9, 9)).shape == (2, 16, 7, 7)
    assert isinstance(block.act1, nn.SiLU)
    assert isinstance(DynamicBnAct(8, 16, 3, act_layer=None).act1, nn.Identity)
    assert DynamicBnAct(8, 16, 3, pad_type="same")(torch.randn(2, 8, 9, 9)).shape == (2, 16, 9, 9)


@pytest.mark.parametrize(
    ("build", "word"),
    [
        (lambda: DynamicBnAct(8, 8, 3, pad_type="mirror"), "mirror"),
        (lambda: DynamicBnAct(8, 8, 3, 2, pad_type="same"), "symmetric"),
        (lambda: DynamicBnAct(8, 8, 3, drop_path_rate=1.0), "drop_path_rate"),
        (lambda: DynamicBnAct(8, 8, 3, act_layer="Silu"), "Silu"),
        (lambda: DynamicConv(8, 8, 3, g=3), "groups=3"),
        (lambda: DynamicConv(8, 8, 3, num_experts=0), "num_experts"),
        (lambda: DynamicConv(8, 8, 3)(torch.randn(1, 7, 4, 4)), "(B, 8, H, W)"),
    ],
)
def test_errors_name_the_argument(build, word):
    with pytest.raises(ValueError, match=word.replace("(", r"\(").replace(")", r"\)")):
        build()


def test_flat_layout_loads():
    torch.manual_seed(0)
    for kind, inside in ((DynamicConv, ""), (DynamicBnAct, "conv.")):
        source, target = kind(6, 8, 3, 2), kind(6, 8, 3, 2)
        names = {"conv.weight": "conv.0.cond_conv.weight", "conv.routing": "conv.0.routing", "bn.": "conv.1."}
        flat = {}
        for key, value in source.state_dict().items():
            for new, old in names.items():
                if key.startswith(inside + new):
                    key = inside + old + key[len(inside + new) :]
                    break
            flat[key] = value.flatten(1) if value.ndim == 5 else value
        assert any("cond_conv" in key for key in flat)
        holder = nn.Sequential(nn.Identity(), target)
        holder.load_state_dict({f"1.{key}": value for key, value in flat.items()})
        x = torch.randn(2, 6, 8, 8)
        torch.testing.assert_close(target.eval()(x), source.eval()(x))
        assert rename_legacy_keys(flat).keys() == source.state_dict().keys()
        assert set(flat) & {inside + "conv.0.routing.weight"}  # the caller's dict is not edited


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_mixes_in_float32(dtype):
    conv = make(c1=16, c2=16, padding=1)
    x = torch.randn(3, 16, 12, 12)
    wanted = conv(x)
    with torch.autocast("cpu", dtype=dtype):
        got = conv(x)
        assert got.dtype == dtype
        assert conv.route(x.to(dtype)).dtype == torch.float32
        got.float().square().mean().backward()
    error = (got.float() - wanted).norm() / wanted.norm()
    assert error < (6e-3 if dtype == torch.bfloat16 else 1e-3)
    assert all(
        p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in conv.parameters() if p.grad is not None
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_weights(dtype):
    conv = make(c1=16, c2=16, padding=1)
    x = torch.randn(3, 16, 12, 12)
    got = copy.deepcopy(conv).to(dtype)(x.to(dtype))
    assert got.dtype == dtype
    assert (got.float() - conv(x)).norm() / conv(x).norm() < 2e-2


def test_gradients_check_numerically():
    conv = make(c1=2, c2=3, k=2).double()
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(conv, (x,))


def test_batch_one_traced_without_preparation_serves_other_batches():
    block = DynamicConv(4, 6, 3).eval()
    traced = torch.jit.trace(block, torch.randn(1, 4, 8, 8))
    for batch in (1, 2, 7):
        x = torch.randn(batch, 4, 8, 8)
        torch.testing.assert_close(traced(x), block(x), rtol=1e-5, atol=1e-5)


def test_exported_program_has_a_free_batch():
    block = DynamicConv(4, 6, 3).eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(block, (torch.randn(3, 4, 8, 8),), dynamic_shapes=({0: batch},)).module()
    for count in (1, 2, 7):
        x = torch.randn(count, 4, 8, 8)
        torch.testing.assert_close(program(x), block(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("target", "form"),
    [
        (ExportTarget(batch=1), "single"),
        (ExportTarget(batch=4), "grouped"),
        (ExportTarget(batch=4, dynamic=True), "patches"),
        (ExportTarget(batch=1, dynamic_kernels=False), "patches"),
    ],
)
def test_export_form_follows_the_target(target, form):
    conv = make(c1=4, padding=1).eval()
    prepared = copy.deepcopy(conv)
    prepared.for_export(target)
    assert prepared.export_form == form and conv.export_form is None
    x = torch.randn(target.batch, 4, 7, 7)
    traced = torch.jit.trace(prepared, x)
    torch.testing.assert_close(traced(x), conv(x), rtol=1e-5, atol=1e-5)
    assert prepared.state_dict().keys() == conv.state_dict().keys()


def test_macs_are_one_convolution_and_little_more():
    conv = DynamicConv2d(64, 128, 3, stride=2, padding=1)
    convolution = 128 * 40 * 40 * 64 * 9
    macs = conv.count_macs((1, 64, 80, 80), (1, 128, 40, 40))
    assert macs == convolution + conv.weight.numel() + 64 * 4 + 64 * 80 * 80
    assert macs < 1.01 * convolution


def test_channels_last_layout_keeps_results_and_experts():
    conv = make(c1=8, padding=1)
    x = torch.randn(3, 8, 9, 9)
    wanted, state = conv(x), {k: v.clone() for k, v in conv.state_dict().items()}
    moved = copy.deepcopy(conv).to(memory_format=torch.channels_last)
    assert moved.weight.shape == conv.weight.shape and not moved.weight.is_contiguous()
    assert all(torch.equal(v, state[k]) for k, v in moved.state_dict().items())
    torch.testing.assert_close(moved(x.contiguous(memory_format=torch.channels_last)), wanted, rtol=1e-5, atol=1e-5)
    moved(x).sum().backward()
    conv(x).sum().backward()
    torch.testing.assert_close(moved.weight.grad, conv.weight.grad, rtol=1e-4, atol=1e-4)


def test_float32_experts_in_a_low_precision_network():
    conv = make(c1=8, padding=1)
    conv.bias = nn.Parameter(torch.ones(8))
    x = torch.randn(3, 8, 9, 9)
    y = conv(x.bfloat16())
    assert y.dtype == torch.bfloat16 and (y.float() - conv(x)).norm() / conv(x).norm() < 6e-3
