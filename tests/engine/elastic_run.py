"""One agent's training for the tests of `torchrun`: `elastic_run.py DATA PROJECT NAME`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from train_helpers import settings

from ultralytics.models.yolo.detect.train import DetectionTrainer


def slow_down(trainer: Any) -> None:
    """Give the test time to kill a process between epochs."""
    time.sleep(0.2)


if __name__ == "__main__":
    data, project, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    trainer = DetectionTrainer(overrides=settings(data, project, epochs=8, name=name, resume="auto", batch=4))
    trainer.add_callback("on_train_epoch_end", slow_down)
    trainer.train()
