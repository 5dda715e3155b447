"""Learning rate, momentum and gradient accumulation as pure functions of the epoch and the iteration.

Nothing here holds state: the same position always gives the same values, which is what makes an exact resume possible.
Iterations are counted over the whole run, `ni = batch index + batches * epoch`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "Step",
    "StepPlan",
    "accumulation",
    "epoch_factor",
    "multi_scale_size",
    "one_cycle",
    "scaled_decay",
    "warmup_iterations",
]


def one_cycle(y1: float = 0.0, y2: float = 1.0, steps: float = 100):
    """Return the function of a half cosine that runs from `y1` at 0 to `y2` at `steps`."""

    def ramp(x: float) -> float:
        return y1 + (y2 - y1) * (1 - math.cos(math.pi * x / steps)) / 2

    return ramp


def epoch_factor(epoch: float, epochs: int, lrf: float, cosine: bool = False) -> float:
    """Return an epoch's learning rate as a share of the initial one: 1 at the start, `lrf` after the last epoch."""
    if cosine:
        return one_cycle(1.0, lrf, epochs)(epoch)
    return lrf + (1 - lrf) * max(0.0, 1 - epoch / epochs)


def warmup_iterations(warmup_epochs: float, epochs: int, batches: int) -> int:
    """Return the number of warm-up iterations; at least one epoch always stays without warm-up. 0 means none."""
    return round(min(warmup_epochs, epochs - 1) * batches) if warmup_epochs > 0 else 0


def accumulation(nbs: int, batch: int, iterations: int | None = None) -> int:
    """Return how many batches make one optimizer step: the nominal batch size over the real one, at least 1.

    Args:
        nbs: nominal batch size.
        batch: images per iteration over all processes.
        iterations: iterations of the whole run, an upper limit (None for no limit).
    """
    steps = max(1, round(nbs / batch))
    return steps if iterations is None else max(1, min(steps, iterations))


def scaled_decay(weight_decay: float, nbs: int, batch: int) -> float:
    """Return the weight decay that gives the nominal batch size's regularisation at the batch size actually stepped."""
    return weight_decay * batch * accumulation(nbs, batch) / nbs


@dataclass(frozen=True)
class Step:
    """What an iteration uses: batches to accumulate, and per optimizer group a learning rate and a momentum or None."""

    accumulate: int
    lr: tuple[float, ...]
    momentum: tuple[float | None, ...]


@dataclass(frozen=True)
class StepPlan:
    """The warm-up: linear ramps of accumulation, learning rates and momentum over the first iterations.

    Attributes:
        warmup: number of warm-up iterations, 0 for none.
        accumulate: batches per optimizer step after the warm-up.
        bias_lr: learning rate that groups named `bias` start from; the others start from 0.
        momentum_start: momentum at iteration 0.
        momentum: momentum after the warm-up.
    """

    warmup: int
    accumulate: int
    bias_lr: float = 0.1
    momentum_start: float = 0.8
    momentum: float = 0.937

    def at(self, ni: int, factor: float, groups: Sequence[Mapping[str, Any]]) -> Step | None:
        """Return the values of iteration `ni`, or None once the warm-up is over and the scheduler's values hold.

        Args:
            ni: iteration of the run.
            factor: this epoch's `epoch_factor`.
            groups: optimizer groups with `initial_lr`, and `param_group` and `momentum` where they have them.
        """
        if not self.warmup or ni > self.warmup:
            return None
        share = ni / self.warmup
        starts = (self.bias_lr if g.get("param_group") == "bias" else 0.0 for g in groups)
        return Step(
            accumulate=max(1, round(_mix(1, self.accumulate, share))),
            lr=tuple(_mix(start, g["initial_lr"] * factor, share) for start, g in zip(starts, groups, strict=True)),
            momentum=tuple(
                _mix(self.momentum_start, self.momentum, share) if "momentum" in g else None for g in groups
            ),
        )


def multi_scale_size(imgsz: int, share: float, stride: int, seed: int, iteration: int) -> int:
    """Return the image size of an iteration under `multi_scale`, the same on all processes.

    Args:
        imgsz: nominal size.
        share: half-width of the range as a share of `imgsz`.
        stride: sizes are multiples of it.
        seed: of the run.
        iteration: of the run.
    """
    low, high = int(imgsz * (1 - share)), int(imgsz * (1 + share)) + stride
    draw = np.random.default_rng((seed & 0xFFFFFFFF, iteration)).integers(low, high)
    return max(stride, int(draw) // stride * stride)


def _mix(start: float, end: float, share: float) -> float:
    """Return the value `share` (0..1) of the way from `start` to `end`."""
    return end if share >= 1 else start + (end - start) * share
