"""Public path of the composed blocks."""

from ultralytics.nn.block.c2f import C2f
from ultralytics.nn.block.csp import C1, C2, C3, Bottleneck, BottleneckCSP, C3x
from ultralytics.nn.block.ghost import C3Ghost, GhostBottleneck
from ultralytics.nn.block.misc import DFL, Proto
from ultralytics.nn.block.resnet import ResNetBlock, ResNetLayer
from ultralytics.nn.block.spp import SPP, SPPF

__all__ = [
    "C1",
    "C2",
    "C3",
    "DFL",
    "SPP",
    "SPPF",
    "Bottleneck",
    "BottleneckCSP",
    "C2f",
    "C3Ghost",
    "C3x",
    "GhostBottleneck",
    "Proto",
    "ResNetBlock",
    "ResNetLayer",
]
