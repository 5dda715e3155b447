"""`yolo info`: what a model is and what it costs, with both ways of counting side by side.

Published GFLOPs of dynamic models come from profilers that hook modules and so miss the convolutions that are
function calls. Both figures are printed, each under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ultralytics.cfg.commands import INFO
from ultralytics.cfg.errors import ConfigValueError, named
from ultralytics.nn.cost.flops import FlopsReport, count_flops, describe, get_num_gradients, get_num_params
from ultralytics.nn.cost.table import ModelCost, costs_text, count_costs, shipped_models, write_costs
from ultralytics.nn.weights.load import model_from
from ultralytics.utils.checks.imgsz import check_imgsz
from ultralytics.utils.log import LOGGER

__all__ = ["layer_table", "main", "model_from"]


def layer_table(report: FlopsReport) -> str:
    """Return a table of the top-level layers: index, class, parameters, true GFLOPs, GFLOPs seen by module hooks."""
    lines = [f"{'layer':>5}  {'module':<16} {'parameters':>12} {'GFLOPs':>9} {'hook-based':>11}"]
    for row in report.layers:
        lines.append(f"{row.index:>5}  {row.name:<16} {row.params:>12,} {row.gflops:>9.3f} {row.hook_gflops:>11.3f}")
    total = sum(row.params for row in report.layers)
    lines.append(f"{'sum':>5}  {'':<16} {total:>12,} {report.true_gflops:>9.3f} {report.hook_gflops:>11.3f}")
    return "\n".join(lines)


def main(args: Mapping[str, Any]) -> FlopsReport | dict[str, list[ModelCost]]:
    """Run `yolo info model=yolov8s-DynamicConv.yaml [nc=3] [imgsz=640] [per_layer=true] [trust=true]`.

    `model=all [out=models.md]` prints a table of all models that ship and writes it as Markdown.

    Args:
        args: the command's key=value pairs.

    Returns:
        The cost report that was printed; for all models, their costs by folder.

    Raises:
        ConfigError: for a missing model, an unknown key or a wrong value.
    """
    given = INFO.complete({key: value for key, value in args.items() if key not in {"task", "mode"}})
    if given["model"] is None:
        raise ConfigValueError("'yolo info' needs model=..., e.g. yolo info model=yolov8n.yaml nc=80")
    if given["model"] == "all":
        return _all_models(args)
    if given["out"]:
        raise ConfigValueError("out=... goes with model=all, whose table it is for.")
    with named("model", given["model"]):
        model = model_from(given["model"], given["nc"], given["trust"])
    size = check_imgsz(given["imgsz"], stride=getattr(model, "stride", 32), min_dim=2)
    report = count_flops(model, size)
    if given["per_layer"] or given["detailed"]:
        LOGGER.info(layer_table(report) + "\n")
    layers = sum(not module._modules for module in model.modules())
    params, gradients = get_num_params(model), get_num_gradients(model)
    LOGGER.info(
        f"{describe(model)}: {layers} layers, {params:,} parameters, {gradients:,} gradients\n"
        f"GFLOPs at {size[0]}x{size[1]}: {report.true_gflops:.1f}\n"
        f"GFLOPs seen by hook-based profilers: {report.hook_gflops:.1f}{_remark(report)}"
    )
    return report


def _all_models(args: Mapping[str, Any]) -> dict[str, list[ModelCost]]:
    """Print, and write where asked for, what every model that ships costs."""
    surplus = sorted(set(args) - {"model", "out"})
    if surplus:
        raise ConfigValueError(f"'yolo info model=all' takes out=... and nothing else, got {', '.join(surplus)}.")
    models = shipped_models()
    counted = {cost.name: cost for cost in count_costs(name for names in models.values() for name in names)}
    costs = {folder: [counted[name] for name in names] for folder, names in models.items()}
    LOGGER.info(costs_text(costs))
    if args.get("out"):
        LOGGER.info(f"\nTable written to {write_costs(args['out'], costs)}")
    return costs


def _remark(report: FlopsReport) -> str:
    """Say what the difference between the figures is, where there is one."""
    missed = report.true_gflops - report.hook_gflops
    return f" ({missed:.2f} missed: convolutions and products in function calls)" if missed > 5e-3 else ""
