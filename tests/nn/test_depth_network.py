"""Depth head and loss: shapes in every mode, calibration, golden figures, thin and empty truth."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ultralytics.nn.head.depth import Depth
from ultralytics.nn.loss.depth import DepthLoss26, gradient_error, scale_invariant_error

CH = (16, 32, 64)


def levels(batch: int = 2, height: int = 8, width: int = 12) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(batch, c, height // s, width // s) for c, s in zip(CH, (1, 2, 4), strict=True)]


def criterion(**gains: float) -> DepthLoss26:
    model = nn.Module()
    model.args = SimpleNamespace(**({"dlog": 1.0, "dgrad": 0.5, "dlam": 1.0} | gains))
    return DepthLoss26(model)


def test_head_gives_metres_in_every_mode():
    head, x = Depth(16, CH), levels()
    trained = head.train()(x)
    assert list(trained) == ["depth"] and trained["depth"].shape == (2, 1, 16, 24)
    plain = head.eval()(x)
    assert plain.shape == (2, 1, 16, 24) and plain.min() >= torch.exp(torch.tensor(-4.0))
    head.export = True
    exported = head(x)
    assert exported.shape == (2, 1, 64, 96)
    torch.testing.assert_close(exported[..., ::63, ::95], plain[..., ::15, ::23])  # corners stay corners


def test_calibration_is_a_power_and_a_factor_in_evaluation_alone():
    head, x = Depth(16, CH).eval(), levels()
    plain = head(x)
    head.cal_a.fill_(0.5), head.cal_b.fill_(0.25)
    torch.testing.assert_close(head(x), plain.sqrt() * torch.tensor(0.25).exp())
    torch.testing.assert_close(head.train().eval()(x), plain.sqrt() * torch.tensor(0.25).exp())
    assert {"cal_a", "cal_b"} <= set(head.state_dict())


def test_head_of_one_level_and_wrong_width():
    assert Depth(8, CH).nl == 3  # which the published package asks for when it opens our files
    assert Depth(8, (16,)).eval()([levels()[0]]).shape == (2, 1, 16, 24)
    with pytest.raises(ValueError, match="multiple of 4"):
        Depth(6, CH)


def test_loss_and_gradient_match_golden(golden):
    g = golden("loss_yolo26n-depth")
    pred = torch.from_numpy(g["pred.depth"]).requires_grad_()
    loss, items = criterion(**{k: g.meta["hyp"][k] for k in ("dlog", "dgrad", "dlam")})(
        {"depth": pred}, {"depth": torch.from_numpy(g["batch.depth"])}
    )
    assert list(items) == g.meta["item_names"]
    g.check("loss_vector", loss, 1e-5, 1e-5)
    g.check("items", torch.stack(list(items.values())), 1e-5, 1e-5)
    loss.sum().backward()
    g.check("dpred.depth", pred.grad, 1e-4, 1e-6)


def test_targets_with_and_without_channel_and_plain_predictions():
    pred, target = torch.rand(2, 1, 8, 8) + 0.5, torch.rand(2, 32, 32) + 0.1
    a, b = criterion()({"depth": pred}, {"depth": target}), criterion()(pred, {"depth": target[:, None]})
    assert torch.equal(a[0], b[0]) and a[0].shape == (2,)


@pytest.mark.parametrize("valid", [0, 9])
def test_too_few_pixels_give_zero_with_a_gradient(valid):
    pred, target = torch.rand(2, 1, 8, 8).add(0.5).requires_grad_(), torch.zeros(2, 32, 32)
    target[0, 0, :valid] = 2.0
    loss, items = criterion()({"depth": pred}, {"depth": target})
    loss.sum().backward()
    assert loss.tolist() == [0, 0] and all(v == 0 for v in items.values())
    assert torch.equal(pred.grad, torch.zeros_like(pred))


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 10), st.integers(0, 2**31 - 1))
def test_a_common_factor_costs_only_what_the_focus_says(factor, seed):
    g = torch.Generator().manual_seed(seed)
    difference = torch.randn(2, 1, 16, 16, generator=g)
    valid = torch.rand(2, 1, 16, 16, generator=g) > 0.3
    moved = (difference + torch.tensor(factor).log()) * valid
    difference = difference * valid
    torch.testing.assert_close(scale_invariant_error(moved, valid), scale_invariant_error(difference, valid))
    whole = scale_invariant_error(moved, valid, focus=0)
    assert whole.item() == pytest.approx(moved[valid].square().mean().add(1e-6).sqrt().item(), rel=1e-4)


def test_levels_of_the_gradient_error():
    valid = torch.ones(1, 1, 32, 32, dtype=torch.bool)
    ramp = torch.arange(32.0).expand(1, 1, 32, 32)
    assert gradient_error(ramp, valid).item() == 1 + 2 + 4 + 8
    assert gradient_error(ramp[..., :6, :6], valid[..., :6, :6]).item() == 1 + 2  # 6, 3
    assert gradient_error(ramp[..., :3, :3], valid[..., :3, :3]).item() == 1


def test_sparse_images_leave_the_coarser_levels():
    ramp = torch.arange(32.0).expand(2, 1, 32, 32)
    valid = torch.ones(2, 1, 32, 32, dtype=torch.bool)
    valid[1, :, ::2] = False  # every occupied cell is half full
    both = gradient_error(ramp * valid, valid)
    dense = gradient_error(ramp[:1], valid[:1])
    assert both.item() == pytest.approx((dense.item() + 0.5) / 2)  # of the second image, half of the first level


def test_a_pixel_without_truth_has_no_say():
    torch.manual_seed(0)
    pred, target = torch.rand(1, 1, 32, 32) + 0.5, torch.rand(1, 32, 32) + 0.5
    target[:, 8:12] = 0
    pred.requires_grad_()
    criterion()({"depth": pred}, {"depth": target})[0].sum().backward()
    assert torch.equal(pred.grad[:, :, 8:12], torch.zeros(1, 1, 4, 32)) and pred.grad[:, :, 12:].abs().min() > 0
