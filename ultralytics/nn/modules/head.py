"""Public path of the heads.

A class that is pasted into this file is known to model YAMLs by its name; what such classes use is imported as well.
"""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv, DWConv
from ultralytics.nn.block.deformable import DeformableTransformerDecoder, DeformableTransformerDecoderLayer
from ultralytics.nn.block.misc import DFL, Proto
from ultralytics.nn.block.transformer import MLP
from ultralytics.nn.fold import fuse_conv_and_bn
from ultralytics.nn.head.classify import Classify
from ultralytics.nn.head.depth import Depth
from ultralytics.nn.head.detect import Detect, v10Detect
from ultralytics.nn.head.obb import OBB, OBB26
from ultralytics.nn.head.pose import Pose, Pose26
from ultralytics.nn.head.rtdetr import RTDETRDecoder
from ultralytics.nn.head.rtdetr import bias_for_probability as bias_init_with_prob
from ultralytics.nn.head.segment import Segment, Segment26
from ultralytics.nn.head.semantic import SemanticSegment
from ultralytics.ops.anchors import dist2bbox, dist2rbox, make_anchors
from ultralytics.utils.lazy import offer

__all__ = [
    "OBB",
    "OBB26",
    "Classify",
    "Depth",
    "Detect",
    "Pose",
    "Pose26",
    "RTDETRDecoder",
    "Segment",
    "Segment26",
    "SemanticSegment",
    "v10Detect",
]

__getattr__, __dir__ = offer(__name__)
