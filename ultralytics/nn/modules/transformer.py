"""Public path of the transformer blocks."""

from ultralytics.nn.block.c3tr import TransformerBlock, TransformerLayer
from ultralytics.nn.block.deformable import (
    DeformableTransformerDecoder,
    DeformableTransformerDecoderLayer,
    MSDeformAttn,
)
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
