"""Small operations on modules that training needs: unwrapping, attribute copies, freezing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.utils.log import LOGGER

__all__ = [
    "NothingToTrainError",
    "apply_freeze",
    "copy_attr",
    "freeze_names",
    "freeze_norm_statistics",
    "is_parallel",
    "norm_types",
    "repair_non_finite",
    "single_values",
    "unwrap_model",
]

PARALLEL = (nn.parallel.DataParallel, nn.parallel.DistributedDataParallel)
ALWAYS_FROZEN = (".dfl",)  # the integral's fixed projection 0..reg_max-1


class NothingToTrainError(RuntimeError, ValueError):
    """Every parameter is frozen."""


def norm_types() -> tuple[type[nn.Module], ...]:
    """Return torch's normalisation layers, whose weights take no decay."""
    return tuple(v for k, v in vars(nn).items() if "Norm" in k and isinstance(v, type))


def is_parallel(model: nn.Module) -> bool:
    """Whether the model is wrapped for several processes or devices."""
    return isinstance(model, PARALLEL)


def unwrap_model(m: nn.Module) -> nn.Module:
    """Return the model inside `torch.compile` and parallel wrappers."""
    while True:
        inner = getattr(m, "_orig_mod", None) or (m.module if is_parallel(m) else None)
        if not isinstance(inner, nn.Module):
            return m
        m = inner


def copy_attr(a: Any, b: Any, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
    """Set the public instance attributes of `b` on `a`, all or only those named in `include`, without `exclude`."""
    wanted = set(include) or {k for k in vars(b) if not k.startswith("_")}
    for name in wanted.difference(exclude):
        if name in vars(b):
            setattr(a, name, vars(b)[name])


def freeze_names(freeze: int | Iterable[int | str] | None) -> list[str]:
    """Turn the `freeze` argument into pieces of parameter names.

    Args:
        freeze: n for the first n layers, or a list of layer indices and name pieces such as `"23.cv2"`.
    """
    if freeze is None:
        return []
    layers = range(freeze) if isinstance(freeze, int) else freeze
    if isinstance(layers, str):
        layers = [layers]
    return [f"model.{item}." if isinstance(item, int) or str(item).isdigit() else str(item) for item in layers]


def apply_freeze(model: nn.Module, freeze: int | Iterable[int | str] | None, verbose: bool = True) -> list[str]:
    """Switch gradients off for the frozen parameters and on for all others.

    Returns:
        The name pieces that freeze (without the always frozen ones).

    Raises:
        NothingToTrainError: if nothing is left to train.
        ValueError: if a piece matches no parameter.
    """
    pieces = freeze_names(freeze)
    unused = set(pieces)
    for name, p in model.named_parameters():
        hits = {piece for piece in pieces if piece in name}
        unused -= hits
        if hits or any(piece in name for piece in ALWAYS_FROZEN):
            if hits and verbose:
                LOGGER.info(f"Freezing layer '{name}'")
            p.requires_grad_(False)
        elif not p.requires_grad and p.is_floating_point():
            LOGGER.warning(
                f"'{name}' had requires_grad=False and is trained now; list it in 'freeze' to keep it fixed."
            )
            p.requires_grad_(True)
    if unused:
        known = ", ".join(dict.fromkeys(name.rsplit(".", 1)[0] for name, _ in model.named_parameters()))
        raise ValueError(
            f"freeze={freeze}: {sorted(unused)} match no parameter. Names to choose from: {known[:400]} ..."
        )
    if not any(p.requires_grad for p in model.parameters()):
        raise NothingToTrainError(f"freeze={freeze} leaves no parameter to train; freeze fewer layers.")
    return pieces


def freeze_norm_statistics(model: nn.Module, pieces: Sequence[str]) -> None:
    """Put BatchNorm layers of frozen parts into evaluation mode, so that their running statistics stay as they are."""
    if not pieces:
        return
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and any(piece in f"{name}." for piece in pieces):
            module.eval()


@torch.no_grad()
def single_values(model: nn.Module, shape: tuple[int, int, int]) -> bool:
    """Whether a picture (C, H, W) gives some BatchNorm layer one value per channel, which has no spread."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    seen: list[bool] = []
    hooks = [m.register_forward_pre_hook(lambda _, x: seen.append(x[0].numel() == x[0].shape[1])) for m in norms]
    training = model.training
    try:
        model.eval()(torch.zeros(1, *shape, device=next(model.parameters()).device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return any(seen)


@torch.no_grad()
def repair_non_finite(target: nn.Module, source: nn.Module) -> int:
    """Replace NaN and Inf in the state of `target` by the values of `source`; return how many tensors changed."""
    changed = 0
    replacements = source.state_dict()
    for name, value in target.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            good = torch.nan_to_num(replacements[name].to(value), nan=0.0, posinf=0.0, neginf=0.0)
            value.copy_(torch.where(torch.isfinite(value), value, good))
            changed += 1
    return changed
