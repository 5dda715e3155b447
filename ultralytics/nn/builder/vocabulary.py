"""The package's own vocabulary of the model YAML: one entry per family of blocks.

Blocks are given by import path and loaded when a row names them, so this table costs nothing to read. Adding a block to
the package means writing its class and one word here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ultralytics.nn.builder.registry import LayerSpec, Scale, enter_vocabulary, parse_call

__all__ = ["VOCABULARY"]

DEPTHWISE_HEAD = frozenset({"dw_head"})  # blocks beside which heads have depthwise classifier branches
LARGER, LARGEST = frozenset("mlx"), frozenset("lx")  # sizes


def family(home: str, names: str, call: str = "in, out, *", **spec: Any) -> Iterator[tuple[str, LayerSpec]]:
    """Yield table entries for the blocks of one file that share a call pattern.

    Args:
        home: module below `ultralytics.nn`.
        names: class names, separated by blanks.
        call: call pattern.
        **spec: further fields of `LayerSpec`.
    """
    for name in names.split():
        target = f"ultralytics.nn.{home}:{name}"
        yield name, LayerSpec(target, parse_call(call, spec.get("out", "in")), builtin=True, **spec)


def short_call_activates(args: list, marks: frozenset[str]) -> dict[str, Any]:
    """Give SPPF its activation where a YAML uses the form of 8.0 to 8.3: at most (c1, c2, k)."""
    return {"act": len(args) <= 3}


def head_era(args: list, marks: frozenset[str]) -> dict[str, Any]:
    """Tell a head which classifier branch it gets: plain convolutions, or depthwise ones beside newer blocks."""
    return {"legacy": "dw_head" not in marks}


def c3k_from_medium(args: list, scale: Scale) -> list:
    """Let the larger sizes of YOLO11 and later use C3k inside C3k2, whatever the row (c2, c3k, ...) says."""
    return [args[0], True, *args[2:]] if args and scale.name in LARGER else args


def residual_from_large(args: list, scale: Scale) -> list:
    """Give A2C2f (c2, a2, area) of YOLO12 a residual and a narrower feed-forward part in the two largest sizes."""
    return [*args, True, 1.2] if scale.name in LARGEST and len(args) == 3 else args


def resnet_width(args: list) -> int:
    """Output channels of ResNetLayer (c1, c2, s, is_first, n, e): the stem gives c2, a stage e * c2."""
    c_out, first, expansion = args[1], len(args) > 3 and args[3], args[5] if len(args) > 5 else 4
    return c_out if first else expansion * c_out


def _entries() -> Iterator[tuple[str, LayerSpec]]:
    """Yield every entry of the vocabulary."""
    # Dynamic convolution (ParameterNet)
    yield from family("block.parameternet", "DynamicConv DynamicBnAct")
    yield from family("block.dynamic", "DynamicDWConv")

    # GhostNet: widths are given as they are
    yield from family("block.ghostnet", "GhostModule")
    yield from family("block.ghostnet", "GhostNetBottleneck", "in, out!, *")
    yield from family("head.ghostnet", "GhostClassify DynamicGhostClassify", "in, out!, *")

    # Convolutions
    yield from family("block.conv", "Conv Conv2 LightConv DWConv DWConvTranspose2d ConvTranspose Focus RepConv")
    yield from family("block.ghost", "GhostConv GhostBottleneck")

    # Stages: some repeat inside, the others are stacked by the builder
    yield from family("block.csp", "Bottleneck")
    yield from family("block.csp", "BottleneckCSP C1 C2 C3 C3k C3x", "in, out, n, *")
    yield from family("block.ghost", "C3Ghost", "in, out, n, *")
    yield from family("block.c3tr", "C3TR", "in, out, n, *")
    yield from family("block.c2f", "C2f C2fPSA C3f", "in, out, n, *")
    yield from family("block.c2f", "C3k2", "in, out, n, *", adjust=c3k_from_medium, marks=DEPTHWISE_HEAD)
    yield from family("block.cib", "C2fCIB", "in, out, n, *", marks=DEPTHWISE_HEAD)
    yield from family("block.cib", "CIB SCDown")
    yield from family("block.cib", "RepVGGDW", "in")
    yield from family("block.elan", "RepBottleneck ELAN1 RepNCSPELAN4 AConv ADown SPPELAN")
    yield from family("block.elan", "RepCSP", "in, out, n, *")
    yield from family("block.elan", "CBLinear", "in, out!, *")
    yield from family("block.elan", "CBFuse", "*", out="last")
    yield from family("block.spp", "SPP")
    yield from family("block.spp", "SPPF", keywords=short_call_activates)
    yield from family("block.resnet", "ResNetLayer", "*", out=resnet_width)
    yield from family("block.hgnet", "HGStem", "in, arg, out!, *")
    yield from family("block.hgnet", "HGBlock", "in, arg, out!, arg, n, *")
    yield from family("block.hgnet", "RepC3", "in, out, n, *")

    # Attention and wiring
    yield from family("block.psa", "PSA")
    yield from family("block.psa", "C2PSA", "in, out, n, *")
    yield from family("block.psa", "Attention PSABlock", "in, *")
    yield from family("block.area", "A2C2f", "in, out, n, *", adjust=residual_from_large, marks=DEPTHWISE_HEAD)
    yield from family("block.area", "AAttn ABlock", "in, *")
    yield from family("block.transformer", "AIFI", "in, *")
    yield from family("block.attention", "CBAM", "in, *")
    yield from family("block.attention", "ChannelAttention SpatialAttention", "*")
    yield from family("block.misc", "Concat", "*", out="sum")
    yield from family("block.misc", "Index", "(out), *")
    yield from family("block.library", "TorchVision", "(out), *")
    yield from family("block.activation", "AGLU", "*")

    # Heads
    yield from family("head.detect", "Detect", "*, $reg_max, $end2end, in", keywords=head_era)
    yield from family("head.detect", "v10Detect", "*, in")
    segment = "arg, arg, wide, *, $reg_max, $end2end, in"
    yield from family("head.segment", "Segment Segment26", segment, keywords=head_era)
    yield from family("head.pose", "Pose Pose26", "*, $reg_max, $end2end, in", keywords=head_era)
    yield from family("head.obb", "OBB OBB26", "*, $reg_max, $end2end, in", keywords=head_era)
    yield from family("head.rtdetr", "RTDETRDecoder", "arg, in, *")
    yield from family("head.depth", "Depth", "*, in")
    yield from family("head.semantic", "SemanticSegment", "*, in")
    yield from family("head.classify", "Classify", "in, out!, *")


# Blocks that have a form with dynamic convolutions, `DynamicX` in block/dynamic.py, called as they are.
DYNAMIC = """
    GhostConv GhostBottleneck GhostModule GhostNetBottleneck LightConv Bottleneck BottleneckCSP C1 C2 C3 C3k C3x C3Ghost
    C2f C3f C3k2 C2fCIB SCDown RepBottleneck RepCSP RepNCSPELAN4 ELAN1 AConv ADown SPPELAN SPP SPPF ResNetLayer A2C2f
    C2fPSA C3TR HGStem HGBlock RepC3
"""


def with_dynamic_forms(plain: Mapping[str, LayerSpec]) -> dict[str, LayerSpec]:
    """Return the entries, and one more for the dynamic form of every block in `DYNAMIC`."""
    home = "ultralytics.nn.block.dynamic"
    dynamic = {name: f"Dynamic{name}" for name in DYNAMIC.split() if name in plain}
    return {**plain, **{new: replace(plain[old], target=f"{home}:{new}") for old, new in dynamic.items()}}


VOCABULARY: dict[str, LayerSpec] = with_dynamic_forms(dict(_entries()))

enter_vocabulary(VOCABULARY)
