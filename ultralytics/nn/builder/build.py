"""From a model YAML to a chain of layers: `plan` is pure and checks every row, `construct` makes the modules.

What can be wrong in a YAML is found here and told as `ModelYamlError` with file, row, module and argument. The checks
run from cheap to dear: form of the row, sources, call pattern, the constructor's signature and types, construction
itself and, in `probe`, one forward pass.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ultralytics.nn.block.activation import activation_scope
from ultralytics.nn.block.conv import Conv
from ultralytics.nn.builder.argcheck import misfit
from ultralytics.nn.builder.registry import (
    LayerSpec,
    ModelYamlError,
    Scale,
    admit,
    lookup,
    spec_of_entry,
)
from ultralytics.utils.literals import parse_literal
from ultralytics.utils.log import LOGGER, colorstr

__all__ = ["Plan", "Row", "construct", "parse_model", "plan", "probe"]

MAX_REPEATS = 1000  # a larger number is a slip of the pen, and building it would not end
MAX_CLASSES = 100_000
MAX_ARGUMENT = 10_000  # characters of an argument that is written as text
STRUCTURE_KEYS = frozenset({"backbone", "head", "scales", "modules", "yaml_file"})


@dataclass(frozen=True)
class Row:
    """One layer to be built: what to construct and how it is wired."""

    index: int
    name: str
    source: int | list[int]
    repeats: int  # depth-scaled, for the table
    copies: int  # stacked by the builder
    target: Callable[..., nn.Module]
    args: list[Any]
    kwargs: dict[str, Any]
    c_out: int | list[int]
    named: dict[str, Any] = field(default_factory=dict)  # those of kwargs that the row itself gives


@dataclass(frozen=True)
class Plan:
    """All rows of a YAML, the layers whose output is kept, and what the model must remember for other processes."""

    rows: list[Row]
    save: list[int]
    scale: Scale
    activation: nn.Module | None = None
    modules: dict[str, dict[str, str]] = field(default_factory=dict)  # `modules:` entries of blocks not of this package
    file: str = ""


def plan(cfg: Mapping[str, Any], ch: int = 3) -> Plan:
    """Turn a model YAML's mapping into rows; nothing is constructed and `cfg` stays as it is.

    Args:
        cfg: content of the YAML, with the added keys `scale` and `yaml_file` where known.
        ch: channels of the input image.

    Raises:
        ModelYamlError: anything that cannot be built.
    """
    file = str(cfg.get("yaml_file") or "")
    try:
        _check_top_level(cfg, ch)
        own = _own_blocks(cfg.get("modules"))
        scale = _pick_scale(cfg)
        activation = _activation(cfg.get("activation"), own)
    except ModelYamlError as error:
        raise error.at(file=file) from None
    scope = {"reg_max": 16, "end2end": False, **{k: v for k, v in cfg.items() if k not in STRUCTURE_KEYS}}
    rows, widths, marks, kept, foreign = [], [], frozenset(), [], {}
    for index, raw in enumerate(itertools.chain(cfg["backbone"], cfg["head"])):
        name = ""
        try:
            source, count, name, args = _check_row(raw, index)
            spec = lookup(name, own)
            c_in = [_width(widths, s, ch) for s in source] if isinstance(source, list) else _width(widths, source, ch)
            row, marks = _fill(spec, index, name, source, count, args, c_in, scale, scope, marks)
        except ModelYamlError as error:
            raise error.at(file=file, row=index, module=name) from None
        if not spec.builtin:
            foreign[name] = spec.entry()
            admit(spec.path)
        rows.append(row)
        widths.append(row.c_out)
        kept += [s % index for s in (source if isinstance(source, list) else [source]) if s != -1]
    return Plan(rows, sorted(kept), scale, activation, foreign, file)


def _fill(
    spec: LayerSpec,
    index: int,
    name: str,
    source: int | list[int],
    count: int,
    args: list,
    c_in: int | list[int],
    scale: Scale,
    scope: Mapping[str, Any],
    marks: frozenset[str],
) -> tuple[Row, frozenset[str]]:
    """Make one row from its parts; return it and the marks that later rows see.

    A mapping at the end of the arguments holds keyword arguments.
    """
    repeats = scale.repeats(count)
    args, given = (args[:-1], args[-1]) if args and isinstance(args[-1], Mapping) else (args, {})
    named = {str(key): literal(value, scope) for key, value in given.items()}
    filled = spec.fill([literal(a, scope) for a in args], c_in, repeats, scale, scope)
    try:
        target = spec.resolve()
    except (ImportError, TypeError) as error:
        raise ModelYamlError(str(error)) from None
    marks = marks | spec.marks
    kwargs = {**(_accepted(target, spec.keywords(filled.args, marks)) if spec.keywords else {}), **named}
    trouble = misfit(target, filled.args, kwargs)
    if trouble:
        argument, problem = trouble
        unresolved = [a for a in args if isinstance(a, str) and a.isidentifier() and a in filled.args]
        if unresolved:
            problem += f" Text arguments stand for top-level keys; this file has none named {unresolved}."
        raise ModelYamlError(problem, argument=argument)
    return Row(index, name, source, repeats, filled.repeats, target, filled.args, kwargs, filled.c_out, named), marks


def _accepted(target: Callable, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the keywords that a constructor takes: a user's replacement of a block may know less than the original."""
    parameters = inspect.signature(target).parameters.values()
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    known = {p.name for p in parameters}
    return {k: v for k, v in kwargs.items() if anything or k in known}


