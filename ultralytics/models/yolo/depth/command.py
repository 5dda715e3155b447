"""`yolo calibrate model=best.pt data=...`: fit the scale of a depth model's file to a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralytics.cfg.commands import CALIBRATE
from ultralytics.cfg.errors import ConfigValueError
from ultralytics.models.yolo.depth.calibrate import write_calibration
from ultralytics.models.yolo.model import YOLO
from ultralytics.utils.log import LOGGER

__all__ = ["main"]


def main(args: Mapping[str, Any]) -> tuple[float, float]:
    """Run the command and return the numbers a and b of `exp(a * ln(metres) + b)`.

    Raises:
        ConfigError: an unknown argument, or a missing one.
        TypeError: the model is no checkpoint of a depth model.
    """
    given = CALIBRATE.complete({key: value for key, value in args.items() if key not in {"task", "mode"}})
    for key in ("model", "data"):
        if not given[key]:
            raise ConfigValueError(f"'yolo calibrate' needs {key}=..., e.g. {CALIBRATE.examples[0]}")
    name, out, trust = given.pop("model"), given.pop("out"), bool(given.pop("trust"))
    if Path(name).suffix != ".pt":
        raise ConfigValueError(
            f"model={name} is no checkpoint (.pt), the only file that a calibration can be put into."
        )
    model = YOLO(name, trust=trust)
    before = model.ckpt.get("depth_calibration")
    numbers = model.calibrate(given.pop("data"), **{key: value for key, value in given.items() if value is not None})
    record = model.ckpt.get("depth_calibration")
    if record is not before:
        target = write_calibration(model.ckpt_path, record, out or model.ckpt_path, trust)
        LOGGER.info(f"written to {target}")
    return numbers
