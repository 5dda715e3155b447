"""The command `yolo tune`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralytics.cfg.commands import TUNE
from ultralytics.cfg.errors import ConfigValueError, named
from ultralytics.cfg.merge import DEFAULT_CFG_DICT, check_dict_alignment, modernise
from ultralytics.cfg.tasks import TASK2MODEL, TASKS
from ultralytics.cfg.values import starts_anew
from ultralytics.engine.task import resolve
from ultralytics.engine.tune.records import read_settings
from ultralytics.utils.log import LOGGER

__all__ = ["main"]

OPEN_MODEL = "ultralytics.cfg.cli:open_model"  # finds the class that a model's name asks for


def main(words: Mapping[str, Any]) -> Any:
    """Search training arguments.

    Args:
        words: arguments of the search and of training; the name of a task stands alone, with the value True.

    Raises:
        ConfigError: an unknown argument or a wrong value.
    """
    given = dict(words)
    task = next((name for name in TASKS if given.pop(name, None) is True), None) or given.pop("task", None)
    own = {key: row for key, row in TUNE.rows.items() if key not in DEFAULT_CFG_DICT or key == "resume"}
    training = modernise({key: value for key, value in given.items() if key not in own})
    check_dict_alignment({**DEFAULT_CFG_DICT, **TUNE.defaults}, training)
    options = {key: row.check(given[key]) for key, row in own.items() if key in given}
    if options.get("use_ray"):
        _refuse(options, ("search", "cleanup"), "is not for use_ray=True")
    else:
        _refuse(options, ("gpu_per_trial", "grace_period", "search_alg"), "needs use_ray=True")
    name = training.pop("model", None) or _model_of_search(options.get("resume"))
    if name is None:
        name = TASK2MODEL[task or "detect"]
        LOGGER.warning(f"'model' is missing, using model={name}.")
    with named("model", name):
        model = resolve(OPEN_MODEL)(str(name), task, bool(training.get("trust")))
    return model.tune(**training, **options)


def _refuse(options: Mapping[str, Any], names: tuple[str, ...], why: str) -> None:
    for name in names:
        if name in options:
            raise ConfigValueError(f"{name}={options[name]} {why}.")


def _model_of_search(resume: Any) -> str | None:
    """Return the model of the search that goes on, None where its folder does not say."""
    if not isinstance(resume, (str, os.PathLike)) or starts_anew(resume):
        return None
    folder = Path(resume)
    return read_settings(folder if folder.is_dir() else folder.parent).get("args", {}).get("model")
