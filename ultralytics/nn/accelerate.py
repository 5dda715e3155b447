"""Faster convolutions for inference on processors: weights packed for the vector units, activation in the same pass.

PyTorch hands convolutions to oneDNN, but reorders the weights at every call and runs the activation as a second pass
over the result. The operator used here does neither; it is the one that `torch.compile` generates for processors. Where
it is missing or gives other results, networks stay as they are.

Packed weights cannot be trained or saved, so this is for runtimes that own their network.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.utils.log import LOGGER

__all__ = ["PackedConv", "pack_convolutions"]

ACTIVATIONS = {nn.SiLU: "swish", nn.ReLU: "relu", nn.Identity: "none"}
PLAIN = {"swish": F.silu, "relu": F.relu, "none": lambda x: x}
DTYPES = (torch.float32, torch.bfloat16)
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
        packed = torch._C._nn.mkldnn_reorder_conv2d_weight(conv.weight.detach().to_mkldnn(), *self.geometry)
        self.weight = nn.Parameter(packed, requires_grad=False)
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach().clone(), requires_grad=False)
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C1, H, W) to (B, C2, H', W'); gradients flow to the input, by way of the plain operators."""
        if x.requires_grad and torch.is_grad_enabled():
            return PLAIN[self.activation](F.conv2d(x, self.weight.to_dense(), self.bias, *self._plain_geometry))
        return torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self.geometry, self.activation, [], ""
        )

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
            return torch.allclose(PackedConv(conv, "swish")(x).float(), expected, rtol=2e-2, atol=2e-2)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        LOGGER.debug(f"packed convolutions are not available: {error}")
        return False


def _replacement(module: nn.Module, parent: nn.Module) -> PackedConv | None:
    """Return the packed form of a layer, None for layers of other kinds."""
    if type(module).forward is Conv.forward and isinstance(module, Conv) and "bn" not in module._modules:
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