def _check_top_level(cfg: Mapping[str, Any], ch: int) -> None:
    """Check what concerns the whole file."""
    for key in ("backbone", "head"):
        if not isinstance(cfg.get(key), (list, tuple)):
            raise ModelYamlError(f"needs a list of rows under '{key}', got {cfg.get(key)!r}.", argument=key)
    if not cfg["backbone"] and not cfg["head"]:
        raise ModelYamlError("has no layers.")
    nc = cfg.get("nc", 1)
    if not isinstance(nc, int) or isinstance(nc, bool) or not 1 <= nc <= MAX_CLASSES:
        raise ModelYamlError(f"needs a whole number of classes from 1 to {MAX_CLASSES:,}, got {nc!r}.", argument="nc")
    if not isinstance(ch, int) or isinstance(ch, bool) or ch < 1:
        raise ModelYamlError(f"needs a whole number of input channels above 0, got {ch!r}.", argument="channels")


def _own_blocks(modules: Any) -> dict[str, LayerSpec]:
    """Return the blocks that a YAML brings along under `modules:`; they are valid for that YAML only.

    Nothing is imported that the user has not named, by `register` or in a local YAML file (see `admit_blocks`).
    """
    if modules is None:
        return {}
    if not isinstance(modules, Mapping):
        raise ModelYamlError(f"maps block names to import paths, got {modules!r}.", argument="modules")
    specs = {}
    for name, entry in modules.items():
        fields = {"path": entry} if isinstance(entry, str) else dict(entry) if isinstance(entry, Mapping) else {}
        texts = all(isinstance(value, str) for value in (name, *fields.values()))
        if "path" not in fields or not texts or set(fields) - {"path", "call", "out", "like"}:
            raise ModelYamlError(
                f"entry {name!r} must be an import path or {{path, call, out}} or {{path, like}}, all of them texts, "
                f"got {entry!r}.",
                argument="modules",
            )
        try:
            specs[name] = spec_of_entry(name, fields)
        except (ImportError, TypeError, ValueError) as error:
            raise ModelYamlError(f"entry '{name}': {error}", argument="modules") from None
        admit(specs[name].path)
    return specs


def _pick_scale(cfg: Mapping[str, Any]) -> Scale:
    """Return the multipliers of the wanted size; the first of the file, with a warning, where none is named."""
    scales, wanted = cfg.get("scales"), cfg.get("scale")
    if not scales:
        factors = (cfg.get("depth_multiple", 1.0), cfg.get("width_multiple", 1.0))
        return _scale("", factors)
    if not isinstance(scales, Mapping):
        raise ModelYamlError(f"maps size letters to [depth, width, max_channels], got {scales!r}.", argument="scales")
    if not wanted:
        wanted = next(iter(scales))
        if len(scales) > 1:
            LOGGER.warning(f"no model scale passed. Assuming scale='{wanted}'.")
    if wanted not in list(scales):  # which may be anything, also what has no hash
        raise ModelYamlError(f"has no size '{wanted}'; it defines {list(scales)}.", argument="scale")
    return _scale(wanted, scales[wanted])


def _scale(name: str, factors: Any) -> Scale:
    """Check and wrap the numbers of one size."""
    numbers = list(factors) if isinstance(factors, (list, tuple)) else [factors]
    valid = all(isinstance(f, (int, float)) and not isinstance(f, bool) and 0 < f < 1e6 for f in numbers)
    if not valid or not 2 <= len(numbers) <= 3:
        raise ModelYamlError(
            f"size '{name}' is {factors!r}; expected [depth, width, max_channels], numbers above 0.", argument="scales"
        )
    return Scale(name, *numbers)


