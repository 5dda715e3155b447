"""Objects of the tutorial form of dynamic convolution, as pickled checkpoints of forks hold them.

That form nests a `DynamicConv` as `conv = Sequential(DynamicConv_Single, BatchNorm2d, activation)`, and its inner block
keeps a flat bank, (E, C2 C1/g kh kw), in timm's `CondConv2d`. Here the objects are only read and turned into today's
block; nothing builds new ones.
"""

from __future__ import annotations

import math

from torch import nn

from ultralytics.nn.block.parameternet import DynamicConv, DynamicConv2d

__all__ = ["DynamicConv_Single", "modernise"]


class DynamicConv_Single(nn.Module):
    """Inner block of the tutorial form: children `routing` (Linear) and `cond_conv` (timm's CondConv2d)."""

    def forward(self, x: object) -> None:
        """Never called: loading a checkpoint replaces these objects."""
        raise RuntimeError("a tutorial block was not converted; load its file with YOLO('file.pt').")


def modernise(block: DynamicConv) -> None:
    """Give a `DynamicConv` that was pickled in the tutorial form today's children, in place, with the same weights.

    Raises:
        ValueError: the weights are not of the shape that the block's numbers say.
    """
    layers = block.conv
    if not isinstance(layers, nn.Sequential):
        return
    single = layers[0]
    old = single.cond_conv
    kernel = old.out_channels * (old.in_channels // old.groups) * math.prod(old.kernel_size)
    if old.num_experts * kernel != old.weight.numel():
        raise ValueError(
            f"a dynamic convolution has {old.weight.numel()} weights instead of {old.num_experts * kernel}."
        )
    conv = DynamicConv2d(
        old.in_channels,
        old.out_channels,
        tuple(old.kernel_size),
        tuple(old.stride),
        tuple(old.padding),
        tuple(old.dilation),
        old.groups,
        old.num_experts,
    )
    conv = conv.to(device=old.weight.device, dtype=old.weight.dtype)
    state = {"weight": old.weight.detach(), **{f"routing.{k}": v for k, v in single.routing.state_dict().items()}}
    conv.load_state_dict(state)
    block.conv = conv
    block.bn = layers[1] if len(layers) > 1 else nn.Identity()
    block.act = layers[2] if len(layers) > 2 else nn.Identity()
