"""From the names in checkpoints to classes: which a network may be made of, and where they are found.

Nothing is imported or looked up on a file's word. A name has to stand in a table here, or in the registry under what
the user has registered; then the class is taken from its module's dictionary, and has to bear that name itself.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from torch import nn

from ultralytics.nn.builder.registry import is_admitted, own_addition, pickled_as
from ultralytics.nn.builder.unbuilt import reason_for_block
from ultralytics.nn.weights.errors import shown
from ultralytics.nn.weights.library import ENUMS, FUNCTIONS, LAYERS

__all__ = [
    "enum_class",
    "function",
    "is_left_out",
    "is_users",
    "network_class",
    "refusal",
    "users_class",
]

# This package's network classes by the file they are in, below `ultralytics.nn`.
OWN = {
    "block.activation": "AGLU",
    "block.area": "A2C2f AAttn ABlock",
    "block.attention": "CBAM ChannelAttention SpatialAttention",
    "block.c2f": "C2f C2fPSA C3f C3k2",
    "block.c3tr": "C3TR TransformerBlock TransformerLayer",
    "block.cib": "C2fCIB CIB RepVGGDW SCDown",
    "block.conv": "Conv Conv2 ConvTranspose DWConv DWConvTranspose2d Focus LightConv RepConv",
    "block.csp": "Bottleneck BottleneckCSP C1 C2 C3 C3k C3x",
    "block.deformable": "DeformableTransformerDecoder DeformableTransformerDecoderLayer MSDeformAttn",
    "block.dynamic": "DynamicDWConv",
    "block.elan": "AConv ADown CBFuse CBLinear ELAN1 RepBottleneck RepCSP RepNCSPELAN4 SPPELAN",
    "block.flow": "RealNVP",
    "block.ghost": "C3Ghost GhostBottleneck GhostConv",
    "block.ghostnet": "GhostModule GhostNetBottleneck SqueezeExcite",
    "block.hgnet": "HGBlock HGStem RepC3",
    "block.library": "TorchVision",
    "block.misc": "Concat DFL Index Proto Proto26",
    "block.parameternet": "DynamicBnAct DynamicConv DynamicConv2d",
    "block.psa": "Attention C2PSA PSA PSABlock _HalfAttended",
    "block.resnet": "ResNetBlock ResNetLayer",
    "block.spp": "SPP SPPF",
    "block.transformer": "AIFI LayerNorm2d MLP MLPBlock TransformerEncoderLayer",
    "block.tutorial": "DynamicConv_Single",
    "head.classify": "Classify",
    "head.depth": "Depth",
    "head.detect": "Detect v10Detect",
    "head.ghostnet": "GhostClassify",
    "head.obb": "OBB OBB26",
    "head.pose": "Pose Pose26",
    "head.rtdetr": "RTDETRDecoder",
    "head.segment": "Segment Segment26",
    "head.semantic": "SemanticSegment",
    "models": (
        "ClassificationModel DepthModel DetectionModel Ensemble OBBModel PoseModel RTDETRDetectionModel "
        "SegmentationModel SemanticSegmentationModel"
    ),
}
HOMES: Mapping[str, str] = {name: f"ultralytics.nn.{home}" for home, names in OWN.items() for name in names.split()}

# Classes with these modules for their public path have moved between files, and forks keep copies in files of many
# names, so their last name is enough below `ultralytics.nn`. 8.0 had all of them in one module.
PUBLIC = frozenset(
    {
        *(f"ultralytics.nn.modules.{name}" for name in ("activation", "block", "conv", "head", "transformer")),
        *("ultralytics.nn.tasks", "ultralytics.nn.block.parameternet", "ultralytics.nn.block.tutorial"),
    }
)
MAIN = frozenset({"__main__", "__mp_main__"})  # a script, and the same one in a process of its own
SETTINGS_LIBRARIES = frozenset({"omegaconf", "hydra"})  # held the training arguments in the first 8.0 versions
YOLOV5 = ("models", "models.common", "models.yolo", "models.experimental", "utils", "utils.general")


def network_class(module: str, name: str) -> type[nn.Module] | None:
    """Return the network class that a checkpoint may use under a name, None where there is none."""
    brought = pickled_as(f"{module}.{name}")
    if isinstance(brought, type):
        return brought
    for found in (users_class(module, name), own_addition(module, name), _own(module, name)):
        if found is not None:
            return found
    return _listed(LAYERS, module, name, nn.Module)


def is_users(cls: type[nn.Module]) -> bool:
    """Return whether a network class is the user's own, in a file of theirs or put into one of this package's."""
    module, name = cls.__module__, cls.__qualname__
    return is_admitted(module) or (name not in HOMES and own_addition(module, name) is cls)


def users_class(module: str, name: str, kind: type = nn.Module) -> Any:
    """Return a class of the user's own: of a file from which they have registered a block or named one in a YAML."""
    homes = MAIN if module in MAIN else {module}
    if not any(map(is_admitted, homes)):
        return None
    try:
        found: Any = importlib.import_module("__main__" if module in MAIN else module)
    except ImportError:
        return None
    for part in name.split("."):
        found = vars(found).get(part) if isinstance(found, (type, ModuleType)) else None
    fits = isinstance(found, type) and issubclass(found, kind)
    return found if fits and found.__module__ in homes and found.__qualname__ == name else None


