"""Measuring which arithmetic trains a model fastest on this processor, and remembering the answer.

A run that is too short for that takes the answer for a longer one, or else what is usually fastest, after one look at
whether the loss is the same.

Weights, BatchNorm statistics and gradients of the model stay as they are: everything runs on copies. The caller guards
the random generators.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
import json
import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter, truediv
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.engine.train.mode import Precision
from ultralytics.utils.device import get_cpu_info
from ultralytics.utils.files import atomic_write
from ultralytics.utils.literals import mark_of
from ultralytics.utils.log import LOGGER
from ultralytics.utils.paths import get_user_config_dir

__all__ = ["SHORT", "fastest_mode", "fastest_threads", "pays", "remembered", "unmeasured"]

LOSS_TOLERANCE = 0.05  # relative difference of the loss that counts as agreement
WORTHWHILE = 0.95  # share of the reference time below which another arithmetic is taken
LAYOUT_WORTHWHILE = 0.99  # the same where only the memory layout differs, which changes no number's precision
THREADS_WORTHWHILE = 0.9  # the same for another number of threads, whose times vary more
TRIAL_SECONDS = 0.4  # per mode, after one untimed step
TRIAL_STEPS = 5  # and no fewer steps than this
THREAD_ROUNDS, THREAD_STEPS = 2, 3  # turns, and steps per turn, of each number of threads
SHARE = 0.05  # of a run that a check may take
SHORT = "a short run, not worth a speed check"


def pays(work: Any, modes: Sequence[Precision], counts: Sequence[int]) -> bool:
    """Return whether a run is long enough for measuring; takes the arguments of `remembered`."""
    steps = len(counts) * (1 + THREAD_ROUNDS * THREAD_STEPS) if len(counts) > 1 else 0
    steps += len(modes) * (1 + TRIAL_STEPS) if len(modes) > 1 else 0
    return steps <= SHARE * work.steps


def remembered(work: Any, modes: Sequence[Precision], counts: Sequence[int], memory: Path | None = None) -> Precision:
    """Return the verdict found earlier for this machine, model and batch, or find it and remember it.

    Args:
        work: see `amp.Workload`.
        modes: arithmetics to choose from, the reference first, with the careful number of threads.
        counts: numbers of threads to choose from, the careful one first.
        memory: file of verdicts; None takes the one in the user's configuration folder.
    """
    file = memory or _file()
    batch = work.batch()
    key = fingerprint(work.model, modes, counts, batch)
    known = _read(file)
    if (found := _recalled(known, key, file)) is not None:
        return found
    verdict = fastest_threads(work, modes[0], counts) if len(counts) > 1 else modes[0]
    if len(modes) > 1:  # at the number of threads of the run: which layout is faster depends on it
        modes = [replace(mode, threads=verdict.threads, spare_s=verdict.spare_s) for mode in modes]
        found = fastest_mode(work.model, modes, batch, work.steps)
        verdict = replace(found, note="; ".join(note for note in (found.note, verdict.note) if note))
    try:
        with atomic_write(file, "w") as out:
            json.dump({**known, key: verdict.state()}, out, indent=1)
    except OSError as error:
        LOGGER.warning(f"the speed check's verdict could not be remembered: {error}")
    return verdict


def unmeasured(
    work: Any, modes: Sequence[Precision], counts: Sequence[int], usual: Precision, memory: Path | None = None
) -> Precision:
    """Return the arithmetic of a run that is too short for measuring.

    That is a longer run's verdict for this machine, model and batch, or all cores and the usual arithmetic. Shorter
    numbers than the reference's are taken only after a look at the loss, which costs about a step.

    Args:
        work, modes, counts, memory: see `remembered`.
        usual: one of `modes`.
    """
    file = memory or _file()
    known, looks = _read(file), SHARE * work.steps >= 1
    batch = work.batch() if known or looks else {}
    if known and (found := _recalled(known, fingerprint(work.model, modes, counts, batch), file)) is not None:
        return found
    chosen, note = usual if looks else replace(usual, dtype=modes[0].dtype), SHORT
    if looks:
        # In the same layout, as the order of values in memory decides which of them a dropout takes.
        expected, _ = _look(work.model, replace(usual, dtype=modes[0].dtype), batch)
        loss, seconds = _look(work.model, usual, batch)
        if not agree(expected, loss):
            chosen, note = replace(usual, dtype=modes[0].dtype), f"{SHORT}; {usual.dtype} gives another loss"
        elif len(counts) > 1:  # backward costs two forward passes
            chosen = replace(chosen, spare_s=3 * seconds * work.images / len(batch["img"]))
    return replace(chosen, threads=counts[-1], note=note)


@torch.no_grad()
def _look(model: nn.Module, mode: Precision, batch: Mapping[str, Any]) -> tuple[float, float]:
    """Return the loss of a batch in a mode, and the seconds that it took."""
    trial = Trial(model, mode)
    begin = time.perf_counter()
    return trial.loss(batch).item(), time.perf_counter() - begin


def agree(expected: float, loss: float) -> bool:
    """Whether a loss is near enough to that of the reference."""
    return math.isfinite(loss) and abs(loss - expected) <= LOSS_TOLERANCE * abs(expected)


def _file() -> Path:
    return get_user_config_dir() / "precision.json"


def _recalled(known: Mapping[str, Any], key: str, file: Path) -> Precision | None:
    """Return the verdict of that name, None where there is none or it is damaged."""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        found = Precision.from_state(known[key])
        return replace(found, note=f"{found.note}; measured earlier, delete {file} to measure again")
    return None


def _read(file: Path) -> dict[str, Any]:
    """Return the remembered verdicts, none where the file is missing or damaged."""
    content = mark_of(file)
    return content if isinstance(content, dict) else {}


def fingerprint(model: nn.Module, modes: Sequence[Precision], counts: Sequence[int], batch: Mapping[str, Any]) -> str:
    """Return a short key of everything that the verdict depends on."""
    facts = [torch.__version__, get_cpu_info(), str(modes), str(counts), str(tuple(batch["img"].shape))]
    facts += [type(m).__name__ for m in model.modules()]
    facts += [f"{name}{tuple(p.shape)}" for name, p in model.named_parameters()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def fastest_mode(
    model: nn.Module, modes: Sequence[Precision], batch: Mapping[str, Any], steps: float = math.inf
) -> Precision:
    """Time training steps in each mode and return the fastest whose loss agrees with that of the first one.

    Another type than that of the first has to be clearly faster, another layout faster at all. What counts is the
    median of the ratios of neighbouring steps: a machine that others use changes its speed by more than the modes
    differ.

    Args:
        model: the network; copies of it are trained.
        modes: arithmetics to choose from, the reference first.
        batch: what to train on.
        steps: of the run, of which this may take no more than half of `SHARE` where five steps in each mode take less.
    """
    trials = [Trial(model, mode) for mode in modes]
    start = time.perf_counter()
    losses = [trial.step(batch) for trial in trials]  # untimed: kernels are chosen and memory is mapped here
    begin = time.perf_counter()
    enough = min(TRIAL_SECONDS * len(trials), SHARE / 2 * steps * (begin - start) / len(trials))
    for turn in itertools.count():
        if turn >= TRIAL_STEPS and time.perf_counter() - begin >= enough:
            break
        for trial in trials:  # in turns, so that a busy machine slows all modes alike
            trial.timed_step(batch)
    reference, expected = trials[0], losses[0]
    agreeing = [trial for trial, loss in zip(trials, losses, strict=True) if agree(expected, loss)]
    ratios = [(statistics.median(map(truediv, trial.times, reference.times)), trial) for trial in agreeing]
    gains = [
        (ratio, trial)
        for ratio, trial in ratios
        if ratio <= (LAYOUT_WORTHWHILE if trial.mode.dtype == reference.mode.dtype else WORTHWHILE)
    ]
    ratio, best = min(gains, key=itemgetter(0), default=(1.0, reference))
    if best is reference:
        return replace(reference.mode, note="no other arithmetic is clearly faster")
    difference = abs(losses[trials.index(best)] / expected - 1) if expected else 0.0
    note = f"{ratio:.2f} of {reference.mode.dtype}'s time, loss within {difference:.1%}"
    return replace(best.mode, note=note, spare_s=best.mode.spare_s * ratio)


def fastest_threads(work: Any, mode: Precision, counts: Sequence[int]) -> Precision:
    """Time steps on batches from the working loader with each number of threads and return the mode with the best one.

    Here the mean counts, not the shortest time: what disturbs these steps will disturb the run too.
    """
    trials = [Trial(work.model, replace(mode, threads=count)) for count in counts]
    stream: Iterator[Mapping[str, Any]] = work.stream()
    with contextlib.closing(stream):
        for trial in trials:
            trial.step(next(stream))
        for _ in range(THREAD_ROUNDS):
            for trial in trials:
                for _ in range(THREAD_STEPS):
                    trial.timed_step(next(stream))
    careful, best = trials[0], min(trials, key=lambda trial: sum(trial.times))
    share = sum(best.times) / sum(careful.times)
    if best is careful or share > THREADS_WORTHWHILE:
        return replace(careful.mode, note="more threads gain nothing")
    seconds = sum(careful.times) / len(careful.times)
    return replace(best.mode, note=f"{share:.2f} of the time with {careful.mode.threads}", spare_s=seconds)


class Trial:
    """One mode with its own copy of the model, and its times in seconds."""

    def __init__(self, model: nn.Module, mode: Precision) -> None:
        self.mode = mode
        self.model = copy.deepcopy(model).train()
        self.times: list[float] = []
        mode.apply_layout(self.model)

    def loss(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Run a forward pass and return the loss."""
        torch.manual_seed(0)  # the same dropout in every mode
        self.mode.apply_threads()
        images = self.mode.lay_out(batch["img"])
        with self.mode.autocast(images.device):
            return self.model({**batch, "img": images})[0].sum()

    def step(self, batch: Mapping[str, Any]) -> float:
        """Run one forward and backward pass and return the loss."""
        loss = self.loss(batch)
        loss.backward()
        self.model.zero_grad(set_to_none=True)
        return float(loss.detach())

    def timed_step(self, batch: Mapping[str, Any]) -> None:
        """Run a step and note how long it took."""
        begin = time.perf_counter()
        self.step(batch)
        self.times.append(time.perf_counter() - begin)
