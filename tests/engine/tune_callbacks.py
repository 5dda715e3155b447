"""Callbacks and programs for the tests of search, which its processes import."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

SPACE = {"lr0": (1e-4, 1e-2), "box": (1, 20)}


def note_process(trainer: Any) -> None:
    """Leave the number of the process in the folder of the run."""
    (trainer.save_dir / "process.txt").write_text(f"{os.getpid()} {os.getppid()}", encoding="utf-8")


def die_at_first(trainer: Any) -> None:
    """End the process without a word, the first time that any gets here after an epoch."""
    flag = trainer.save_dir.parent.parent / "died.txt"
    if trainer.epoch == 1 and not flag.exists():
        flag.touch()
        os._exit(9)


def slow_down(trainer: Any) -> None:
    """Give a test time to kill this process between epochs."""
    time.sleep(0.3)


def main(folder: Path, slow: bool, resume: bool) -> None:
    """Search in a folder with the data set below it."""
    from train_helpers import settings

    from ultralytics import YOLO

    data = folder / "data" / "data.yaml"
    model = YOLO(data.with_name("net.yaml"))
    if slow:
        model.add_callback("on_train_epoch_end", slow_down)
    args = settings(data, folder / "runs", epochs=3, batch=4, name="search", optimizer="AdamW", verbose=False)
    best = model.tune(iterations=3, space=SPACE, resume=resume, **args)
    print(json.dumps(best))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "slow", sys.argv[3] == "resume")
