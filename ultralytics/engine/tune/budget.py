"""A search that has to end in time: how long a trial takes, and how many there will be.

A short training before the first trial measures an epoch and what surrounds the epochs (starting, the last
validation). From then on the trials themselves tell.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.engine.tune.records import Record

__all__ = ["Clock", "Pace", "choose_epochs", "clock_text"]

PROBE_EPOCHS = 2
TRIALS_WANTED = 20  # that fit into the budget, where the user leaves the number of epochs to it
MOST_EPOCHS = 100  # the default of a training
MARGIN = 1.1  # a trial is started while so many times its expected length is left
RECENT = 5  # trials whose mean length is expected next


@dataclass(frozen=True)
class Pace:
    """How long trainings take.

    Attributes:
        epoch_seconds: one epoch, on all data sets.
        other_seconds: what is not epochs, in a trial.
    """

    epoch_seconds: float
    other_seconds: float

    def trial_seconds(self, epochs: float) -> float:
        """Return how long a trial of some epochs takes."""
        return self.other_seconds + epochs * self.epoch_seconds

    def epochs_within(self, seconds: float) -> int:
        """Return how many epochs fit into some time, 0 where not even one does."""
        return max(0, int((seconds - self.other_seconds) / max(self.epoch_seconds, 1e-6)))


@dataclass
class Clock:
    """What is left of the time.

    Args:
        hours: of the whole search, from now; None for no limit.
    """

    hours: float | None = None

    def __post_init__(self) -> None:
        self.begin = time.monotonic()
        self.expected = 0.0  # seconds of the next trial; 0 while unknown

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return float("inf") if self.hours is None else self.begin + self.hours * 3600 - time.monotonic()

    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.left <= 0

    def learn(self, records: Sequence[Record]) -> None:
        """Expect of the next trial what the last ones that did not fail took."""
        took = [record.seconds for record in records if not record.failed_datasets and record.seconds > 0][-RECENT:]
        self.expected = sum(took) / len(took) if took else self.expected

    def fits_another(self) -> bool:
        """Whether another trial would end in time."""
        return self.left > MARGIN * self.expected


def choose_epochs(pace: Pace, seconds: float, given: int | None) -> int:
    """Return the epochs of every trial: those of the user, else as many as leave time for enough trials.

    Raises:
        ConfigValueError: not even one trial fits; says what would.
    """
    if given is None:
        return min(max(1, pace.epochs_within(seconds / TRIALS_WANTED / MARGIN)), MOST_EPOCHS)
    needed = MARGIN * pace.trial_seconds(given)
    if needed > seconds:
        most = pace.epochs_within(seconds / MARGIN)
        advice = f"epochs={most} or fewer" if most else "more time"
        raise ConfigValueError(
            f"budget: one trial of {given} epochs takes about {clock_text(needed)}, and {clock_text(seconds)} are "
            f"left; it takes {advice}."
        )
    return given


def clock_text(seconds: float) -> str:
    """Return a length of time for people: `45 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
