"""A user's script: its own trainer and callback, in trials that have several processes. Prints what ran where."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from train_helpers import settings

from ultralytics import YOLO
from ultralytics.models.yolo.detect import DetectionTrainer


def note(trainer: Any) -> None:
    """Leave a file for every process that trains."""
    (trainer.save_dir / f"{type(trainer).__name__}-{trainer.rank}.txt").touch()


class Mine(DetectionTrainer):
    """A trainer of the script's own."""


if __name__ == "__main__":
    data, project = Path(sys.argv[1]), Path(sys.argv[2])
    model = YOLO(data.with_name("net.yaml"))
    model.add_callback("on_train_start", note)
    args = settings(data, project, epochs=1, device="cpu,cpu", name="search", verbose=False)
    model.tune(trainer=Mine, iterations=1, space="lr0", **args)
