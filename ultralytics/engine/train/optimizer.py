"""Which parameters go into which optimizer group, the automatic choice, and building the optimizer."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ultralytics.engine.train.modules import norm_types, unwrap_model
from ultralytics.nn.protocols import HintsParams
from ultralytics.optim.muon import MuSGD

__all__ = ["OPTIMIZERS", "AutoChoice", "ParameterGroup", "align_state", "auto_choice", "build", "group_parameters"]

OPTIMIZERS = ("SGD", "MuSGD", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSProp")
STANDARD_GROUPS = ("weight", "bn", "bias")  # lr/pg0, lr/pg1, lr/pg2 of results.csv
LONG_RUN = 10_000  # iterations above which momentum SGD ends better than AdamW

# MuSGD: shares of the learning rate for its two steps, and parts that learn three times as fast (class branches).
MUON_SHARE, SGD_SHARE = 0.2, 1.0
FAST_FACTOR = 3
FAST_BRANCHES = ("cv3", "one2one_cv3", "proto.semseg")
FAST_HEADS = ("SemanticSegment",)


@dataclass(frozen=True)
class AutoChoice:
    """What `optimizer=auto` picks."""

    name: str
    lr: float
    momentum: float = 0.9


@dataclass
class ParameterGroup:
    """Parameters that share their settings.

    Attributes:
        name: `weight`, `bn`, `bias`, `muon`, or a role that a block names (`experts`, `router`).
        decays: whether weight decay applies.
        fast: learning rate times `FAST_FACTOR` (MuSGD).
    """

    name: str
    decays: bool
    fast: bool = False
    params: list[nn.Parameter] = field(default_factory=list)


def auto_choice(nc: int, iterations: float) -> AutoChoice:
    """Pick optimizer and learning rate from the number of classes and the length of the run."""
    if iterations > LONG_RUN:
        return AutoChoice("MuSGD", 0.01)
    return AutoChoice("AdamW", round(0.002 * 5 / (4 + nc), 6))


def _labelled(model: nn.Module) -> Iterator[tuple[str, str, nn.Parameter]]:
    """Yield (name, group label, parameter) for every parameter, each once."""
    norms, seen = norm_types(), set()
    for prefix, module in model.named_modules():
        for short, p in module.named_parameters(recurse=False):
            if id(p) in seen:
                continue
            seen.add(id(p))
            name = f"{prefix}.{short}" if prefix else short
            if "bias" in name:
                yield name, "bias", p
            elif isinstance(module, norms) or "logit_scale" in name:
                yield name, "bn", p
            else:
                yield name, _role(model, name) or "weight", p


def _role(model: nn.Module, name: str) -> str | None:
    """Return the role that the nearest enclosing block names for a parameter."""
    parts = name.split(".")
    module, owners = model, [(model, name)]
    for i, part in enumerate(parts[:-1], 1):
        module = getattr(module, part)
        owners.append((module, ".".join(parts[i:])))
    for owner, rest in reversed(owners):
        if isinstance(owner, HintsParams) and (role := owner.param_hint(rest)):
            return role
    return None


def group_parameters(model: nn.Module) -> list[ParameterGroup]:
    """Sort the parameters into the three standard groups, followed by one for every role that blocks name."""
    groups = {name: ParameterGroup(name, decays=name == "weight") for name in STANDARD_GROUPS}
    for _, label, p in _labelled(unwrap_model(model)):
        groups.setdefault(label, ParameterGroup(label, decays=True)).params.append(p)
    return list(groups.values())


def _fast_prefixes(model: nn.Module) -> tuple[str, ...]:
    """Return the name prefixes of the branches that learn faster under MuSGD."""
    layers = getattr(model, "model", None)
    if not isinstance(layers, nn.Sequential) or not len(layers):
        return ()
    head = f"model.{len(layers) - 1}."
    if type(layers[-1]).__name__ in FAST_HEADS:
        return (head,)
    return tuple(f"{head}{branch}." for branch in FAST_BRANCHES)


def group_for_muon(model: nn.Module) -> list[ParameterGroup]:
    """Sort the parameters for MuSGD: matrices and 4-D kernels go to `muon`; each group is split, fast part first."""
    model = unwrap_model(model)
    fast = _fast_prefixes(model)
    groups: dict[tuple[str, bool], ParameterGroup] = {}
    for name in (*STANDARD_GROUPS, "muon"):
        for quick in (True, False):
            groups[name, quick] = ParameterGroup(name, decays=name in {"weight", "muon"}, fast=quick)
    for name, label, p in _labelled(model):
        # An expert bank is several kernels in one tensor, and roles are for the user to tune: both keep plain SGD.
        label = "muon" if p.ndim in {2, 4} and label in STANDARD_GROUPS else label
        key = (label, bool(fast) and name.startswith(fast))
        groups.setdefault(key, ParameterGroup(label, decays=True, fast=key[1])).params.append(p)
    return list(groups.values())


def _resolve_name(name: str) -> str:
    """Return the canonical spelling of an optimizer name, whatever its case."""
    for known in OPTIMIZERS:
        if known.lower() == str(name).lower():
            return known
    close = difflib.get_close_matches(str(name), OPTIMIZERS, n=1, cutoff=0.4)
    raise NotImplementedError(
        f"optimizer='{name}' is not known{f', did you mean {close[0]!r}?' if close else '.'} "
        f"Choose from {', '.join((*OPTIMIZERS, 'auto'))}."
    )


def build(model: nn.Module, name: str, lr: float, momentum: float, decay: float) -> torch.optim.Optimizer:
    """Build an optimizer over all parameters of a model.

    Args:
        model: the model, wrapped or not.
        name: one of `OPTIMIZERS` in any case.
        lr: learning rate.
        momentum: momentum, or the first beta of Adam types.
        decay: weight decay of weights; norms and biases have none.

    Raises:
        NotImplementedError: for an unknown name.
    """
    name = _resolve_name(name)
    if name == "MuSGD":
        groups = [
            {**_row(g, decay), "lr": lr * (FAST_FACTOR if g.fast else 1), "use_muon": g.name == "muon"}
            for g in group_for_muon(model)
        ]
        return MuSGD(groups, lr=lr, momentum=momentum, nesterov=True, muon=MUON_SHARE, sgd=SGD_SHARE)
    groups = [_row(g, decay) for g in group_parameters(model)]
    cls = torch.optim.RMSprop if name == "RMSProp" else getattr(torch.optim, name)
    settings: dict[str, Any] = {"lr": lr}
    if name == "SGD":
        settings |= {"momentum": momentum, "nesterov": momentum > 0}
    elif name == "RMSProp":
        settings |= {"momentum": momentum}
    else:
        settings |= {"betas": (momentum, 0.999)}
    built = cls(groups, **settings, **_fast_kernels(cls, groups))
    if name == "SGD":
        built.register_step_pre_hook(_start_momentum)
    return built


def _start_momentum(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    """Give parameters momentum from their first gradient on: the fused kernel wants all to have it or none.

    Zeros are what it amounts to. The first gradient may come later than that of others: experts that the router did
    not choose before, layers that a callback unfreezes, a resumed run that freezes others than before.
    """
    for group in optimizer.param_groups:
        for p in group["params"]:
            if group["momentum"] and p.grad is not None and optimizer.state[p].get("momentum_buffer") is None:
                optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)


def _row(group: ParameterGroup, decay: float) -> dict[str, Any]:
    """Return a group the way torch's optimizers take it; `param_group` labels it for logs and the warm-up."""
    return {"params": group.params, "weight_decay": decay if group.decays else 0.0, "param_group": group.name}


def _fast_kernels(cls: type[torch.optim.Optimizer], groups: list[dict[str, Any]]) -> dict[str, bool]:
    """Return the keyword that makes a step one kernel over all parameters: `fused` where it exists, else `foreach`.

    Measured on 184 tensors of yolov8n, 2 cores: AdamW 6.5 ms a step plain, 6.7 ms foreach, 2.5 ms fused.
    """
    keywords = inspect.signature(cls.__init__).parameters
    params = [p for g in groups for p in g["params"]]
    on_known_device = all(p.is_floating_point() and p.device.type in {"cpu", "cuda"} for p in params)
    return {"fused": True} if "fused" in keywords and on_known_device else {"foreach": True}


def align_state(optimizer: torch.optim.Optimizer) -> None:
    """Give state tensors the memory layout of their parameters: fused kernels walk both in storage order."""
    for p, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == p.shape and value.stride() != p.stride():
                state[key] = torch.empty_like(p, dtype=value.dtype, requires_grad=False).copy_(value)
