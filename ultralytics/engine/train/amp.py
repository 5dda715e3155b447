"""Arithmetic of a training run: float32, bfloat16 or float16, and the memory layout, decided once and then kept.

On CUDA mixed precision is the rule. On a processor it pays only where bfloat16 products are instructions, and how much
depends on the model, so a short self-check measures a few training steps of a copy of the model and compares the
losses. The verdict is remembered per machine and model, because a second run with the same seed should do the same
arithmetic, and stored in checkpoints, so that a resumed run goes on bit by bit.

Master weights, optimizer state and losses are float32 in every mode; only the network's matrix products are shortened.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.utils.device import cpu_has_bf16, get_cpu_info, get_gpu_info
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER
from ultralytics.utils.paths import get_user_config_dir
from ultralytics.utils.seeds import rng_state, set_rng_state

__all__ = ["Precision", "choose_precision", "requested_dtype", "self_check"]

LOSS_TOLERANCE = 0.05  # relative difference of the loss that counts as agreement
WORTHWHILE = 0.9  # share of the reference time below which another mode is taken
SHORT_RUN_GFLOP = 4000.0  # runs below this many billion operations are over before a check has paid for itself
TRIAL_SECONDS = 0.5  # per mode, after one untimed step
UNSAFE_FP16_GPUS = ("GTX 16", "T400", "T500", "T550", "T600", "T1000", "T1200", "T2000", "K40m")  # wrong half results


@dataclass(frozen=True)
class Precision:
    """How the network computes.

    Attributes:
        dtype: `float32`, `bfloat16` or `float16`, the type of matrix products under autocast.
        channels_last: keep images and kernels in NHWC order in memory.
        note: why, for the log.
    """

    dtype: str = "float32"
    channels_last: bool = False
    note: str = ""

    def __str__(self) -> str:
        layout = ", NHWC layout" if self.channels_last else ""
        return f"{self.dtype}{layout}{f' ({self.note})' if self.note else ''}"

    @property
    def mixed(self) -> bool:
        """Whether autocast is on."""
        return self.dtype != "float32"

    @property
    def scaled(self) -> bool:
        """Whether gradients need loss scaling to stay above the type's smallest number."""
        return self.dtype == "float16"

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager:
        """Return the context that the forward pass runs in."""
        if not self.mixed:
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=getattr(torch, self.dtype))

    def without_mixed(self, note: str) -> Precision:
        """Return the same layout in float32."""
        return Precision("float32", self.channels_last, note)

    def apply_layout(self, model: nn.Module) -> None:
        """Put the model's kernels into the chosen memory order, in place."""
        if self.channels_last:
            model.to(memory_format=torch.channels_last)

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Precision:
        """Rebuild from `state`."""
        return cls(str(state["dtype"]), bool(state["channels_last"]), str(state.get("note", "")))


def requested_dtype(amp: bool | str) -> str:
    """Return the type that the `amp` argument asks for: `float32`, `bfloat16`, `float16` or `auto` (for True).

    Raises:
        ValueError: for other values.
    """
    names = {"true": "auto", "fp16": "float16", "bf16": "bfloat16", "false": "float32", "fp32": "float32"}
    key = str(amp).lower()
    if key not in names:
        raise ValueError(f"amp={amp!r} is not valid; choose from True, False, 'fp16', 'bf16' and 'fp32'.")
    return names[key]


def choose_precision(
    amp: bool | str,
    channels_last: bool | None,
    device: torch.device,
    model: nn.Module,
    trial_batch: Callable[[], dict[str, Any]],
    run_gflop: float,
    memory: Path | None = None,
) -> Precision:
    """Decide type and layout of a run.

    Args:
        amp: the argument of that name.
        channels_last: the argument of that name; None decides here.
        device: where the run computes.
        model: the network; it is copied, not touched.
        trial_batch: returns a small batch, preprocessed, for the self-check. Called only when one is made.
        run_gflop: work of the whole run, to skip the check where it cannot pay.
        memory: file that remembers verdicts; None takes the one in the user's configuration folder.
    """
    wanted = requested_dtype(amp)
    if device.type == "cuda":
        return _on_cuda(wanted, channels_last, device)
    if device.type != "cpu":
        return Precision(channels_last=bool(channels_last))
    if wanted == "float16":
        LOGGER.warning(
            "amp='fp16' needs a GPU: half-precision training on a processor is slow. Using bfloat16 instead."
        )
        wanted = "bfloat16"
    dtypes = {"auto": ("float32", "bfloat16") if cpu_has_bf16() else ("float32",)}.get(wanted, (wanted,))
    layouts = (False, True) if channels_last is None else (channels_last,)
    modes = [Precision(dtype, layout) for dtype in dtypes for layout in layouts]
    if len(modes) == 1:
        return replace(modes[0], note="as asked for")
    if run_gflop < SHORT_RUN_GFLOP:
        return replace(modes[0], note="short run, not worth a speed check")
    return _remembered(model, modes, trial_batch, memory)


