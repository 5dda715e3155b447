"""How a training run computes: type of the matrix products, memory layout, threads. Decided once and then kept.

On CUDA mixed precision is the rule. On a processor it pays only where bfloat16 products are instructions; how much, and
which layout and number of threads are best, depends on model and machine, so a short self-check measures them
(`selfcheck.py`). All three change the last bits of results, so the verdict is remembered per machine and model (a
second run with the same seed does the same arithmetic) and stored in checkpoints (a resumed run goes on bit by bit).
Runs that would spend more than a twentieth of their steps on it take a default instead.

Master weights, optimizer state and losses are float32 in every mode; only the network's matrix products are shortened.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.engine.train import selfcheck
from ultralytics.engine.train.mode import Precision
from ultralytics.utils.device import cpu_has_bf16, get_gpu_info
from ultralytics.utils.log import LOGGER
from ultralytics.utils.seeds import rng_state, set_rng_state

__all__ = ["Workload", "check_amp", "choose_precision", "requested_dtype"]

TINY_STEP_GFLOP = 3.0  # steps below this lose more by waiting for threads than they win
UNSAFE_FP16_GPUS = ("GTX 16", "T400", "T500", "T550", "T600", "T1000", "T1200", "T2000", "K40m")  # wrong half results


@dataclass(frozen=True)
class Workload:
    """What there is to compute, for the decision.

    Attributes:
        model: the network; it is copied, not touched.
        step_gflop: billion operations of one training step.
        steps: of the whole run.
        images: pictures of one step.
        batch: returns a small preprocessed batch.
        stream: returns an endless iterator over preprocessed batches as training gets them, loader at work.
    """

    model: nn.Module
    step_gflop: float
    steps: float
    images: int
    batch: Callable[[], dict[str, Any]]
    stream: Callable[[], Iterator[dict[str, Any]]]


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
    work: Workload,
    threads: int = 1,
    pinned: bool = False,
    memory: Path | None = None,
) -> Precision:
    """Decide type, layout and threads of a run.

    Args:
        amp: the argument of that name.
        channels_last: the argument of that name; None decides here.
        device: where the run computes.
        work: what there is to compute.
        threads: processor threads that the run may have.
        pinned: the user has fixed that number.
        memory: file that remembers verdicts; None takes the one in the user's configuration folder.
    """
    wanted = requested_dtype(amp)
    if device.type == "cuda":
        return _on_cuda(wanted, channels_last, device)
    if device.type != "cpu":
        return Precision(channels_last=bool(channels_last))
    if wanted == "float16":
        LOGGER.warning("amp='fp16' needs a GPU; on a processor bfloat16 is used instead.")
        wanted = "bfloat16"
    dtypes = {"auto": ("float32", "bfloat16") if cpu_has_bf16() else ("float32",)}.get(wanted, (wanted,))
    layouts = (False, True) if channels_last is None else (channels_last,)
    counts = [threads] if pinned else thread_counts(threads, work.step_gflop)
    modes = [Precision(dtype, layout, counts[0]) for dtype in dtypes for layout in layouts]
    if len(modes) * len(counts) == 1:
        return modes[0]
    state = rng_state()
    try:
        if selfcheck.pays(work, modes, counts):
            return selfcheck.remembered(work, modes, counts, memory)
        if work.step_gflop < TINY_STEP_GFLOP:
            return replace(modes[0], note=selfcheck.SHORT)
        usual = modes[-1] if cpu_has_bf16() else modes[0]
        return selfcheck.unmeasured(work, modes, counts, usual, memory)
    finally:
        set_rng_state(state)


def thread_counts(available: int, step_gflop: float) -> list[int]:
    """Return the numbers of threads to choose from, the careful one first.

    All cores are fastest while nothing else runs. But threads wait for each other thousands of times in a step, so one
    core that is lent to somebody else (the data loader, another program) holds up all of them; one thread less than
    cores is immune to one such guest.
    """
    if available == 1 or step_gflop < TINY_STEP_GFLOP:
        return [1]
    return [available - 1, available]


def _on_cuda(wanted: str, channels_last: bool | None, device: torch.device) -> Precision:
    """Mixed precision and NHWC unless switched off; cards known for wrong half-precision results stay in float32."""
    layout = True if channels_last is None else channels_last
    if wanted != "auto":
        return Precision(wanted, layout)
    name = get_gpu_info(device.index or 0)
    if any(bad in name for bad in UNSAFE_FP16_GPUS):
        LOGGER.warning(f"{name} computes wrong half-precision results; mixed precision is off.")
        return Precision("float32", layout)
    return Precision("float16", layout)


def check_amp(model: nn.Module) -> bool:
    """Whether mixed precision gives a network on a GPU what float32 gives; False on other devices.

    A picture of noise goes through a copy of the network in both precisions; where the outputs differ by more than a
    tenth of their range, or are not finite, the card computes wrong half-precision results.

    Args:
        model: on its device, expecting three channels; not changed.
    """
    device = next(model.parameters()).device
    if device.type != "cuda":
        return False
    probe = copy.deepcopy(model).eval().float()
    image = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.inference_mode():
        exact = _first_tensor(probe(image)).float()
        with torch.autocast("cuda"):
            short = _first_tensor(probe(image)).float()
    same = agree(exact, short)
    if not same:
        LOGGER.warning(f"{get_gpu_info(device.index or 0)} computes wrong half-precision results: use amp=False.")
    return same


def agree(exact: torch.Tensor, short: torch.Tensor) -> bool:
    """Whether outputs in half precision are finite and, on average, within a tenth of the exact ones' range."""
    off = float((short - exact).abs().mean())
    return bool(short.isfinite().all()) and off <= 0.1 * float(exact.max() - exact.min())


def _first_tensor(y: Any) -> torch.Tensor:
    """Return the first tensor of a network's output."""
    while not isinstance(y, torch.Tensor):
        y = next(iter(y.values())) if isinstance(y, dict) else y[0]
    return y
