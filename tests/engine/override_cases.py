"""What the tests of overrides share, and a class of somebody's own that training processes can import."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shape_helpers import stirred_file, write_network, write_shapes
from train_helpers import make_data

from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.models.yolo.detect.train import DetectionTrainer

POINTS = json.loads(Path(__file__).with_name("override_points.json").read_text(encoding="utf-8"))
TASKS = ("detect", "segment", "pose", "obb")
COVERED: dict[str, set[str]] = {}


def covers(kind: str, names: str) -> Callable[[Any], Any]:
    """Say which listed methods of trainers, validators ... a test overrides."""
    COVERED.setdefault(kind, set()).update(names.split())
    return lambda function: function


def prepare(root: Path, task: str) -> tuple[str, str]:
    """Write a data set and the checkpoint of a network that finds many things in it; return their paths."""
    if task == "detect":
        data, network = str(make_data(root)), str(root / "net.yaml")
    else:
        data, network = write_shapes(root, task), write_network(root, task)
        check_det_dataset(data)  # draws it
    return data, stirred_file(network, root / "best.pt")


def without_training(options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a run that other modes take too."""
    return {key: value for key, value in options.items() if key not in {"epochs", "optimizer", "nbs"}}


class InProcesses(DetectionTrainer):
    """Notes in files beside the run what its overrides did in every training process."""

    def _note(self, word: str) -> None:
        with open(Path(self.args.project) / f"{word}-{self.rank}.txt", "a", encoding="utf-8") as file:
            file.write(f"{self.world_size}\n")

    def _setup_ddp(self) -> None:
        super()._setup_ddp()
        self._note("joined")

    def _setup_train(self) -> None:
        super()._setup_train()
        self._note("set-up")

    def _get_warmup_iterations(self, num_batches: int) -> int:
        return 1000 + num_batches

    def save_metrics(self, metrics) -> None:
        self._note(f"warmup-{self.plan.warmup}")
        super().save_metrics({**metrics, "mine": 7})
