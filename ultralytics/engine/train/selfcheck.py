"""Measuring which arithmetic trains a model fastest on this processor, and remembering the answer.

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

__all__ = ["fastest_mode", "fastest_threads", "remembered"]

LOSS_TOLERANCE = 0.05  # relative difference of the loss that counts as agreement
WORTHWHILE = 0.95  # share of the reference time below which another arithmetic is taken
LAYOUT_WORTHWHILE = 0.99  # the same where only the memory layout differs, which changes no number's precision
THREADS_WORTHWHILE = 0.9  # the same for another number of threads, whose times vary more
TRIAL_SECONDS = 0.4  # per mode, after one untimed step
TRIAL_STEPS = 5  # and no fewer steps than this
THREAD_ROUNDS, THREAD_STEPS = 2, 3  # turns, and steps per turn, of each number of threads


def remembered(work: Any, modes: Sequence[Precision], counts: Sequence[int], memory: Path | None = None) -> Precision:
    """Return the verdict found earlier for this machine, model and batch, or find it and remember it.

    Args:
        work: see `amp.Workload`.
        modes: arithmetics to choose from, the reference first, with the careful number of threads.
        counts: numbers of threads to choose from, the careful one first.
        memory: file of verdicts; None takes the one in the user's configuration folder.
    """
    file = memory or get_user_config_dir() / "precision.json"
    batch = work.batch()
    key = fingerprint(work.model, modes, counts, batch)
    known = _read(file)
    if key in known:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            found = Precision.from_state(known[key])
            return replace(found, note=f"{found.note}; measured earlier, delete {file} to measure again")
    verdict = fastest_threads(work, modes[0], counts) if len(counts) > 1 else modes[0]
    if len(modes) > 1:  # at the number of threads of the run: which layout is faster depends on it
        modes = [replace(mode, threads=verdict.threads, spare_s=verdict.spare_s) for mode in modes]
        found = fastest_mode(work.model, modes, batch)
        verdict = replace(found, note="; ".join(note for note in (found.note, verdict.note) if note))
    try:
        with atomic_write(file, "w") as out:
            json.dump({**known, key: verdict.state()}, out, indent=1)
    except OSError as error:
        LOGGER.warning(f"the speed check's verdict could not be remembered: {error}")
    return verdict


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


def fastest_mode(model: nn.Module, modes: Sequence[Precision], batch: Mapping[str, Any]) -> Precision:
    """Time training steps in each mode and return the fastest whose loss agrees with that of the first one.

    Another type than that of the first has to be clearly faster, another layout faster at all. What counts is the
    median of the ratios of neighbouring steps: a machine that others use changes its speed by more than the modes
    differ.
    """
    trials = [Trial(model, mode) for mode in modes]
    losses = [trial.step(batch) for trial in trials]  # untimed: kernels are chosen and memory is mapped here
    begin = time.perf_counter()
    for turn in itertools.count():
        if turn >= TRIAL_STEPS and time.perf_counter() - begin >= TRIAL_SECONDS * len(trials):
            break
        for trial in trials:  # in turns, so that a busy machine slows all modes alike
            trial.timed_step(batch)
    reference, expected = trials[0], losses[0]
    agreeing = [
        trial
        for trial, loss in zip(trials, losses, strict=True)
        if math.isfinite(loss) and abs(loss - expected) <= LOSS_TOLERANCE * abs(expected)
    ]
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

    def step(self, batch: Mapping[str, Any]) -> float:
        """Run one forward and backward pass and return the loss."""
        torch.manual_seed(0)  # the same dropout in every mode
        self.mode.apply_threads()
        images = self.mode.lay_out(batch["img"])
        with self.mode.autocast(images.device):
            loss = self.model({**batch, "img": images})[0].sum()
        loss.backward()
        self.model.zero_grad(set_to_none=True)
        return float(loss.detach())

    def timed_step(self, batch: Mapping[str, Any]) -> None:
        """Run a step and note how long it took."""
        begin = time.perf_counter()
        self.step(batch)
        self.times.append(time.perf_counter() - begin)
