"""Making a plain model dynamic: the same network with ParameterNet's convolutions at the layers one asks for.

Rows of the model YAML get the dynamic form of their block, a new network is built from them, and the plain one's
weights are turned into experts (`upcycle.py`), so the new network starts with the outputs of the old one. Which blocks
have a dynamic form is read from the vocabulary: `X` has one where `DynamicX` is known.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.cfg.commands import DYNAMIZE
from ultralytics.cfg.errors import ConfigValueError, named
from ultralytics.nn.block.parameternet import DynamicConv2d
from ultralytics.nn.builder.registry import LayerSpec, registered
from ultralytics.nn.builder.yaml_text import model_yaml_text
from ultralytics.nn.models import BaseModel
from ultralytics.nn.weights.checkpoint import save_checkpoint
from ultralytics.nn.weights.load import model_from
from ultralytics.nn.weights.upcycle import upcycle_state
from ultralytics.utils.env import VERSION
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER

__all__ = ["choose", "dynamic_rows", "dynamize", "main", "write_dynamic"]

PREFIX = "Dynamic"
RULES = ("stride2", "3x3")
EXPERTS = 4  # what blocks take where a row says nothing
PROBE = 128  # pixels; a multiple of every stride, and enough for the coarsest map of a P6 model to have four cells
FINEST = 4  # the rules leave layers alone that read maps finer than this stride: few channels, little to gain
MISMATCH = 1e-4  # of the largest value; rounding stays below a tenth of it

Options = Mapping[int, Mapping[str, int]]  # layer index -> keyword arguments for its row


@dataclass(frozen=True)
class Layer:
    """What choosing needs to know of one layer.

    Attributes:
        index: position in the network.
        name: module of its row.
        stride_in: image pixels per cell of the first map that it reads.
        step: by how much it coarsens that map; 0 where it does not give a map.
        kernel: largest kernel of its convolutions, 0 for none.
    """

    index: int
    name: str
    stride_in: float
    step: float
    kernel: int


def dynamize(
    source: nn.Module | str | Path | Mapping[str, Any],
    layers: str | int | Sequence[int] = "stride2",
    num_experts: int = EXPERTS,
    nc: int | None = None,
    trust: bool = False,
) -> BaseModel:
    """Return a dynamic network that starts with the outputs of a plain one; the plain one stays as it is.

    Args:
        source: network, `YOLO` object, checkpoint, model YAML or its content.
        layers: `stride2`: the layers that halve their map. `3x3`: the layers with kernels of that size or larger,
            inside of which smaller kernels stay plain. Both leave the first layers alone, which read maps finer than
            stride 4. Or the index of a layer, or several, which become dynamic as a whole.
        num_experts: kernels per convolution.
        nc: number of classes, for a YAML.
        trust: let a checkpoint load any class.

    Returns:
        A new network in evaluation mode on the plain one's device. Its `yaml` has the changed rows.

    Raises:
        ValueError: the network is folded, has no YAML or no such layers, or is dynamic there already.
    """
    if isinstance(num_experts, bool) or not isinstance(num_experts, int) or num_experts < 1:
        raise ValueError(f"num_experts={num_experts!r} is no number of kernels; expected a whole number above 0.")
    plain = _plain_network(source, nc, trust)
    chosen = choose(plain, layers, num_experts)
    made = _rebuild(plain, chosen)
    idle = [i for i in chosen if not any(isinstance(m, DynamicConv2d) for m in made.model[i].modules())]
    if idle and layers != "3x3":
        raise ValueError(f"layers {idle} have no convolution that can be dynamic. {_possible(plain)}")
    if idle:  # their large kernels are of a kind that stays plain
        made = _rebuild(plain, {i: options for i, options in chosen.items() if i not in idle})
    _take_weights(made, plain)
    _check_same_start(made, plain, len(made.model) - 1 in chosen)
    return made.to(next(plain.parameters()).device)


def _plain_network(source: Any, nc: int | None, trust: bool) -> BaseModel:
    """Return the network that a source means, after checking that it can be rebuilt from its YAML."""
    wrapped = isinstance(source, nn.Module) and not hasattr(source, "yaml")  # a `YOLO` object
    model = getattr(source, "model", source) if wrapped else model_from(source, nc=nc, trust=trust)
    rows = getattr(model, "yaml", None) or {}
    if not isinstance(model, BaseModel) or not all(isinstance(rows.get(key), list) for key in ("backbone", "head")):
        what = f"'{source}'" if isinstance(source, (str, Path)) else type(model).__name__
        raise ValueError(f"{what} is no network with a model YAML, so there are no rows to change.")
    count = len(rows["backbone"]) + len(rows["head"])
    if count != len(model.model):
        raise ValueError(
            f"the network has {len(model.model)} layers and its YAML {count} rows: it was changed after it was built "
            "and cannot be rebuilt."
        )
    kinds = {type(m) for m in model.modules()}
    if nn.Conv2d in kinds and not any(issubclass(kind, nn.modules.batchnorm._BatchNorm) for kind in kinds):
        raise ValueError(
            "the network is fused: its norms are folded into the convolutions, and without them it does not train. "
            "Use the checkpoint that it was fused from."
        )
    return model


# Choosing -------------------------------------------------------------------------------------------------------------


def choose(
    model: BaseModel, layers: str | int | Sequence[int], num_experts: int = EXPERTS
) -> dict[int, dict[str, int]]:
    """Return which layers of a network become dynamic, with keyword arguments for their rows.

    Args:
        model: network whose `yaml` has its rows.
        layers: as in `dynamize`.
        num_experts: kernels per convolution.

    Raises:
        ValueError: none can, or one that was asked for cannot.
    """
    experts = {} if num_experts == EXPERTS else {"num_experts": num_experts}
    if isinstance(layers, str):
        if layers not in RULES:
            names = " or ".join(map(repr, RULES))
            raise ValueError(f"layers='{layers}' is unknown; use {names}, or indices such as [3, 5, 7].")
        return _by_rule(model, layers, experts)
    wanted = [layers] if isinstance(layers, int) else list(layers)
    rows = _rows(model.yaml)
    for index in wanted:
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(rows):
            raise ValueError(f"there is no layer {index!r}; there are 0 to {len(rows) - 1}. {_possible(model)}")
        name = rows[index][2]
        if name.startswith(PREFIX):
            raise ValueError(f"layer {index} ({name}) is dynamic already. {_possible(model)}")
        if _dynamic_form(name, model.yaml) is None:
            raise ValueError(f"layer {index} ({name}) has no dynamic form. {_possible(model)}")
    if not wanted:
        raise ValueError(f"layers={layers!r} names no layer. {_possible(model)}")
    return dict.fromkeys(sorted(set(wanted)), experts)


def _by_rule(model: BaseModel, rule: str, experts: dict[str, int]) -> dict[int, dict[str, int]]:
    """Return the layers that a rule means."""

    def fits(layer: Layer) -> bool:
        return layer.stride_in >= FINEST and (layer.step == 2 if rule == "stride2" else layer.kernel >= 3)

    found = [layer for layer in _layers(model) if fits(layer)]
    chosen = {}
    for layer in found:
        spec = _dynamic_form(layer.name, model.yaml)
        if spec is not None:
            inner = rule == "3x3" and "min_kernel" in inspect.signature(spec.resolve()).parameters
            chosen[layer.index] = {**experts, **({"min_kernel": 3} if inner else {})}
    if not chosen:
        done = [layer.index for layer in found if layer.name.startswith(PREFIX)]
        state = f": layers {done} are dynamic already." if done else "."
        raise ValueError(f"layers='{rule}' finds no layer that could become dynamic{state} {_possible(model)}")
    return chosen


def _rows(content: Mapping[str, Any]) -> list[list[Any]]:
    return [*content["backbone"], *content["head"]]


def _dynamic_form(name: str, content: Mapping[str, Any]) -> LayerSpec | None:
    """Return the entry of the dynamic form of a block, None where there is none; the YAML may bring its own."""
    wanted, own = PREFIX + name, content.get("modules") or {}
    if wanted in own:
        entry = own[wanted]
        return LayerSpec(entry["path"] if isinstance(entry, Mapping) else entry)
    return registered().get(wanted)


def _possible(model: BaseModel) -> str:
    """Say which layers could become dynamic."""
    rows = enumerate(_rows(model.yaml))
    names = [f"{i} ({row[2]})" for i, row in rows if _dynamic_form(row[2], model.yaml)]
    return f"Layers that can become dynamic: {', '.join(names) or 'none'}."


@torch.no_grad()
def _layers(model: BaseModel) -> list[Layer]:
    """Describe the layers of a network by running it once."""
    sides: dict[int, tuple[int, int]] = {}

    def note(layer: nn.Module, args: tuple[Any, ...], y: Any) -> None:
        x, y = (t[0] if isinstance(t, (list, tuple)) and t else t for t in (args[0], y))
        sides[layer.i] = tuple(t.shape[-1] if isinstance(t, torch.Tensor) and t.ndim == 4 else 0 for t in (x, y))

    handles = [layer.register_forward_hook(note) for layer in model.model]
    _run(model, 1)
    for handle in handles:
        handle.remove()
    found = []
    for layer, row in zip(model.model, _rows(model.yaml), strict=True):
        before, after = sides[layer.i]
        kernels = [max(m.kernel_size) for m in layer.modules() if isinstance(m, (nn.Conv2d, DynamicConv2d))]
        step, stride = (before / after if after else 0.0), (PROBE / before if before else 0.0)
        found.append(Layer(layer.i, row[2], stride, step, max(kernels, default=0)))
    return found


def _run(model: BaseModel, batch: int) -> Any:
    """Return the outputs for fixed noise, in evaluation mode; the mode is put back."""
    weight = next(model.parameters())
    generator = torch.Generator().manual_seed(0)
    channels = model.yaml.get("channels") or model.yaml.get("ch") or 3
    images = torch.rand(batch, channels, PROBE, PROBE, generator=generator).to(weight)
    modes = [module.training for module in model.modules()]
    try:
        return model.eval()(images)
    finally:
        for module, mode in zip(model.modules(), modes, strict=True):
            module.training = mode


# Making ---------------------------------------------------------------------------------------------------------------


def dynamic_rows(content: Mapping[str, Any], chosen: Options) -> dict[str, Any]:
    """Return the content of a model YAML in which chosen rows name the dynamic form of their block.

    Args:
        content: content of a model YAML; not changed.
        chosen: layer index to keyword arguments that its row gets besides its own.
    """
    changed = copy.deepcopy(dict(content))
    for index, row in enumerate(_rows(changed)):
        if index in chosen:
            args = list(row[3])
            own = args.pop() if args and isinstance(args[-1], Mapping) else {}
            named = {**own, **chosen[index]}
            row[2:] = [PREFIX + row[2], [*args, named] if named else args]
    return changed


def _rebuild(plain: BaseModel, chosen: Options) -> BaseModel:
    """Return a freshly initialised network of the changed rows, with what the plain one knows beside its weights."""
    content = dynamic_rows(plain.yaml, chosen)
    channels = content.get("channels") or content.get("ch") or 3
    made = type(plain)(content, ch=channels, nc=len(plain.names), verbose=False)
    for name in ("names", "task", "args"):
        if hasattr(plain, name):
            setattr(made, name, copy.deepcopy(getattr(plain, name)))
    return made.eval()


def _take_weights(made: BaseModel, plain: BaseModel) -> None:
    """Fill the new network from the plain one."""
    report = upcycle_state(
        made, {k: v.detach().cpu().float() if v.is_floating_point() else v.cpu() for k, v in plain.state_dict().items()}
    )
    before = sum(isinstance(m, DynamicConv2d) for m in plain.modules())
    if report.transferred != report.others or report.upcycled != report.total - before:
        raise ValueError(
            f"{report}: the network is not what its YAML says, since weights of the plain one do not fit the new one."
        )
    made.load_state_dict(report.state, strict=False)
    norms = {name: m for name, m in plain.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
    for name, module in made.named_modules():
        if name in norms:  # a checkpoint may have been made with other constants than the builder sets
            module.eps, module.momentum = norms[name].eps, norms[name].momentum


@torch.no_grad()
def _check_same_start(made: BaseModel, plain: BaseModel, with_head: bool) -> None:
    """Compare what both networks give to their heads, and what the heads make of it where they were changed.

    Raises:
        ValueError: they differ by more than rounding.
    """
    results = []
    for model in (plain, made):
        seen: list[Any] = []
        handle = model.model[-1].register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args))
        y = _run(model, 2)
        handle.remove()
        results.append(_tensors(seen) + (_tensors(y) if with_head else []))
    for old, new in zip(*results, strict=True):
        old = old.float().cpu()
        difference = ((new - old).abs().max() / old.abs().max().clamp(min=1e-12)).item()
        if not difference < MISMATCH:
            raise ValueError(
                f"the dynamic network starts with other values than the plain one (by {difference:.1e} of the "
                "largest): the network is not what its YAML says, for instance because an activation was replaced."
            )


def _tensors(value: Any) -> list[torch.Tensor]:
    """Return all floating-point tensors in nested containers, in order."""
    if isinstance(value, torch.Tensor):
        return [value] if value.is_floating_point() else []
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for item in items for tensor in _tensors(item)]


# Writing --------------------------------------------------------------------------------------------------------------


def write_dynamic(
    model: BaseModel, out: str | Path, comment: str = "", weights: bool = True, exist_ok: bool = False
) -> tuple[Path, Path | None]:
    """Write a network's YAML, for people to edit, and its checkpoint; returns both paths, None where not written.

    Args:
        model: dynamic network.
        out: path of both files; the suffix is replaced.
        comment: text above the YAML.
        weights: write the checkpoint.
        exist_ok: replace existing files.

    Raises:
        FileExistsError: a file exists.
    """
    files = _targets(out, weights, exist_ok)
    content = _content_to_write(model.yaml)
    notes = {i: "dynamic" for i, row in enumerate(_rows(content)) if row[2].startswith(PREFIX)}
    with atomic_write(files[0], "w") as stream:
        stream.write(model_yaml_text(content, comment, notes))
    if not weights:
        return files[0], None
    network = copy.deepcopy(model).cpu().requires_grad_(False)  # full precision: half would round the experts' sum
    network.yaml = {**network.yaml, "yaml_file": files[0].name}
    record = {
        "date": datetime.now().astimezone().isoformat(),
        "version": VERSION,
        "epoch": -1,
        **dict.fromkeys(("best_fitness", "ema", "updates", "optimizer")),
        "model": network,
        "train_args": dict(getattr(network, "args", None) or {}),
    }
    save_checkpoint(record, files[1])
    return files[0], files[1]


def _targets(out: str | Path, weights: bool, exist_ok: bool) -> list[Path]:
    """Return the files to write, after checking that nothing is lost by it."""
    place = Path(out)
    stem = place.stem if place.suffix in {".pt", ".yaml", ".yml"} else place.name
    files = [place.parent / f"{stem}{suffix}" for suffix in (".yaml", ".pt")[: 1 + weights]]
    for file in files:
        if file.exists() and not exist_ok:
            raise FileExistsError(f"'{file}' exists; give another name by out=..., or exist_ok=True to replace it.")
    return files


def _content_to_write(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a YAML that its reader needs: no empty size, channels only if they are unusual."""
    kept = {
        k: v for k, v in content.items() if k not in {"yaml_file", "ch", "channels"} and not (k == "scale" and not v)
    }
    channels = content.get("channels") or content.get("ch") or 3
    return kept if channels == 3 else {**kept, "channels": channels}


