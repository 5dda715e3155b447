"""Public path of the composed blocks.

A class that is pasted into this file is known to model YAMLs by its name; what such classes use is imported as well.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.area import A2C2f, AAttn, ABlock
from ultralytics.nn.block.c2f import C2f, C2fPSA, C3f, C3k2
from ultralytics.nn.block.c3tr import C3TR, TransformerBlock
from ultralytics.nn.block.cib import CIB, C2fCIB, RepVGGDW, SCDown
from ultralytics.nn.block.conv import Conv, DWConv, LightConv, RepConv, autopad
from ultralytics.nn.block.csp import C1, C2, C3, Bottleneck, BottleneckCSP, C3k, C3x
from ultralytics.nn.block.elan import (
    ELAN1,
    SPPELAN,
    AConv,
    ADown,
    CBFuse,
    CBLinear,
    RepBottleneck,
    RepCSP,
    RepNCSPELAN4,
)
from ultralytics.nn.block.flow import RealNVP
from ultralytics.nn.block.ghost import C3Ghost, GhostBottleneck, GhostConv
from ultralytics.nn.block.hgnet import HGBlock, HGStem, RepC3
from ultralytics.nn.block.library import TorchVision
from ultralytics.nn.block.misc import DFL, Proto, Proto26
from ultralytics.nn.block.psa import C2PSA, PSA, Attention, PSABlock
from ultralytics.nn.block.resnet import ResNetBlock, ResNetLayer
from ultralytics.nn.block.spp import SPP, SPPF
from ultralytics.nn.fold import fuse_conv_and_bn
from ultralytics.utils.lazy import offer

__all__ = [
    "C1",
    "C2",
    "C2PSA",
    "C3",
    "C3TR",
    "CIB",
    "DFL",
    "ELAN1",
    "PSA",
    "SPP",
    "SPPELAN",
    "SPPF",
    "A2C2f",
    "AAttn",
    "ABlock",
    "AConv",
    "ADown",
    "Attention",
    "Bottleneck",
    "BottleneckCSP",
    "C2f",
    "C2fCIB",
    "C2fPSA",
    "C3Ghost",
    "C3f",
    "C3k",
    "C3k2",
    "C3x",
    "CBFuse",
    "CBLinear",
    "GhostBottleneck",
    "HGBlock",
    "HGStem",
    "PSABlock",
    "Proto",
    "Proto26",
    "RealNVP",
    "RepBottleneck",
    "RepC3",
    "RepCSP",
    "RepNCSPELAN4",
    "RepVGGDW",
    "ResNetBlock",
    "ResNetLayer",
    "SCDown",
    "TorchVision",
]

__getattr__, __dir__ = offer(__name__)