def _on_cuda(wanted: str, channels_last: bool | None, device: torch.device) -> Precision:
    """Mixed precision and NHWC unless switched off; cards known for wrong half-precision results stay in float32."""
    layout = True if channels_last is None else channels_last
    if wanted != "auto":
        return Precision(wanted, layout, "as asked for")
    name = get_gpu_info(device.index or 0)
    if any(bad in name for bad in UNSAFE_FP16_GPUS):
        LOGGER.warning(f"{name} computes wrong half-precision results; mixed precision is off.")
        return Precision("float32", layout, "unsafe half precision")
    return Precision("float16", layout, "mixed precision on CUDA")


def _remembered(
    model: nn.Module, modes: list[Precision], trial_batch: Callable[[], dict[str, Any]], memory: Path | None
) -> Precision:
    """Return the verdict found earlier for this machine, model and batch, or find it and remember it."""
    file = memory or get_user_config_dir() / "precision.json"
    state = rng_state()
    try:
        batch = trial_batch()
        key = _fingerprint(model, modes, batch)
        known = _read(file)
        if key in known:
            with contextlib.suppress(KeyError, TypeError):
                found = Precision.from_state(known[key])
                return replace(found, note=f"{found.note}; measured earlier, delete {file} to measure again")
        verdict = self_check(model, modes, batch)
    finally:
        set_rng_state(state)
    try:
        with atomic_write(file, "w") as out:
            json.dump({**known, key: verdict.state()}, out, indent=1)
    except OSError as error:
        LOGGER.warning(f"the speed check's verdict could not be remembered: {error}")
    return verdict


def _read(file: Path) -> dict[str, Any]:
    """Return the remembered verdicts, none where the file is missing or damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _fingerprint(model: nn.Module, modes: list[Precision], batch: Mapping[str, Any]) -> str:
    """Return a short key of everything that the verdict depends on."""
    facts = [
        torch.__version__,
        get_cpu_info(),
        str(torch.get_num_threads()),
        str(modes),
        str(tuple(batch["img"].shape)),
    ]
    facts += [f"{type(m).__name__}" for m in model.modules()]
    facts += [f"{name}{tuple(p.shape)}" for name, p in model.named_parameters()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def self_check(model: nn.Module, modes: list[Precision], batch: Mapping[str, Any]) -> Precision:
    """Time a few training steps of a copy of the model in each mode and return the fastest whose loss agrees.

    The first mode is the reference; another one has to be clearly faster. Weights, BatchNorm statistics and gradients
    of `model` stay as they are; the caller guards the random generators.
    """
    trials = [_Trial(model, mode, batch) for mode in modes]
    losses = [trial.step() for trial in trials]  # untimed: kernels are chosen and memory is mapped here
    begin = time.perf_counter()
    while time.perf_counter() - begin < TRIAL_SECONDS * len(trials):
        for trial in trials:  # interleaved, so that a busy machine slows all modes alike
            trial.timed_step()
    reference, expected = trials[0], losses[0]
    agreeing = [
        trial
        for trial, loss in zip(trials, losses, strict=True)
        if math.isfinite(loss) and abs(loss - expected) <= LOSS_TOLERANCE * abs(expected)
    ]
    best = min(agreeing, key=lambda trial: trial.seconds, default=reference)
    ratio = best.seconds / reference.seconds
    if best is reference or ratio > WORTHWHILE:
        return replace(reference.mode, note="no other mode is clearly faster here")
    difference = abs(losses[trials.index(best)] / expected - 1) if expected else 0.0
    return replace(best.mode, note=f"{ratio:.2f} of the float32 time, loss within {difference:.1%}")


class _Trial:
    """One mode with its own copy of the model."""

    def __init__(self, model: nn.Module, mode: Precision, batch: Mapping[str, Any]) -> None:
        self.mode = mode
        self.model = copy.deepcopy(model).train()
        self.seconds = math.inf
        mode.apply_layout(self.model)
        self.batch = dict(batch)
        if mode.channels_last:
            self.batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)

    def step(self) -> float:
        """Run one forward and backward pass and return the loss."""
        torch.manual_seed(0)  # the same dropout in every mode
        with self.mode.autocast(self.batch["img"].device):
            loss = self.model(self.batch)[0].sum()
        loss.backward()
        self.model.zero_grad(set_to_none=True)
        return float(loss.detach())

    def timed_step(self) -> None:
        """Keep the shortest step time: anything longer was disturbed."""
        begin = time.perf_counter()
        self.step()
        self.seconds = min(self.seconds, time.perf_counter() - begin)
