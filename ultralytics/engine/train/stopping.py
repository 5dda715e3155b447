"""When to stop before the last epoch: no progress for a while, or the time is up."""

from __future__ import annotations

import math
from typing import Any

from ultralytics.utils.log import LOGGER

__all__ = ["EarlyStopping", "epochs_in_time"]


class EarlyStopping:
    """Ask to stop when the fitness has not risen for `patience` epochs.

    While the best fitness is still 0 every epoch counts as progress: a run that has not found anything yet is not over.

    Args:
        patience: epochs to wait; 0 or infinity never stops.
    """

    def __init__(self, patience: float = 50) -> None:
        self.best_fitness = 0.0
        self.best_epoch = 0
        self.patience = patience or math.inf
        self.possible_stop = False

    def __call__(self, epoch: int, fitness: float | None) -> bool:
        """Take note of an epoch's fitness (None when it was not measured) and return whether to stop."""
        if fitness is None:
            return False
        if fitness > self.best_fitness or self.best_fitness == 0:
            self.best_epoch, self.best_fitness = epoch, fitness
        waited = epoch - self.best_epoch
        self.possible_stop = waited >= self.patience - 1
        stop = waited >= self.patience
        if stop:
            LOGGER.info(
                f"Stopping early: no improvement in the last {self.patience} epochs. Best results at epoch "
                f"{self.best_epoch + 1}, saved as best.pt. For a longer wait set patience, such as "
                f"patience={int(self.patience) * 2}; patience=0 turns early stopping off."
            )
        return stop

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to stop at the same epoch."""
        return {
            "best_fitness": self.best_fitness,
            "best_epoch": self.best_epoch,
            "possible_stop": self.possible_stop,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state (older files lack some of its keys)."""
        self.best_fitness = float(state.get("best_fitness") or 0.0)
        self.best_epoch = int(state.get("best_epoch") or 0)
        self.possible_stop = bool(state.get("possible_stop", False))


def epochs_in_time(hours: float, elapsed_s: float, done: int) -> int:
    """Return how many epochs of the mean length so far fit into a time budget.

    Args:
        hours: budget of the whole run.
        elapsed_s: seconds used so far.
        done: epochs finished so far, at least 1.
    """
    return max(done, math.ceil(hours * 3600 / (elapsed_s / done)))
