"""Public path of the transformer blocks.

A class that is pasted into this file is known to model YAMLs by its name; what such classes use is imported as well.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.c3tr import TransformerBlock, TransformerLayer
from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.deformable import (
    DeformableTransformerDecoder,
    DeformableTransformerDecoderLayer,
    MSDeformAttn,
    inverse_sigmoid,
)
from ultralytics.nn.block.deformable import sample_levels as multi_scale_deformable_attn_pytorch
from ultralytics.nn.block.transformer import AIFI, MLP, LayerNorm2d, MLPBlock, TransformerEncoderLayer
from ultralytics.utils.lazy import offer

__all__ = [
    "AIFI",
    "MLP",
    "DeformableTransformerDecoder",
    "DeformableTransformerDecoderLayer",
    "LayerNorm2d",
    "MLPBlock",
    "MSDeformAttn",
    "TransformerBlock",
    "TransformerEncoderLayer",
    "TransformerLayer",
]

__getattr__, __dir__ = offer(__name__)
