"""Public path of the convolution blocks."""

from ultralytics.nn.block.attention import CBAM, ChannelAttention, SpatialAttention
from ultralytics.nn.block.conv import (
    Conv,
    Conv2,
    ConvTranspose,
    DWConv,
    DWConvTranspose2d,
    Focus,
    LightConv,
    RepConv,
    autopad,
)
from ultralytics.nn.block.ghost import GhostConv
from ultralytics.nn.block.misc import Concat, Index

__all__ = [
    "CBAM",
    "ChannelAttention",
    "Concat",
    "Conv",
    "Conv2",
    "ConvTranspose",
    "DWConv",
    "DWConvTranspose2d",
    "Focus",
    "GhostConv",
    "Index",
    "LightConv",
    "RepConv",
    "SpatialAttention",
    "autopad",
]
