"""Base of the experiment loggers: when one takes part, and which events it gets.

A logger is a class with one method for each event it wants; the state of a run lives in its instance. Whatever goes
wrong inside a logger is reported once and ends the logging, never the training.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ultralytics.utils import env
from ultralytics.utils.callbacks.events import EVENTS
from ultralytics.utils.log import LOGGER
from ultralytics.utils.settings import SETTINGS

__all__ = [
    "Integration",
    "functions_of",
    "is_wanted",
    "learning_losses",
    "model_facts",
    "numbers",
    "plot_files",
    "split_batch",
    "train_scalars",
]


def is_wanted(setting: str, package: str) -> bool:
    """Whether a logger takes part: its setting is on, its package is installed, no test runner drives the process."""
    return SETTINGS.get(setting) is True and find_spec(package) is not None and not env.is_pytest_running()


class Integration:
    """One experiment logger for one run."""

    name = ""

    def __init__(self) -> None:
        self.failed = False

    def events(self) -> dict[str, Callable[[Any], None]]:
        """Return event name to guarded method, for the events this logger has a method for."""
        return {event: Guarded(self, event) for event in EVENTS if hasattr(self, event)}


class Guarded:
    """Callback that runs one method of a logger and switches the logger off at its first error."""

    def __init__(self, logger: Integration, event: str):
        self.logger = logger
        self.event = event
        functools.update_wrapper(self, getattr(type(logger), event))

    def __call__(self, runner: Any) -> None:
        if self.logger.failed:
            return
        try:
            getattr(self.logger, self.event)(runner)
        except Exception as error:
            self.logger.failed = True
            LOGGER.warning(
                f"{self.logger.name} logging stopped, {self.event} failed with {type(error).__name__}: {error}. "
                "The run goes on without it."
            )


def functions_of(kind: type[Integration]) -> list[Callable[[Any], None]]:
    """Return the events of a logger as plain functions, in the order of `EVENTS`, for scripts that add them themselves.

    Every run gets one logger, which the functions find again; it is the one that listens to the run where one does.
    """

    def function(event: str) -> Callable[[Any], None]:
        @functools.wraps(getattr(kind, event))
        def announce(runner: Any) -> None:
            Guarded(_logger_of(runner, kind), event)(runner)

        announce.__qualname__, announce.__module__ = event, kind.__module__
        return announce

    return [function(event) for event in EVENTS if hasattr(kind, event)]


def _logger_of(runner: Any, kind: type[Integration]) -> Integration:
    """Return the logger of this kind that belongs to a run; made and kept there the first time."""
    listening = (f for functions in getattr(runner, "callbacks", {}).values() for f in functions)
    found = next((f.logger for f in listening if isinstance(f, Guarded) and isinstance(f.logger, kind)), None)
    if found is not None:
        return found
    kept = vars(runner).setdefault("_loggers", {})
    if kind not in kept:
        kept[kind] = kind()
    return kept[kind]


def train_scalars(trainer: Any) -> dict[str, float]:
    """Return the mean losses of the epoch (`train/...`) and the learning rates (`lr/...`) as numbers."""
    return {**learning_losses(trainer), **numbers(trainer.lr)}


def learning_losses(trainer: Any) -> dict[str, float]:
    """Return the mean losses of the epoch (`train/...`) as numbers."""
    return numbers(trainer.label_loss_items(trainer.tloss, prefix="train"))


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the values as plain floats; those that are none are left out."""
    found = {}
    for key, value in values.items():
        try:
            found[key] = float(value)
        except (TypeError, ValueError):
            continue
    return found


def model_facts(trainer: Any) -> dict[str, float]:
    """Return size, cost and speed of the model (`model/...`) after the first epoch of a run, nothing later."""
    return numbers(trainer.model_facts()) if trainer.epoch == 0 else {}


def split_batch(file: Path) -> tuple[str, int | None]:
    """Return the name of a picture without the number of its batch, and that number: `val_batch0_pred.jpg` has 0."""
    found = re.search(r"_batch(\d+)", file.name)
    return (file.name.replace(found[0], ""), int(found[1])) if found else (file.name, None)


def plot_files(runner: Any) -> list[Path]:
    """Return the picture files that a trainer or validator has written so far."""
    return [path for path in map(Path, getattr(runner, "plots", None) or {}) if path.is_file()]
