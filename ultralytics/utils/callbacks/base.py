"""Callback tables: the empty one every runner starts with, and adding the experiment loggers to a trainer's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ultralytics.utils import env
from ultralytics.utils.callbacks.events import EVENTS
from ultralytics.utils.callbacks.integration import Guarded, is_wanted
from ultralytics.utils.lazy import offer

__all__ = ["INTEGRATIONS", "active_callbacks", "add_integration_callbacks", "get_default_callbacks"]

# setting, importable package, class of the logger
INTEGRATIONS = (
    ("tensorboard", "tensorboard", "ultralytics.utils.callbacks.tensorboard:TensorBoard"),
    ("wandb", "wandb", "ultralytics.utils.callbacks.wb:WeightsAndBiases"),
    ("mlflow", "mlflow", "ultralytics.utils.callbacks.mlflow:MLflow"),
    ("clearml", "clearml", "ultralytics.utils.callbacks.clearml:ClearML"),
    ("comet", "comet_ml", "ultralytics.utils.callbacks.comet:Comet"),
    ("dvc", "dvclive", "ultralytics.utils.callbacks.dvc:DVCLive"),
    ("raytune", "ray", "ultralytics.utils.callbacks.raytune:RayTune"),
)


def get_default_callbacks() -> dict[str, list[Callable[[Any], None]]]:
    """Return a new table with an empty list for every event; further event names may be added."""
    return defaultdict(list, {event: [] for event in EVENTS})


def active_callbacks(module: str) -> dict[str, Callable[[Any], None]]:
    """Return the event functions of a logger's module, none where that logger does not take part.

    Args:
        module: dotted name of a module of `INTEGRATIONS`.
    """
    rows = ((setting, package) for setting, package, target in INTEGRATIONS if target.partition(":")[0] == module)
    if not any(is_wanted(*row) for row in rows):
        return {}
    home = import_module(module)
    return {event: vars(home)[event] for event in EVENTS if event in vars(home)}


def add_integration_callbacks(instance: Any) -> None:
    """Add the wanted experiment loggers to a trainer's callbacks, each once; other runners and ranks get none.

    Args:
        instance: object with a `callbacks` table.
    """
    if env.rank() not in {-1, 0} or not any("Trainer" in cls.__name__ for cls in type(instance).__mro__):
        return
    present = [f.logger for fs in instance.callbacks.values() for f in fs if isinstance(f, Guarded)]
    for setting, package, target in INTEGRATIONS:
        if not is_wanted(setting, package):
            continue
        module, _, name = target.partition(":")
        kind = getattr(import_module(module), name)
        if any(isinstance(logger, kind) for logger in present):
            continue
        logger = kind()
        for event, callback in logger.events().items():
            instance.callbacks.setdefault(event, []).append(callback)


__getattr__, __dir__ = offer(
    __name__,
    {
        "default_callbacks": "ultralytics.utils.callbacks.base:get_default_callbacks()",
        **{event: f"ultralytics.utils.callbacks.default:{event}" for event in EVENTS},
    },
)