def _activation(text: Any, own: Mapping[str, LayerSpec]) -> nn.Module | None:
    """Return the module named by `activation:`, e.g. `nn.LeakyReLU(0.1)`: a class by name with literal arguments.

    The text is taken apart, never evaluated.
    """
    if text is None:
        return None
    problem = f"must be a module by name with plain arguments, such as nn.ReLU() or nn.LeakyReLU(0.1), got {text!r}."
    if len(str(text)) > MAX_ARGUMENT:
        raise ModelYamlError(problem[:200], argument="activation")
    try:
        node = ast.parse(str(text), mode="eval").body
        call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
        args = [ast.literal_eval(a) for a in call.args]
        kwargs = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
        name = ast.unparse(call.func)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ModelYamlError(problem, argument="activation") from None
    if not isinstance(call.func, (ast.Name, ast.Attribute)) or not name.replace(".", "").isidentifier():
        raise ModelYamlError(problem, argument="activation")
    try:
        return lookup(name, own).resolve()(*args, **kwargs)
    except ModelYamlError as error:
        raise error.at(argument="activation") from None
    except Exception as error:
        raise ModelYamlError(f"cannot make {text!r}: {error}", argument="activation") from None


def _check_row(raw: Any, index: int) -> tuple[int | list[int], int, str, list]:
    """Check the form of one row and return its four items, `from` as int or list of ints."""
    if not isinstance(raw, (list, tuple)) or len(raw) != 4:
        raise ModelYamlError(f"must be [from, repeats, module, args], got {raw!r}.")
    source, count, name, args = raw
    if not isinstance(name, str):
        raise ModelYamlError(f"names its module by text, got {name!r}.", argument="module")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_REPEATS:
        raise ModelYamlError(f"repeats from 1 to {MAX_REPEATS} times, got {count!r}.", argument="repeats")
    if not isinstance(args, (list, tuple)):
        raise ModelYamlError(f"takes a list of arguments, got {args!r}.", argument="args")
    several = isinstance(source, (list, tuple))
    sources = list(source) if several else [source]
    if not sources:
        raise ModelYamlError("names no source layer.", argument="from")
    for s in sources:
        if not isinstance(s, int) or isinstance(s, bool):
            raise ModelYamlError(f"counts layers by whole numbers, got {s!r}.", argument="from")
        lowest = -max(index, 1)  # before the first layer there is only the image, -1
        if not lowest <= s < max(index, 0):
            raise ModelYamlError(
                f"layer {s} is not above this row; from -1 back to {lowest}"
                + (f", or 0 to {index - 1}." if index else "."),
                argument="from",
            )
    return (sources if several else source), count, name, list(args)


def _width(widths: Sequence, source: int, ch: int) -> int | list[int]:
    """Return the channels of a source layer; before the first layer those of the image."""
    return widths[source] if widths else ch


def literal(value: Any, scope: Mapping[str, Any]) -> Any:
    """Resolve a text argument: the value of a top-level YAML key, else a Python literal, else the text itself."""
    if not isinstance(value, str):
        return value
    if value in scope:
        return scope[value]
    try:
        return parse_literal(value, MAX_ARGUMENT)
    except ValueError:
        return value


def construct(plan: Plan, verbose: bool = False) -> nn.Sequential:
    """Make the layers of a plan and set `i`, `f`, `type`, `np` on each.

    Args:
        plan: result of `plan`.
        verbose: log the table of layers.

    Raises:
        ModelYamlError: a constructor refused its arguments.
    """
    if verbose:
        LOGGER.info(f"\n{'':>3}{'from':>20}{'n':>3}{'params':>10}  {'module':<44} arguments")
    layers = []
    with activation_scope(Conv.default_act, plan.activation):
        if verbose and plan.activation is not None:
            LOGGER.info(f"{colorstr('activation:')} {plan.activation}")
        for row in plan.rows:
            layer = _build(row, plan.file)
            layers.append(layer)
            if verbose:
                table = f"{row.index:>3}{row.source!s:>20}{row.repeats:>3}{layer.np:10.0f}"
                LOGGER.info(f"{table}  {layer.type:<44} {row.args}{f' {row.named}' if row.named else ''}")
    return nn.Sequential(*layers)


