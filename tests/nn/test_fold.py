from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.parameternet import DynamicBnAct, DynamicConv, DynamicConv2d
from ultralytics.nn.fold import affine_of_bn, fold_model, fuse_conv_and_bn, fuse_deconv_and_bn


def lived(model: nn.Module) -> nn.Module:
    """Give every norm statistics and weights as after training."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.2, 3.0)
            if module.affine:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
    return model.eval()


def norms(model: nn.Module) -> int:
    return sum(isinstance(m, nn.BatchNorm2d) for m in model.modules())


@settings(max_examples=20, deadline=None)
@given(groups=st.sampled_from([1, 2, 3]), bias=st.booleans(), affine=st.booleans(), transposed=st.booleans())
def test_pair_becomes_one_convolution(groups, bias, affine, transposed):
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    conv = kind(6, 12, 3, stride=2, padding=1, groups=groups, bias=bias)
    bn = lived(nn.BatchNorm2d(12, eps=1e-3, affine=affine))
    before = copy.deepcopy(conv.state_dict())
    fused = (fuse_deconv_and_bn if transposed else fuse_conv_and_bn)(conv, bn)
    x = torch.randn(2, 6, 9, 7)
    torch.testing.assert_close(fused(x), bn(conv(x)), rtol=1e-4, atol=1e-5)
    assert type(fused) is kind and fused.groups == groups and fused.stride == (2, 2)
    assert not fused.weight.requires_grad
    assert all(torch.equal(v, before[k]) for k, v in conv.state_dict().items()), "the input was edited"


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("act", [True, False])
def test_dynamic_conv_folds_exactly(batch, act):
    model = lived(nn.Sequential(DynamicConv(6, 8, 3, 2, g=2, act=act))).double()
    x = torch.randn(batch, 6, 10, 10, dtype=torch.float64)
    wanted = model(x)
    assert fold_model(model) == 1 and norms(model) == 0
    torch.testing.assert_close(model(x), wanted, rtol=1e-12, atol=1e-12)
    assert model[0].conv.bias.shape == (8,)
    assert model[0].conv.weight.shape == (4, 8, 3, 3, 3)
    assert not hasattr(model[0], "bn")


def test_dynamic_bn_act_keeps_the_norm_behind_the_activation():
    model = lived(nn.Sequential(DynamicBnAct(6, 8, 3)))
    x = torch.randn(3, 6, 10, 10)
    wanted = model(x)
    assert fold_model(model) == 1 and norms(model) == 1
    torch.testing.assert_close(model(x), wanted, rtol=1e-4, atol=1e-5)


def test_whole_model_by_protocol():
    class Merging(nn.Module):
        """Two branches that only the block itself knows how to merge."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.other = nn.Conv2d(4, 4, 1, bias=False), nn.Conv2d(4, 4, 1, bias=False)
            self.bn = nn.BatchNorm2d(4)

        def forward(self, x):
            y = self.conv(x)
            return self.bn(y if self.other is None else y + self.other(x))

        def fuse(self):
            if self.other is None:
                return
            with torch.no_grad():
                self.conv.weight += self.other.weight
            self.conv, self.bn, self.other = fuse_conv_and_bn(self.conv, self.bn), nn.Identity(), None

    class Lone(nn.Module):
        """A norm in front of the convolution: not a pair."""

        def __init__(self) -> None:
            super().__init__()
            self.norm, self.conv = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return self.conv(self.norm(x))

    model = lived(
        nn.Sequential(
            Conv(3, 4, 3),
            Merging(),
            nn.Sequential(nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
            Lone(),
            DynamicConv(4, 4, 3),
            nn.BatchNorm2d(4, track_running_stats=False),
        )
    )
    x = torch.randn(2, 3, 12, 12)
    wanted = model(x)
    assert fold_model(model) == 4
    assert norms(model) == 2  # the norm before a convolution, and the one without statistics
    torch.testing.assert_close(model(x), wanted, rtol=1e-4, atol=1e-5)
    assert fold_model(model) == 0


def test_bare_foldable_before_a_norm():
    model = lived(nn.Sequential(DynamicConv2d(4, 6, 3), nn.BatchNorm2d(6)))
    x = torch.randn(3, 4, 8, 8)
    wanted = model(x)
    assert fold_model(model) == 1
    torch.testing.assert_close(model(x), wanted, rtol=1e-4, atol=1e-5)


def test_folded_model_can_be_copied():
    model = lived(nn.Sequential(Conv(3, 4, 3), DynamicConv(4, 4, 3)))
    fold_model(model)
    x = torch.randn(1, 3, 8, 8)
    twin = copy.deepcopy(model)
    torch.testing.assert_close(twin(x), model(x))
    with torch.no_grad():
        twin[0].conv.bias += 1.0
    assert not torch.allclose(twin(x), model(x)), "the copy still computes with the original's weights"


def test_statistics_are_required():
    with pytest.raises(ValueError, match="running statistics"):
        affine_of_bn(nn.BatchNorm2d(3, track_running_stats=False))