def main(args: Mapping[str, Any]) -> tuple[Path, Path | None]:
    """Run `yolo dynamize model=yolo11s.pt [layers=stride2] [num_experts=4] [out=...] [nc=...] [exist_ok] [trust]`.

    Args:
        args: the command's key=value pairs. `layers` is `stride2`, `3x3` or indices such as `3,5,7`.

    Returns:
        Paths of the YAML and of the checkpoint, which is written where the model has weights.

    Raises:
        ValueError: for a missing model, an unknown key, a wrong value or layers that cannot become dynamic.
    """
    given = DYNAMIZE.complete(args)
    if given["model"] is None:
        raise ConfigValueError("'yolo dynamize' needs model=..., e.g. yolo dynamize model=yolo11s.pt layers=stride2")
    name, layers, experts = str(given["model"]), given["layers"], given["num_experts"]
    weights = Path(name).suffix.lower() not in {".yaml", ".yml"}
    out, exist_ok = given["out"] or f"{Path(name).stem}-dynamic", given["exist_ok"]
    _targets(out, weights, exist_ok)
    with named("model", name):
        model = dynamize(name, layers, experts, given["nc"], given["trust"])
    dynamic = [i for i, row in enumerate(_rows(model.yaml)) if row[2].startswith(PREFIX)]
    comment = (
        f"{Path(name).stem} with ParameterNet's dynamic convolution at layers {', '.join(map(str, dynamic))}.\n"
        f"Made by: yolo dynamize model={name} layers={_written(layers)} num_experts={experts}\n"
        "A dynamic row takes the arguments of its plain form; {num_experts: 8} at their end changes the number of "
        "kernels."
    )
    yaml_file, weight_file = write_dynamic(model, out, comment, weights, exist_ok)
    LOGGER.info(f"layers {', '.join(map(str, dynamic))} are dynamic; edit the rows in {yaml_file}")
    if weight_file:
        LOGGER.info(f"same outputs as {name}, ready to train: yolo train model={weight_file} data=...")
    return yaml_file, weight_file


def _written(layers: Any) -> str:
    return ",".join(map(str, layers)) if isinstance(layers, (list, tuple)) else str(layers)
