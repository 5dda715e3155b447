"""Folding of normalisation into convolutions, by protocol.

In evaluation mode a BatchNorm is the affine map `y = s x + t` per channel, with `s = weight / sqrt(running_var +
eps)` and `t = bias - running_mean s`, so a convolution before it takes it in exactly. `fold_model` finds the pairs by
shape of the code, not by class name: blocks that have `fuse()`, blocks with children `conv` and `bn`, and neighbours
in a Sequential. Layers with hooks stay as they are, since a hook is about what comes out of just that layer.
"""

from __future__ import annotations

import copy
import itertools

import torch
from torch import nn

from ultralytics.nn.hooks import has_hooks
from ultralytics.nn.protocols import Foldable, Fusable

__all__ = ["affine_of_bn", "fold_model", "fuse_conv_and_bn", "fuse_deconv_and_bn"]


def affine_of_bn(bn: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scale and shift (C,), float64, of a BatchNorm in evaluation mode.

    Raises:
        ValueError: if the norm keeps no running statistics, since it is then no fixed affine map.
    """
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError("a BatchNorm without running statistics (track_running_stats=False) cannot be folded.")
    scale = torch.rsqrt(bn.running_var.double() + bn.eps)
    if bn.weight is not None:
        scale = scale * bn.weight.double()
    shift = -bn.running_mean.double() * scale
    if bn.bias is not None:
        shift = shift + bn.bias.double()
    return scale, shift


@torch.no_grad()
def _absorb(conv: nn.Conv2d | nn.ConvTranspose2d, bn: nn.BatchNorm2d, scale_like_weight) -> nn.Module:
    """Return a frozen copy of `conv` with `bn` taken in; `scale_like_weight` shapes (C2,) to multiply the weight."""
    scale, shift = affine_of_bn(bn)
    weight, bias = conv.weight, conv.bias
    if bias is not None:
        shift = shift + bias.double() * scale
    fused = copy.copy(conv)  # a new module around new parameters; hooks and geometry stay as they are
    fused._parameters = dict(conv._parameters)
    fused.weight = nn.Parameter((weight.double() * scale_like_weight(scale)).to(weight.dtype), requires_grad=False)
    fused.bias = nn.Parameter(shift.to(weight.dtype), requires_grad=False)
    return fused


def fuse_conv_and_bn(conv: nn.Conv2d, bn: nn.BatchNorm2d) -> nn.Conv2d:
    """Return a convolution with bias that gives what `bn(conv(x))` gives in evaluation mode.

    Args:
        conv: convolution, with or without bias, any groups. Not changed.
        bn: the BatchNorm after it, over its output channels. Not changed.

    Returns:
        A new module of the same geometry whose parameters need no gradient.
    """
    return _absorb(conv, bn, lambda scale: scale.view(-1, *(1,) * (conv.weight.ndim - 1)))


def fuse_deconv_and_bn(deconv: nn.ConvTranspose2d, bn: nn.BatchNorm2d) -> nn.ConvTranspose2d:
    """Return a transposed convolution with bias that gives what `bn(deconv(x))` gives in evaluation mode.

    The weight is (C1, C2 / groups, kh, kw): group `j` of the inputs meets slice `j` of the scales.
    """

    def per_input_row(scale: torch.Tensor) -> torch.Tensor:
        rows = scale.view(deconv.groups, 1, -1).expand(-1, deconv.in_channels // deconv.groups, -1)
        return rows.reshape(deconv.in_channels, -1, *(1,) * (deconv.weight.ndim - 2))

    return _absorb(deconv, bn, per_input_row)


def _fold_pair(conv: nn.Module, bn: nn.Module | None) -> nn.Module | None:
    """Return what takes the place of `conv` once `bn` is folded into it, or None where that cannot be done."""
    if not isinstance(bn, nn.BatchNorm2d) or bn.running_mean is None or has_hooks(conv) or has_hooks(bn):
        return None
    if isinstance(conv, Foldable):
        conv.fold_bn(bn)
        return conv
    if isinstance(conv, nn.Conv2d):
        return fuse_conv_and_bn(conv, bn)
    if isinstance(conv, nn.ConvTranspose2d):
        return fuse_deconv_and_bn(conv, bn)
    return None


def _fold_block(block: nn.Module) -> int:
    """Fold the `bn` of a block with children `conv` (or `conv_transpose`) and `bn`; return how many were folded."""
    for name in ("conv", "conv_transpose"):
        conv = getattr(block, name, None)
        if isinstance(conv, nn.Module) and (folded := _fold_pair(conv, getattr(block, "bn", None))) is not None:
            setattr(block, name, folded)
            block.bn = nn.Identity()
            return 1
    return 0


def _fold_neighbours(chain: nn.Sequential) -> int:
    """Fold every BatchNorm that directly follows a convolution in a Sequential; return how many were folded."""
    count, names = 0, list(chain._modules)
    for name, following in itertools.pairwise(names):
        if (folded := _fold_pair(chain._modules[name], chain._modules[following])) is not None:
            chain._modules[name], chain._modules[following] = folded, nn.Identity()
            count += 1
    return count


def _count_norms(model: nn.Module) -> int:
    return sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())


def fold_model(model: nn.Module) -> int:
    """Fold all normalisation that can be folded, in place, and return how many norms went away.

    Parents come before their children, so a block that merges branches in its own `fuse()` sees them whole; such a
    block is trusted with its own norms. `fuse()` of `model` itself is not called: it usually is the caller.
    """
    before, seen = _count_norms(model), set()

    def visit(module: nn.Module) -> None:
        if id(module) in seen:
            return
        seen.add(id(module))
        if not isinstance(module, Fusable):
            _fold_block(module)
        elif module is not model and not has_hooks(module):
            module.fuse()
        if isinstance(module, nn.Sequential):
            _fold_neighbours(module)
        for child in list(module.children()):
            visit(child)

    visit(model)
    return before - _count_norms(model)
