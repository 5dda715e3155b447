"""The exporter's calibration pictures: methods of the public interface, which a subclass may override."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from ultralytics.cfg.tasks import TASK2DATA, TASK_INFOS
from ultralytics.data.calibration import (
    CalibrationPictures,
    calibration_files,
    calibration_loader,
    network_input,
    watched,
)
from ultralytics.data.describe.remembered import RememberedDataError, check_remembered
from ultralytics.nn.backends.base import ExportPlan
from ultralytics.utils.checks.imgsz import check_imgsz
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.text import printable

__all__ = ["Calibration", "data_for_calibration"]


class Calibration:
    """Where an exporter of few bits gets pictures from: a part of `Exporter`, whose attributes it uses."""

    args: SimpleNamespace
    plan: ExportPlan | None
    metadata: Mapping[str, Any]
    data: Any

    def get_int8_calibration_dataloader(self, prefix: str = "") -> Iterable[Any]:
        """Return a loader of calibration pictures; its batches have `img`, bytes (B, C, H, W), B as the export takes.

        A subclass may return anything that can be gone through several times and whose items `_transform_fn` knows.

        Args:
            prefix: start of the log line.

        Raises:
            FileNotFoundError: no data set, or no pictures in it.
        """
        args, plan = self.args, self.plan
        task = self.metadata.get("task") or args.task or "detect"
        data, size_hw = self.data or TASK2DATA[task], plan.imgsz if plan else check_imgsz(args.imgsz, min_dim=2)
        LOGGER.info(f"{prefix} taking calibration pictures from 'data={printable(data)}'".lstrip())
        files = calibration_files(data, task, args.split, args.fraction, args.seed)
        channels, centre = plan.channels if plan else 3, TASK_INFOS[task].class_folders
        pictures = CalibrationPictures(files, (size_hw[0], size_hw[1]), channels, centre)
        return calibration_loader(pictures, plan.batch if plan else args.batch)

    def _transform_fn(self, data_item: Any) -> np.ndarray:
        """Return an item of the calibration loader as the array (B, C, H, W) that the network takes, 0 to 1."""
        return network_input(data_item)

    def _int8_calibration_images(self, prefix: str = "") -> np.ndarray:
        """Return all calibration pictures at once, (N, H, W, C), float32, 0 to 255, as TensorFlow's tools take them."""
        batches = [self._transform_fn(item) for item in self.get_int8_calibration_dataloader(prefix)]
        return np.concatenate(batches).transpose(0, 2, 3, 1) * 255

    def _calibration(self, title: str) -> Callable[[], Iterator[np.ndarray]]:
        """Return what starts a pass over the calibration pictures.

        Args:
            title: name of the format, for log lines.
        """
        loader = self.get_int8_calibration_dataloader(colorstr(f"{title}:"))
        return lambda: (self._transform_fn(item) for item in watched(loader, "calibration"))


def data_for_calibration(trained: Any, task: str, source: str) -> Any:
    """Return the data set of a calibration that names none: that of the training where it is here, else the task's.

    Args:
        trained: data set that the model was trained on, None where it is not known.
        task: name of the task.
        source: the model's file, for messages.
    """
    try:
        check_remembered(trained or "", source)
        return trained
    except RememberedDataError:
        LOGGER.warning(
            f"no data=... for the calibration of 8 bits; taking '{TASK2DATA[task]}'. Pictures like those of the "
            "training make a better file."
        )
        return TASK2DATA[task]
