"""Runs of a tiny training that are killed and resumed, each in a forked child; prints one JSON line per case.

Started by test_train_resume.py as a process of its own, because a test runner must not be forked. Forking from a
process that has imported everything makes a start cost a tenth of a second instead of several.

Usage: kill_and_resume.py DATA_YAML PROJECT WORKERS OPTIMIZER [all]
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import torch
from train_helpers import settings

from ultralytics.engine.train import process
from ultralytics.models.yolo.detect.train import DetectionTrainer

DATA, PROJECT, WORKERS, OPTIMIZER = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
# Three batches an epoch and steps of four batches: gradients wait for their step across epochs and kills.
OPTIONS = {"epochs": 4, "nbs": 16, "warmup_epochs": 1.0, "close_mosaic": 2, "multi_scale": 0.3, "exist_ok": True}
EVENTS = [
    ("on_train_batch_start", 1),
    ("on_train_batch_end", 5),
    ("on_train_epoch_end", 3),
    ("on_val_end", 2),
    ("on_model_save", 3),
    ("on_fit_epoch_end", 4),
    ("on_val_start", 5),  # the final validation
]


def train(name: str, resume: bool = False, event: str = "", count: int = 0, torn: bool = False) -> None:
    """Train or resume; die at the given occurrence of an event, or in the middle of writing a checkpoint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    last = PROJECT / name / "weights" / "last.pt"
    changes = {"workers": WORKERS, "optimizer": OPTIMIZER, "name": name, **OPTIONS}
    overrides = {"resume": str(last)} if resume and last.exists() else settings(DATA, PROJECT, **changes)
    trainer = DetectionTrainer(overrides=overrides)
    if event:
        left = [count]

        def die(_: object) -> None:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        trainer.add_callback(event, die)
    if torn:
        replace, left = os.replace, [3]

        def die_before_renaming(source: object, target: object) -> None:
            left[0] -= str(target).endswith(".pt")
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)

        os.replace = die_before_renaming
    trainer.train()


def child(name: str, seconds: float = 0.0, **options: object) -> int:
    """Run `train` in a child, killed after some seconds if wanted; return its wait status."""
    pid = os.fork()
    if not pid:
        try:
            train(name, **options)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if seconds:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def outcome(name: str) -> tuple[dict, dict, list]:
    """Return the final weights and the results without the time column."""
    files = [torch.load(PROJECT / name / "weights" / f"{f}.pt", weights_only=False) for f in ("last", "best")]
    rows = [row.split(",") for row in (PROJECT / name / "results.csv").read_text().split()]
    return *(f["model"].state_dict() for f in files), [row[:1] + row[2:] for row in rows]


def compare(label: str, name: str, statuses: list[int], reference: tuple) -> None:
    """Print whether a run ended like the reference."""
    got = outcome(name)
    equal = [all(torch.equal(a[k], b[k]) for k in a) for a, b in zip(reference[:2], got[:2], strict=True)]
    print(
        json.dumps(
            {"case": label, "statuses": statuses, "last": equal[0], "best": equal[1], "csv": got[2] == reference[2]}
        )
    )


def main() -> None:
    torch.set_num_threads(1)
    process.FEW_CORES = 0  # this machine's own rule would not start any loader process
    begin = time.time()
    assert child("reference") == 0
    length = time.time() - begin
    reference = outcome("reference")
    for i, (event, count) in enumerate(EVENTS if "all" in sys.argv else EVENTS[1::2]):
        statuses = [child(f"event{i}", event=event, count=count), child(f"event{i}", resume=True)]
        compare(f"{event} {count}", f"event{i}", statuses, reference)
    statuses = [child("torn", torn=True), child("torn", resume=True)]
    compare("writing last.pt", "torn", statuses, reference)
    rng = random.Random(0)
    statuses = [child("random", seconds=rng.uniform(0.1, 0.4) * length)]
    while statuses[-1] and len(statuses) < 10:
        seconds = rng.uniform(0.2, 0.6) * length if len(statuses) < 5 else 0
        statuses.append(child("random", resume=True, seconds=seconds))
    compare("random moments", "random", statuses, reference)


if __name__ == "__main__":
    main()