def _build(row: Row, file: str) -> nn.Module:
    """Construct one layer."""
    where = {"file": file, "row": row.index, "module": row.name}
    try:
        blocks = [row.target(*row.args, **row.kwargs) for _ in range(row.copies)]
    except Exception as error:
        own = blocks_class(row.target).__module__
        reason = str(error).splitlines() or [type(error).__name__]  # torch may add a trace of its own source lines
        problem = f"cannot be built with {row.args}: {reason[0]}"
        # A block of the user's own may have a fault that only its traceback shows.
        chain = None if own.startswith(("ultralytics.", "torch.", "torchvision.")) else error
        raise ModelYamlError(problem, **where) from chain
    layer = blocks[0] if row.copies == 1 else nn.Sequential(*blocks)
    sizes = [p.numel() for p in layer.parameters()]
    if not all(sizes):
        name, shape = next((name, tuple(p.shape)) for name, p in layer.named_parameters() if not p.numel())
        raise ModelYamlError(f"cannot be built with {row.args}: it would have no weights in {name} {shape}", **where)
    taken = sorted({"i", "f", "type", "np"} & {*layer._modules, *layer._parameters, *layer._buffers})
    if taken:
        raise ModelYamlError(
            f"has children or weights named {taken}; the builder sets these on every layer, so name them otherwise.",
            **where,
        )
    layer.np = sum(sizes)
    layer.i, layer.f = row.index, row.source
    kind = type(blocks[0])
    layer.type = kind.__qualname__ if kind.__module__ == "__main__" else f"{kind.__module__}.{kind.__qualname__}"
    return layer


def blocks_class(target: Callable) -> type[nn.Module]:
    """Return the class behind a row's target."""
    return target.func if isinstance(target, functools.partial) else target


def parse_model(d: Mapping[str, Any], ch: int = 3, verbose: bool = True) -> tuple[nn.Sequential, list[int]]:
    """Build the layers of a model YAML.

    Args:
        d: content of the YAML.
        ch: channels of the input image.
        verbose: log the table of layers.

    Returns:
        The layers, and the sorted indices of those whose output later layers read.
    """
    made = plan(d, ch)
    return construct(made, verbose), made.save


@torch.no_grad()
def probe(layers: nn.Sequential, plan: Plan, ch: int, size: int = 256) -> Any:
    """Run zeros through freshly built layers, checking every layer's channels against the plan.

    Norms use their running statistics, so no buffer changes; the last layer runs in training mode to give raw outputs.

    Args:
        layers: result of `construct`.
        plan: the plan they were built from.
        ch: channels of the input image.
        size: side of the square input in pixels.

    Returns:
        Output of the last layer.

    Raises:
        ModelYamlError: a layer does not accept what its sources give, or gives other channels than planned.
    """
    device = next((p.device for p in layers.parameters()), torch.device("cpu"))
    x, kept = torch.zeros(1, ch, size, size, device=device), []
    modes = [m.training for m in layers.modules()]
    layers.eval()
    layers[-1].training = True
    try:
        for row, layer in zip(plan.rows, layers, strict=True):
            source = row.source
            given = [x if s == -1 else kept[s] for s in source] if isinstance(source, list) else x
            given = given if isinstance(source, list) or source == -1 else kept[source]
            x = _probe_layer(layer, given, row, plan.file, last=row is plan.rows[-1])
            kept.append(x)
    finally:
        for module, mode in zip(layers.modules(), modes, strict=True):
            module.training = mode
    return x


def _probe_layer(layer: nn.Module, given: Any, row: Row, file: str, last: bool) -> Any:
    """Run one layer and compare what comes out with the plan."""
    where = {"file": file, "row": row.index, "module": row.name}
    try:
        y = layer(given)
    except Exception as error:
        shapes = [tuple(t.shape) for t in (given if isinstance(given, list) else [given]) if hasattr(t, "shape")]
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        if row.copies > 1:
            reason += f" (stacked {row.copies} times with the same arguments {row.args})"
        raise ModelYamlError(f"does not accept maps of shape {shapes} from {row.source}: {reason}", **where) from None
    if not last and isinstance(y, torch.Tensor) and y.ndim == 4 and y.shape[1] != row.c_out:
        raise ModelYamlError(
            f"gives {y.shape[1]} channels where its row and call pattern promise {row.c_out}; correct the row, or "
            f"register it with the right 'call' or 'out'.",
            **where,
        )
    return y


def with_modules(cfg: Mapping[str, Any], modules: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the YAML content a model stores: the given one and the `modules:` entries of foreign blocks."""
    return {**cfg, "modules": {**(cfg.get("modules") or {}), **modules}} if modules else dict(cfg)
