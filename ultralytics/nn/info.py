"""`yolo info`: what a model is and what it costs, with both ways of counting side by side.

Published GFLOPs of dynamic models come from profilers that hook modules and so miss the convolutions that are
function calls. Both figures are printed, each under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ultralytics.nn.checkpoint import load_checkpoint
from ultralytics.nn.flops import FlopsReport, count_flops, describe, get_num_gradients, get_num_params
from ultralytics.nn.models import (
    ClassificationModel,
    DetectionModel,
    OBBModel,
    PoseModel,
    SegmentationModel,
)
from ultralytics.nn.names import guess_model_task, yaml_model_load
from ultralytics.utils.checks.imgsz import check_imgsz
from ultralytics.utils.log import LOGGER

__all__ = ["layer_table", "main", "model_from"]

CLASSES: Mapping[str, type[nn.Module]] = {
    "detect": DetectionModel,
    "segment": SegmentationModel,
    "pose": PoseModel,
    "obb": OBBModel,
    "classify": ClassificationModel,
}
KEYS = ("model", "nc", "imgsz", "per_layer", "detailed", "trust")


def model_from(source: str | Path | nn.Module, nc: int | None = None, trust: bool = False) -> nn.Module:
    """Return the network that a name means.

    Args:
        source: model YAML or checkpoint, by path or name; a network passes through.
        nc: number of classes for a YAML.
        trust: allow a checkpoint to load any class.

    Raises:
        ValueError: `nc` with a checkpoint that has another number of classes, or a YAML of a task that is not built.
    """
    if isinstance(source, nn.Module):
        return source
    if Path(source).suffix.lower() in {".yaml", ".yml"}:
        content = yaml_model_load(source)
        task = guess_model_task(content)
        if task not in CLASSES:
            raise ValueError(
                f"'{source}' is a model for the task '{task}', which is not built; built are {[*CLASSES]}."
            )
        return CLASSES[task](content, nc=nc, verbose=False)
    model, _ = load_checkpoint(str(source), trust=trust)
    own = len(getattr(model, "names", ()) or ())
    if nc and own and nc != own:
        raise ValueError(f"nc={nc} does not fit '{source}', which has {own} classes; give a model YAML to change it.")
    return model


def layer_table(report: FlopsReport) -> str:
    """Return a table of the top-level layers: index, class, parameters, true GFLOPs, GFLOPs seen by module hooks."""
    lines = [f"{'layer':>5}  {'module':<16} {'parameters':>12} {'GFLOPs':>9} {'hook-based':>11}"]
    for row in report.layers:
        lines.append(f"{row.index:>5}  {row.name:<16} {row.params:>12,} {row.gflops:>9.3f} {row.hook_gflops:>11.3f}")
    total = sum(row.params for row in report.layers)
    lines.append(f"{'sum':>5}  {'':<16} {total:>12,} {report.true_gflops:>9.3f} {report.hook_gflops:>11.3f}")
    return "\n".join(lines)


def main(args: Mapping[str, Any]) -> FlopsReport:
    """Run `yolo info model=yolov8s-DynamicConv.yaml [nc=3] [imgsz=640] [per_layer=true] [trust=true]`.

    Args:
        args: the command's key=value pairs.

    Returns:
        The cost report that was printed.

    Raises:
        ValueError: for a missing model or an unknown key.
    """
    unknown = sorted(set(args) - {*KEYS, "task", "mode"})
    if unknown:
        raise ValueError(f"'yolo info' does not know {', '.join(unknown)}; allowed are {', '.join(KEYS)}.")
    if not args.get("model"):
        raise ValueError("'yolo info' needs model=..., e.g. yolo info model=yolov8n.yaml nc=80")
    nc = args.get("nc")
    model = model_from(args["model"], int(nc) if nc else None, bool(args.get("trust", False)))
    size = check_imgsz(args.get("imgsz") or 640, stride=getattr(model, "stride", 32), min_dim=2)
    report = count_flops(model, size)
    if args.get("per_layer") or args.get("detailed"):
        LOGGER.info(layer_table(report) + "\n")
    layers = sum(not module._modules for module in model.modules())
    params, gradients = get_num_params(model), get_num_gradients(model)
    LOGGER.info(
        f"{describe(model)}: {layers} layers, {params:,} parameters, {gradients:,} gradients\n"
        f"GFLOPs at {size[0]}x{size[1]}: {report.true_gflops:.1f}\n"
        f"GFLOPs seen by hook-based profilers: {report.hook_gflops:.1f}{_remark(report)}"
    )
    return report


def _remark(report: FlopsReport) -> str:
    """Say what the difference between the figures is, where there is one."""
    missed = report.true_gflops - report.hook_gflops
    return f" ({missed:.2f} missed: convolutions and products in function calls)" if missed > 5e-3 else ""
