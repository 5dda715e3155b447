"""Turning a checkpoint of ordinary convolutions into the start of a dynamic model ("upcycling").

With routing weights of zero, every image gets the same routing `r = sigmoid(b)` for all E experts. Experts

    W_e = W / (E r) + n_e    with    sum_e n_e = 0

then mix to exactly W, so the dynamic model starts with the outputs of the plain one. The noise `n_e` is what lets
experts part: equal experts get equal gradients and would stay equal for ever. It cancels in the sum whatever its size.

Source of the idea: Komatsuzaki et al.: "Sparse Upcycling: Training Mixture-of-Experts from Dense Checkpoints" (2023).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from ultralytics.nn.block.parameternet import DynamicBnAct, DynamicConv, DynamicConv2d, rename_legacy_keys

__all__ = ["UpcycleReport", "upcycle_kernel", "upcycle_state"]

NOISE = (
    0.1  # standard deviation of the noise over that of the kernel; on a toy, anything from 0.01 to 1 separated experts
)


@dataclass(frozen=True)
class UpcycleReport:
    """What of a source state fits a model, and how.

    Attributes:
        state: entries for the model's `load_state_dict(..., strict=False)`; every one has the model's shape.
        upcycled: convolutions that became dynamic.
        total: dynamic convolutions of the model.
        transferred: entries taken over unchanged.
        others: entries of the model outside the upcycled convolutions.
    """

    state: dict[str, torch.Tensor]
    upcycled: int
    total: int
    transferred: int
    others: int

    def __str__(self) -> str:
        text = f"upcycled {self.upcycled} of {self.total} convolutions"
        return f"{text}, transferred {self.transferred}/{self.others} others"


def upcycle_kernel(
    kernel: torch.Tensor, experts: int, routing: float = 0.5, noise: float = NOISE, seed: int = 0
) -> torch.Tensor:
    """Return a bank (E, C2, C1/g, kh, kw) that mixes to `kernel` when every expert's routing weight is `routing`.

    Args:
        kernel: (C2, C1/g, kh, kw).
        experts: E.
        routing: common routing weight, in 0..1 without 0.
        noise: standard deviation of the differences between experts, in units of the kernel's own.
        seed: the differences are a pure function of it; the global generator is left alone.

    Raises:
        ValueError: if `routing` is not above 0.
    """
    if not routing > 0:
        raise ValueError(f"routing={routing} cannot reproduce a kernel; expected a weight above 0.")
    base = kernel.double() / (experts * routing)
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(experts, *kernel.shape, generator=generator, dtype=torch.float64).to(kernel.device)
    parts = (draw - draw.mean(0)) * (noise * base.std(unbiased=False))
    bank = (base + parts).to(kernel.dtype)
    # Rounding the experts leaves a rest in their sum; the last one takes it up.
    bank[-1] += (kernel.double() / routing - bank.double().sum(0)).to(kernel.dtype)
    return bank


def _dynamic_layers(model: nn.Module) -> Iterator[tuple[str, str, DynamicConv2d]]:
    """Yield (name of the plain convolution, name of the dynamic one, module) for every dynamic convolution.

    A plain `Conv` in the place of a block has its convolution at `<block>.conv`, a bare one is at the module's own
    name.
    """
    blocks: dict[str, str] = {}
    for name, module in model.named_modules():
        dot = f"{name}." if name else ""
        if isinstance(module, DynamicBnAct):
            blocks[f"{dot}conv.conv"] = f"{dot}conv"
        elif isinstance(module, DynamicConv):
            blocks.setdefault(f"{dot}conv", f"{dot}conv")
        elif isinstance(module, DynamicConv2d):
            yield blocks.get(name, name), name, module


def _neutral_norm(module: nn.Module | None, name: str, bias: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
    """Return the state that makes a BatchNorm add `bias` (default nothing) and no more in evaluation mode."""
    if not isinstance(module, nn.BatchNorm2d) or not module.affine or module.running_var is None:
        return {}
    variance = torch.ones_like(module.running_var)
    return {
        f"{name}.weight": torch.sqrt(variance + module.eps),
        f"{name}.bias": torch.zeros_like(variance) if bias is None else bias.to(variance),
        f"{name}.running_mean": torch.zeros_like(variance),
        f"{name}.running_var": variance,
    }


def _norms_of(old: str, new: str, source: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the BatchNorm of the block `old` of the source under the names of the block `new`."""
    old, new = (f"{name}.bn.".lstrip(".") for name in (old, new))
    return {new + key[len(old) :]: value for key, value in source.items() if key.startswith(old)}


def upcycle_state(
    model: nn.Module,
    source_state: Mapping[str, torch.Tensor],
    source_model: nn.Module | None = None,
    noise: float = NOISE,
) -> UpcycleReport:
    """Fit a state dict to a model with dynamic convolutions; neither is changed.

    A kernel (C2, C1/g, kh, kw) that stands where the model has a dynamic convolution of that shape fills its experts
    and sets its router to zero, so the outputs stay. All else is matched by name and shape. State dicts of dynamic
    models, in either layout, pass through by name.

    `DynamicBnAct` has one norm and activation more than the plain block. Its second norm starts as the identity of
    evaluation mode. The second activation cannot be neutral: after SiLU, a ReLU removes the negative part, at most
    0.28 per element. With `act_layer=None` the outputs stay exactly; in training mode the second norm always
    normalises.

    Args:
        model: the model to be filled.
        source_state: state dict of a plain (or dynamic) model.
        source_model: the source itself, for callers that have it; the state alone says all that is needed here.
        noise: see `upcycle_kernel`.
    """
    wanted = model.state_dict()
    source = rename_legacy_keys({k: v for k, v in source_state.items() if isinstance(v, torch.Tensor)})
    state: dict[str, torch.Tensor] = {}
    upcycled, total = 0, 0
    modules = dict(model.named_modules())
    for plain, dynamic, layer in _dynamic_layers(model):
        total += 1
        kernel = source.get(f"{plain}.weight")
        if kernel is None or kernel.shape != layer.weight.shape[1:]:
            continue
        upcycled += 1
        dot = f"{dynamic}." if dynamic else ""
        bank = upcycle_kernel(kernel.float(), layer.num_experts, noise=noise, seed=zlib.crc32(dynamic.encode()))
        state[f"{dot}weight"] = bank
        state[f"{dot}routing.weight"] = torch.zeros_like(wanted[f"{dot}routing.weight"])
        state[f"{dot}routing.bias"] = torch.zeros_like(wanted[f"{dot}routing.bias"])
        block, plain_block = dynamic.rpartition(".")[0], plain.rpartition(".")[0]
        if (bias := source.get(f"{plain}.bias")) is not None:  # a folded source
            norm = f"{block}.bn".lstrip(".")
            state.update(_neutral_norm(modules.get(norm), norm, bias))
        if block != plain_block:
            source = {**source, **_norms_of(plain_block, block, source)}
            second = f"{plain_block}.bn1".lstrip(".")
            state.update(_neutral_norm(modules.get(second), second))
    made = set(state)
    for key, value in source.items():
        target = wanted.get(key)
        if key in made or target is None:
            continue
        if value.ndim == 2 and target.ndim == 5 and value.numel() == target.numel():
            value = value.view(target.shape)
        if value.shape == target.shape:
            state[key] = value
    return UpcycleReport(state, upcycled, total, len(state) - len(made), len(wanted) - len(made))
