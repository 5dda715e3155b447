# A block of yours: import its class below, or paste it into a file of nn/modules/. Nothing else is needed: model YAMLs
# know it by its name, and there is no list in parse_model to add it to. 自定义模块：在下面 import 该类，或把它粘贴到
# nn/modules/ 的文件里即可；YAML 直接用类名，parse_model 里无需再登记（通道由构造参数名决定，见 docs/add-a-block.md）。
"""Public path of the networks, of building them from a YAML and of loading them from files."""

import torch
from torch import nn

from ultralytics.nn.block.area import A2C2f, AAttn, ABlock
from ultralytics.nn.block.attention import CBAM, ChannelAttention, SpatialAttention
from ultralytics.nn.block.c2f import C2f, C2fPSA, C3f, C3k2
from ultralytics.nn.block.c3tr import C3TR
from ultralytics.nn.block.cib import CIB, C2fCIB, RepVGGDW, SCDown
from ultralytics.nn.block.conv import Conv, Conv2, ConvTranspose, DWConv, DWConvTranspose2d, Focus, LightConv, RepConv
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
from ultralytics.nn.block.ghost import C3Ghost, GhostBottleneck, GhostConv
from ultralytics.nn.block.hgnet import HGBlock, HGStem, RepC3
from ultralytics.nn.block.library import TorchVision
from ultralytics.nn.block.misc import DFL, Concat, Index, Proto, Proto26
from ultralytics.nn.block.parameternet import DynamicBnAct, DynamicConv
from ultralytics.nn.block.psa import C2PSA, PSA, Attention, PSABlock
from ultralytics.nn.block.resnet import ResNetBlock, ResNetLayer
from ultralytics.nn.block.spp import SPP, SPPF
from ultralytics.nn.block.transformer import AIFI
from ultralytics.nn.builder.build import parse_model
from ultralytics.nn.builder.names import guess_model_scale, guess_model_task, yaml_model_load
from ultralytics.nn.builder.registry import register
from ultralytics.nn.head.classify import Classify
from ultralytics.nn.head.depth import Depth
from ultralytics.nn.head.detect import Detect, v10Detect
from ultralytics.nn.head.obb import OBB, OBB26
from ultralytics.nn.head.pose import Pose, Pose26
from ultralytics.nn.head.rtdetr import RTDETRDecoder
from ultralytics.nn.head.segment import Segment, Segment26
from ultralytics.nn.head.semantic import SemanticSegment
from ultralytics.nn.models import (
    BaseModel,
    ClassificationModel,
    DepthModel,
    DetectionModel,
    Ensemble,
    OBBModel,
    PoseModel,
    RTDETRDetectionModel,
    SegmentationModel,
    SemanticSegmentationModel,
)
from ultralytics.nn.weights.checkpoint import (
    attempt_load_one_weight,
    attempt_load_weights,
    load_checkpoint,
    torch_safe_load,
)
from ultralytics.utils.lazy import offer

__all__ = [
    "AIFI",
    "C1",
    "C2",
    "C2PSA",
    "C3",
    "C3TR",
    "CBAM",
    "CIB",
    "DFL",
    "ELAN1",
    "OBB",
    "OBB26",
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
    "BaseModel",
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
    "ChannelAttention",
    "ClassificationModel",
    "Classify",
    "Concat",
    "Conv",
    "Conv2",
    "ConvTranspose",
    "DWConv",
    "DWConvTranspose2d",
    "Depth",
    "DepthModel",
    "Detect",
    "DetectionModel",
    "DynamicBnAct",
    "DynamicConv",
    "Ensemble",
    "Focus",
    "GhostBottleneck",
    "GhostConv",
    "HGBlock",
    "HGStem",
    "Index",
    "LightConv",
    "OBBModel",
    "PSABlock",
    "Pose",
    "Pose26",
    "PoseModel",
    "Proto",
    "Proto26",
    "RTDETRDecoder",
    "RTDETRDetectionModel",
    "RepBottleneck",
    "RepC3",
    "RepCSP",
    "RepConv",
    "RepNCSPELAN4",
    "RepVGGDW",
    "ResNetBlock",
    "ResNetLayer",
    "SCDown",
    "Segment",
    "Segment26",
    "SegmentationModel",
    "SemanticSegment",
    "SemanticSegmentationModel",
    "SpatialAttention",
    "TorchVision",
    "attempt_load_one_weight",
    "attempt_load_weights",
    "guess_model_scale",
    "guess_model_task",
    "load_checkpoint",
    "parse_model",
    "register",
    "torch_safe_load",
    "v10Detect",
    "yaml_model_load",
]

__getattr__, __dir__ = offer(__name__, {"temporary_modules": "ultralytics.nn.weights.aliases:temporary_modules"})
