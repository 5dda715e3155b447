"""One door to a network, whatever names it: a model YAML, its content, a checkpoint, the network itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ultralytics.nn.builder.names import guess_model_task, yaml_model_load
from ultralytics.nn.models import (
    ClassificationModel,
    DepthModel,
    DetectionModel,
    OBBModel,
    PoseModel,
    RTDETRDetectionModel,
    SegmentationModel,
    SemanticSegmentationModel,
)
from ultralytics.nn.weights.checkpoint import load_checkpoint

__all__ = ["model_from"]

BY_TASK: Mapping[str, type[nn.Module]] = {
    "detect": DetectionModel,
    "segment": SegmentationModel,
    "pose": PoseModel,
    "obb": OBBModel,
    "classify": ClassificationModel,
    "semantic": SemanticSegmentationModel,
    "depth": DepthModel,
}
BY_HEAD: Mapping[str, type[nn.Module]] = {"RTDETRDecoder": RTDETRDetectionModel}  # heads that need a class of their own


def model_from(
    source: str | Path | nn.Module | Mapping[str, Any], nc: int | None = None, trust: bool = False
) -> nn.Module:
    """Return the network that a name means.

    Args:
        source: model YAML or checkpoint, by path or name, or the content of a YAML; a network passes through.
        nc: number of classes for a YAML.
        trust: allow a checkpoint to load any class.

    Raises:
        ValueError: `nc` with a checkpoint that has another number of classes, or a YAML of a task that is not built.
    """
    if isinstance(source, nn.Module):
        return source
    if isinstance(source, Mapping) or Path(source).suffix.lower() in {".yaml", ".yml"}:
        content = source if isinstance(source, Mapping) else yaml_model_load(source)
        return _class_for(content)(content, nc=nc, verbose=False)
    model, _ = load_checkpoint(str(source), trust=trust)
    own = len(getattr(model, "names", ()) or ())
    if nc and own and nc != own:
        raise ValueError(f"nc={nc} does not fit '{source}', which has {own} classes; give a model YAML to change it.")
    return model


def _class_for(content: Mapping[str, Any]) -> type[nn.Module]:
    """Return the class that builds the network of a model YAML, by its head and by its task."""
    rows = content.get("head")
    last = rows[-1] if isinstance(rows, list) and rows else ()
    if len(last) > 2 and last[2] in BY_HEAD:
        return BY_HEAD[last[2]]
    task = guess_model_task(content)
    if task not in BY_TASK:
        name = content.get("yaml_file", "the YAML")
        raise ValueError(f"'{name}' is a model for the task '{task}', which is not built; built are {[*BY_TASK]}.")
    return BY_TASK[task]
