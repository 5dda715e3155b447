"""Blocks of this package with ParameterNet's dynamic convolution in the place of the plain one.

Nothing is copied: compound blocks take their convolution as the argument `conv`, so each variant is one line. Rows of a
model YAML may choose further, `[256, True, {num_experts: 8, min_kernel: 3}]`: how many kernels are mixed, and below
which kernel size a convolution stays plain.
"""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

from torch import nn

from ultralytics.nn.block.area import A2C2f
from ultralytics.nn.block.c2f import C2f, C2fPSA, C3f, C3k2
from ultralytics.nn.block.c3tr import C3TR
from ultralytics.nn.block.cib import C2fCIB, SCDown
from ultralytics.nn.block.conv import Conv, LightConv
from ultralytics.nn.block.csp import C1, C2, C3, Bottleneck, BottleneckCSP, C3k, C3x
from ultralytics.nn.block.elan import ELAN1, SPPELAN, AConv, ADown, RepBottleneck, RepCSP, RepNCSPELAN4
from ultralytics.nn.block.ghost import C3Ghost, GhostBottleneck, GhostConv
from ultralytics.nn.block.ghostnet import GhostModule, GhostNetBottleneck
from ultralytics.nn.block.hgnet import HGBlock, HGStem, RepC3
from ultralytics.nn.block.parameternet import DynamicConv
from ultralytics.nn.block.resnet import ResNetLayer
from ultralytics.nn.block.spp import SPP, SPPF

__all__ = ["Dynamic", "DynamicDWConv", "dynamic_conv"]

Size = int | tuple[int, int]
INNER = frozenset({"conv", "first", "stage", "unit"})  # arguments of blocks that no row can give


def dynamic_conv(
    c1: int,
    c2: int,
    k: Size = 1,
    s: Size = 1,
    p: Size | None = None,
    g: int = 1,
    d: int = 1,
    act: bool | nn.Module = True,
    *,
    num_experts: int = 4,
    min_kernel: int = 1,
) -> nn.Module:
    """Return a `DynamicConv`, or a plain `Conv` where the kernel is smaller than `min_kernel` on both sides.

    Args:
        c1, c2, k, s, p, g, d, act: as in `Conv`.
        num_experts: kernels in the bank.
        min_kernel: smallest kernel size that becomes dynamic.
    """
    side = k if isinstance(k, int) else max(k)
    if side < min_kernel:
        return Conv(c1, c2, k, s, p, g, d, act)
    return DynamicConv(c1, c2, k, s, p, g, d, act, num_experts)


class Dynamic(functools.partial):
    """Constructor of a compound block with dynamic convolutions: the block's own arguments, and those two of this page.

    Being a `functools.partial` of the block's class, it stands wherever a model YAML's row may name a class.
    """

    def __new__(cls, block: type[nn.Module]) -> Dynamic:
        """Wrap a class that takes the keyword `conv`.

        Raises:
            TypeError: it does not.
        """
        signature = inspect.signature(block)
        if "conv" not in signature.parameters:
            raise TypeError(f"{block.__name__} does not take its convolution as the argument 'conv'.")
        made = super().__new__(cls, block)
        named = inspect.Parameter.KEYWORD_ONLY
        own = [p for name, p in signature.parameters.items() if name not in INNER]
        own += [inspect.Parameter("num_experts", named, default=4), inspect.Parameter("min_kernel", named, default=1)]
        made.__signature__ = signature.replace(parameters=own)
        return made

    def __call__(self, *args: Any, num_experts: int = 4, min_kernel: int = 1, **kwargs: Any) -> nn.Module:
        """Build the block."""
        conv = functools.partial(dynamic_conv, num_experts=num_experts, min_kernel=min_kernel)
        return super().__call__(*args, conv=conv, **kwargs)


class DynamicDWConv(DynamicConv):
    """Dynamic convolution with as many groups as both channel counts allow, in the place of `DWConv`."""

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 1,
        s: int = 1,
        d: int = 1,
        act: bool | nn.Module = True,
        num_experts: int = 4,
    ):
        super().__init__(c1, c2, k, s, g=math.gcd(c1, c2), d=d, act=act, num_experts=num_experts)


DynamicA2C2f = Dynamic(A2C2f)
DynamicAConv = Dynamic(AConv)
DynamicADown = Dynamic(ADown)
DynamicBottleneck = Dynamic(Bottleneck)
DynamicBottleneckCSP = Dynamic(BottleneckCSP)
DynamicC1 = Dynamic(C1)
DynamicC2 = Dynamic(C2)
DynamicC2f = Dynamic(C2f)
DynamicC2fCIB = Dynamic(C2fCIB)
DynamicC2fPSA = Dynamic(C2fPSA)
DynamicC3 = Dynamic(C3)
DynamicC3f = Dynamic(C3f)
DynamicC3Ghost = Dynamic(C3Ghost)
DynamicC3k = Dynamic(C3k)
DynamicC3k2 = Dynamic(C3k2)
DynamicC3TR = Dynamic(C3TR)
DynamicC3x = Dynamic(C3x)
DynamicELAN1 = Dynamic(ELAN1)
DynamicGhostBottleneck = Dynamic(GhostBottleneck)
DynamicGhostConv = Dynamic(GhostConv)
DynamicGhostModule = Dynamic(GhostModule)
DynamicGhostNetBottleneck = Dynamic(GhostNetBottleneck)
DynamicHGBlock = Dynamic(HGBlock)
DynamicHGStem = Dynamic(HGStem)
DynamicLightConv = Dynamic(LightConv)
DynamicRepBottleneck = Dynamic(RepBottleneck)
DynamicRepC3 = Dynamic(RepC3)
DynamicRepCSP = Dynamic(RepCSP)
DynamicRepNCSPELAN4 = Dynamic(RepNCSPELAN4)
DynamicResNetLayer = Dynamic(ResNetLayer)
DynamicSCDown = Dynamic(SCDown)
DynamicSPP = Dynamic(SPP)
DynamicSPPELAN = Dynamic(SPPELAN)
DynamicSPPF = Dynamic(SPPF)
