"""The package's own vocabulary of the model YAML: one entry per family of blocks.

Blocks are given by import path and loaded when a row names them, so this table costs nothing to read. Adding a block to
the package means writing its class and one word here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ultralytics.nn.registry import LayerSpec, Scale, parse_call

__all__ = ["VOCABULARY"]


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


def resnet_width(args: list) -> int:
    """Output channels of ResNetLayer (c1, c2, s, is_first, n, e): the stem gives c2, a stage e * c2."""
    c_out, first, expansion = args[1], len(args) > 3 and args[3], args[5] if len(args) > 5 else 4
    return c_out if first else expansion * c_out


def _entries() -> Iterator[tuple[str, LayerSpec]]:
    """Yield every entry of the vocabulary."""
    # Dynamic convolution (ParameterNet)
    yield from family("block.parameternet", "DynamicConv DynamicBnAct")

    # Convolutions
    yield from family("block.conv", "Conv Conv2 LightConv DWConv DWConvTranspose2d ConvTranspose Focus RepConv")
    yield from family("block.ghost", "GhostConv GhostBottleneck")

    # Stages: some repeat inside, the others are stacked by the builder
    yield from family("block.csp", "Bottleneck")
    yield from family("block.csp", "BottleneckCSP C1 C2 C3 C3x", "in, out, n, *")
    yield from family("block.ghost", "C3Ghost", "in, out, n, *")
    yield from family("block.c2f", "C2f", "in, out, n, *")
    yield from family("block.spp", "SPP")
    yield from family("block.spp", "SPPF", keywords=short_call_activates)
    yield from family("block.resnet", "ResNetLayer", "*", out=resnet_width)

    # Attention and wiring
    yield from family("block.attention", "CBAM", "in, *")
    yield from family("block.attention", "ChannelAttention SpatialAttention", "*")
    yield from family("block.misc", "Concat", "*", out="sum")
    yield from family("block.misc", "Index", "(out), *")

    # Heads
    yield from family("head.detect", "Detect", "*, $reg_max, $end2end, in", keywords=head_era)
    yield from family("head.segment", "Segment", "arg, arg, wide, *, $reg_max, $end2end, in", keywords=head_era)
    yield from family("head.pose", "Pose", "*, $reg_max, $end2end, in", keywords=head_era)
    yield from family("head.obb", "OBB", "*, $reg_max, $end2end, in", keywords=head_era)
    yield from family("head.classify", "Classify", "in, out!, *")


VOCABULARY: dict[str, LayerSpec] = dict(_entries())

# For the newer families: a size-dependent change of a row's arguments, e.g. `on_sizes("mlx", set_argument(1, True))`.
Adjust = Callable[[list, Scale], list]