def _own(module: str, name: str) -> type[nn.Module] | None:
    """Return a network class of this package."""
    home = HOMES.get(name) if f"{module}.".startswith("ultralytics.nn.") else None
    if home is None:
        return None
    found = vars(importlib.import_module(home)).get(name)
    if not isinstance(found, type) or not issubclass(found, nn.Module) or found.__qualname__ != name:
        return None  # something has been put in its place
    return found if module in {found.__module__, home} or found.__module__ in PUBLIC else None


def _listed(table: Mapping[str, frozenset[str]], module: str, name: str, kind: type) -> Any:
    """Return a class of a library, if a table has it and it is what it says."""
    if name not in table.get(module, ()):
        return None
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError:
        return None
    fits = isinstance(found, type) and issubclass(found, kind)
    return found if fits and (found.__module__, found.__qualname__) == (module, name) else None


def enum_class(module: str, name: str) -> type[enum.Enum] | None:
    """Return an enumeration whose members layers may hold."""
    found = users_class(module, name, enum.Enum) or _listed(ENUMS, module, name, enum.Enum)
    return found if isinstance(found, enum.EnumMeta) else None


def function(module: str, name: str) -> Any:
    """Return a function that layers may hold as their activation."""
    return vars(importlib.import_module(module)).get(name) if name in FUNCTIONS.get(module, ()) else None


def is_left_out(module: str, name: str) -> bool:
    """Return whether a name is of a part that networks do not need: losses, data, settings, methods of layers."""
    root = module.partition(".")[0]
    if root in SETTINGS_LIBRARIES or module.startswith("torchvision.transforms."):
        return True
    if root != "ultralytics":
        return False
    owner, _, method = name.partition(".")
    is_method = method.startswith("forward") and _own(module, owner) is not None
    return is_method or not f"{module}.".startswith("ultralytics.nn.") or module.startswith("ultralytics.nn.loss")


def refusal(module: str, name: str) -> str:
    """Return why a name is refused and what can be done."""
    dotted, name = shown(f"{module}.{name}"), shown(name)
    if module in YOLOV5 or module.startswith("models."):
        return (
            f"this is a checkpoint of the original YOLOv5 code (it names '{dotted}'), which cannot be run here; take "
            "the anchor-free weights of that model instead, e.g. 'yolov5su.pt', or train 'yolov5s.yaml' again."
        )
    if module in MAIN:
        return (
            f"it needs the block '{name}', which was defined in a script that ran as the main program; move the "
            f"class into a module file, register it there with @register(...), and import that module before loading."
        )
    if module.startswith("ultralytics."):
        if reason := reason_for_block(name):
            return f"it needs '{dotted}': {reason}"
        return (
            f"it needs '{dotted}', which this version does not have. If it is a block of a modified package, bring a "
            f'class of your own for it: register(MyBlock, pickled_as="{dotted}").'
        )
    return (
        f"it asks for '{dotted}', which is not known to be harmless; nothing was run. If '{name}' is a block of "
        f"yours, import its module and register it (ultralytics.nn.register). If you trust whoever made the "
        f"file, load it with trust=True (command line: trust=true): it may then run any code."
    )
