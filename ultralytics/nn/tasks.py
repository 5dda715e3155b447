"""Public path of the networks, of building them from a YAML and of loading them from files."""

from ultralytics.nn.block.attention import CBAM, ChannelAttention, SpatialAttention
from ultralytics.nn.block.c2f import C2f
from ultralytics.nn.block.conv import Conv, Conv2, ConvTranspose, DWConv, DWConvTranspose2d, Focus, LightConv, RepConv
from ultralytics.nn.block.csp import C1, C2, C3, Bottleneck, BottleneckCSP, C3x
from ultralytics.nn.block.ghost import C3Ghost, GhostBottleneck, GhostConv
from ultralytics.nn.block.misc import DFL, Concat, Index, Proto
from ultralytics.nn.block.parameternet import DynamicBnAct, DynamicConv
from ultralytics.nn.block.resnet import ResNetBlock, ResNetLayer
from ultralytics.nn.block.spp import SPP, SPPF
from ultralytics.nn.build import parse_model
from ultralytics.nn.checkpoint import (
    attempt_load_one_weight,
    attempt_load_weights,
    load_checkpoint,
    torch_safe_load,
)
from ultralytics.nn.head.classify import Classify
from ultralytics.nn.head.detect import Detect
from ultralytics.nn.head.obb import OBB
from ultralytics.nn.head.pose import Pose
from ultralytics.nn.head.segment import Segment
from ultralytics.nn.models import (
    BaseModel,
    ClassificationModel,
    DetectionModel,
    Ensemble,
    OBBModel,
    PoseModel,
    SegmentationModel,
)
from ultralytics.nn.names import guess_model_scale, guess_model_task, yaml_model_load
from ultralytics.nn.registry import register

__all__ = [
    "C1",
    "C2",
    "C3",
    "CBAM",
    "DFL",
    "OBB",
    "SPP",
    "SPPF",
    "BaseModel",
    "Bottleneck",
    "BottleneckCSP",
    "C2f",
    "C3Ghost",
    "C3x",
    "ChannelAttention",
    "ClassificationModel",
    "Classify",
    "Concat",
    "Conv",
    "Conv2",
    "ConvTranspose",
    "DWConv",
    "DWConvTranspose2d",
    "Detect",
    "DetectionModel",
    "DynamicBnAct",
    "DynamicConv",
    "Ensemble",
    "Focus",
    "GhostBottleneck",
    "GhostConv",
    "Index",
    "LightConv",
    "OBBModel",
    "Pose",
    "PoseModel",
    "Proto",
    "RepConv",
    "ResNetBlock",
    "ResNetLayer",
    "Segment",
    "SegmentationModel",
    "SpatialAttention",
    "attempt_load_one_weight",
    "attempt_load_weights",
    "guess_model_scale",
    "guess_model_task",
    "load_checkpoint",
    "parse_model",
    "register",
    "torch_safe_load",
    "yaml_model_load",
]
