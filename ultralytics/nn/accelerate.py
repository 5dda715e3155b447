"""Faster convolutions for inference on processors: weights packed for the vector units, activation in the same pass.

PyTorch hands convolutions to oneDNN, but reorders the weights at every call and runs the activation as a second pass
over the result. The operator used here does neither; it is the one that `torch.compile` generates for processors. Where
it is missing or gives other results, networks stay as they are.

The layout that oneDNN wants depends on the size of the images. Weights packed for another size are reordered again at
every call, by slow code: a network can take four times as long as with plain weights. So a layer packs once per input
size, when a size comes for the second time, and keeps a few; other sizes use the plain weights.

Packed weights cannot be trained or saved, so this is for runtimes that own their network.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.utils.log import LOGGER
from ultralytics.utils.overrides import changed

__all__ = ["PackedConv", "pack_convolutions"]

ACTIVATIONS = {nn.SiLU: "swish", nn.ReLU: "relu", nn.Identity: "none"}
PLAIN = {"swish": F.silu, "relu": F.relu, "none": lambda x: x}
DTYPES = (torch.float32, torch.bfloat16)
SIZES_PACKED = 4  # input sizes a layer keeps packed weights for; each costs the memory of its weights
SIZES_NOTED = 64
LAYER_FACTS = ("i", "f", "type", "np")  # what a layer of a network knows about its place


class PackedConv(nn.Module):
    """A convolution with bias and its activation in one call.

    Args:
        conv: convolution on the processor; not changed.
        activation: "swish", "relu" or "none".
    """

    def __init__(self, conv: nn.Conv2d, activation: str = "none") -> None:
        super().__init__()
        self.geometry = list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups
        self._plain_geometry = conv.stride, conv.padding, conv.dilation, conv.groups
        weight = conv.weight.detach().contiguous(memory_format=torch.channels_last)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach().clone(), requires_grad=False)
        self.activation = activation
        self._packed: dict[torch.Size, torch.Tensor | None] = {}  # by input size; None: seen once

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C1, H, W) to (B, C2, H', W'); gradients flow to the input, by way of the plain operators."""
        if x.requires_grad and torch.is_grad_enabled():
            return PLAIN[self.activation](F.conv2d(x, self.weight, self.bias, *self._plain_geometry))
        weight = self._packed.get(x.shape)
        if weight is None:
            weight = self._weight_for(x.shape)
        return torch.ops.mkldnn._convolution_pointwise(x, weight, self.bias, *self.geometry, self.activation, [], "")

    def _weight_for(self, size: torch.Size) -> torch.Tensor:
        """Return the plain weight for a new input size, a packed one when the size comes again."""
        if size not in self._packed:
            if len(self._packed) >= SIZES_NOTED:
                self._packed = {known: packed for known, packed in self._packed.items() if packed is not None}
            self._packed[size] = None
            return self.weight
        if sum(packed is not None for packed in self._packed.values()) >= SIZES_PACKED:
            return self.weight
        with torch.inference_mode(False), torch.no_grad():
            packed = torch._C._nn.mkldnn_reorder_conv2d_weight(self.weight.to_mkldnn(), *self.geometry, list(size))
        self._packed[size] = packed
        return packed

    def count_macs(self, x_shape: Sequence[int], y_shape: Sequence[int]) -> int:
        """Return multiply-adds of one call."""
        return math.prod(y_shape) * math.prod(self.weight.shape[1:])

    def __getstate__(self) -> dict[str, Any]:
        """Leave packed weights out of copies."""
        return {**self.__dict__, "_packed": {}}

    def extra_repr(self) -> str:
        """Describe the layer."""
        return f"weight={tuple(self.weight.shape)}, activation={self.activation}"


@functools.cache
def _works(dtype: torch.dtype) -> bool:
    """Try the operator on a small convolution and compare."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
        return False
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 8, 9, 9, generator=generator).to(dtype)
    conv = nn.Conv2d(8, 8, 3, padding=1).to(dtype)
    try:
        with torch.no_grad():
            conv.weight.copy_(torch.randn(conv.weight.shape, generator=generator) / 9)
            expected = F.silu(conv(x)).float()
            layer = PackedConv(conv, "swish")
            return all(torch.allclose(layer(x).float(), expected, rtol=2e-2, atol=2e-2) for _ in ("plain", "packed"))
    except (RuntimeError, TypeError, NotImplementedError) as error:
        LOGGER.debug(f"packed convolutions are not available: {error}")
        return False


def _replacement(module: nn.Module, parent: nn.Module) -> PackedConv | None:
    """Return the packed form of a layer, None for layers of other kinds."""
    if isinstance(module, Conv) and "bn" not in module._modules and not changed(module, "forward"):
        conv, activation = module.conv, ACTIVATIONS.get(type(module.act))
    elif type(module) is nn.Conv2d and isinstance(parent, nn.Sequential):
        conv, activation = module, "none"
    else:
        return None
    plain = type(conv) is nn.Conv2d and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    hooked = any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
    if not plain or hooked or activation is None or conv.weight.device.type != "cpu" or conv.weight.dtype not in DTYPES:
        return None
    packed = PackedConv(conv, activation)
    for fact in LAYER_FACTS:
        if hasattr(module, fact):
            setattr(packed, fact, getattr(module, fact))
    return packed.eval()


@torch.no_grad()
def pack_convolutions(model: nn.Module) -> int:
    """Replace the folded convolutions of a network on the processor by packed ones, in place.

    Args:
        model: network that nobody else uses and nobody trains.

    Returns:
        How many were replaced; 0 where the operator is not available.
    """
    parameter = next(model.parameters(), None)
    if parameter is None or parameter.device.type != "cpu" or not _works(parameter.dtype):
        return 0
    count = 0
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            packed = _replacement(child, parent)
            if packed is not None:
                setattr(parent, name, packed)
                count += 1
    return count
