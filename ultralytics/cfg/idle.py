"""Arguments that are accepted, since scripts give them, and do nothing: one warning each says so."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from ultralytics.cfg.merge import DEFAULT_CFG_DICT
from ultralytics.utils.log import LOGGER

__all__ = ["IDLE", "warn_without_effect"]

_CALIBRATION = "it chooses calibration pictures, which exports of 8 bits need (quantize=8)"

# Mode -> argument -> why a value other than the default changes nothing. docs/compatibility.md lists the same.
IDLE: Mapping[str, Mapping[str, str]] = {
    "train": {"profile": "exports are not timed for loggers", "dis": "there is no learning from a teacher"},
    "export": {"data": _CALIBRATION, "fraction": _CALIBRATION},
}


def warn_without_effect(mode: str, args: SimpleNamespace | Mapping[str, Any]) -> None:
    """Warn of every argument that was changed and has no effect in a mode.

    Args:
        mode: key of `IDLE`.
        args: merged configuration, or the arguments of a call.
    """
    given = args if isinstance(args, Mapping) else vars(args)
    for name, why in IDLE.get(mode, {}).items():
        value = given.get(name, DEFAULT_CFG_DICT[name])
        if value != DEFAULT_CFG_DICT[name]:
            LOGGER.warning(f"{name}={value} has no effect in {mode}: {why}.")
