"""Public path of the convolution blocks.

A class that is pasted into this file is known to model YAMLs by its name; what such classes use is imported as well.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

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
