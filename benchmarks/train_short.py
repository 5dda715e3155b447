"""Seconds of whole short trainings, from `train()` to its return, of this package and of the published one.

    python benchmarks/train_short.py --published /path/to/python-with-published-package --data bccd.yaml
    python benchmarks/train_short.py --published PYTHON --data bccd.yaml --epochs 1 3 10 --rounds 5

Short runs measure no arithmetic first but take a default, and starting, validating and the last validation of the best
weights count for more in them. Both packages run the same script in fresh processes with fresh settings, in turns; the
figure is the median of the ratios of neighbours. On a machine that others use, the processor's seconds say more than
the clock's: but threads that wait for one another count as busy.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
MARK = "TRAINING-TIME "
PARTS = ("wall", "cpu")


def train(options: dict[str, Any]) -> None:
    """Train with whichever package this interpreter imports and print what it took, and in which arithmetic."""
    from train_epoch import cpu_seconds

    from ultralytics import YOLO

    model = YOLO(options.pop("model"))
    said = []
    model.add_callback("on_train_start", lambda trainer: said.append(str(getattr(trainer, "precision", ""))))
    start, cpu = time.perf_counter(), cpu_seconds()
    model.train(plots=False, **options)
    row = {"wall": time.perf_counter() - start, "cpu": cpu_seconds() - cpu, "mode": "".join(said)}
    print(MARK + json.dumps(row), flush=True)


def measure(python: str, options: dict[str, Any], ours: bool) -> dict[str, Any]:
    """Run `train` in an interpreter and return what it printed.

    Raises:
        RuntimeError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY) if ours else "", "YOLO_CONFIG_DIR": folder}
        config = json.dumps({**options, "project": folder})
        command = [python, str(Path(__file__).resolve()), "--child", config]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=3600)
    line = next((row for row in done.stdout.splitlines() if row.startswith(MARK)), None)
    if line is None:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{python} ended with status {done.returncode}: {last}")
    return json.loads(line.removeprefix(MARK))


def link_data(data: str, folder: Path) -> str:
    """Link a data set into a folder, as the packages cannot read each other's label caches; return its YAML."""
    from ultralytics.data.describe.boxes import check_det_dataset
    from ultralytics.utils.yaml_io import YAML

    found = check_det_dataset(data)
    for split in ("train", "val"):
        pictures = Path(found[split])
        labels = Path(*("labels" if part == "images" else part for part in pictures.parts))
        shutil.copytree(pictures, folder / "images" / split, copy_function=os.symlink)
        shutil.copytree(labels, folder / "labels" / split, copy_function=os.symlink)
    facts = {"path": str(folder), "train": "images/train", "val": "images/val", "names": found["names"]}
    YAML.save(folder / "data.yaml", facts)
    return str(folder / "data.yaml")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", help="Python interpreter that has the published package")
    parser.add_argument("--data", default="coco8.yaml", help="YAML of a detection data set")
    parser.add_argument("--model", default="yolov8n.yaml")
    parser.add_argument("--epochs", nargs="+", type=int, default=[3])
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bar", type=float, default=0.7)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        train(json.loads(args.child))
        return 0
    sys.path.insert(0, str(REPOSITORY))
    os.environ["YOLO_OFFLINE"] = "1"
    sides = [(sys.executable, True), *([(args.published, False)] if args.published else [])]
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        data = [link_data(args.data, Path(folder) / name) for name in ("here", "other")]
        for epochs in args.epochs:
            options = {"model": args.model, "epochs": epochs, "imgsz": args.imgsz, "batch": args.batch, "device": "cpu"}
            rounds = []
            for turn in range(args.rounds):
                order = list(zip(sides, data, strict=False))[:: -1 if turn % 2 else 1]
                rows = [measure(python, {**options, "data": file}, ours) for (python, ours), file in order]
                rounds.append(rows[:: -1 if turn % 2 else 1])
                print(
                    epochs,
                    "epochs:",
                    "; ".join(f"{row['wall']:.1f} s, cpu {row['cpu']:.1f} s" for row in rounds[-1]),
                    flush=True,
                )
            print(f"{epochs} epochs, ours in {rounds[0][0]['mode']}")
            if args.published:
                ratios = {p: statistics.median(here[p] / there[p] for here, there in rounds) for p in PARTS}
                print(f"{epochs} epochs: ratio {ratios['wall']:.2f}, cpu {ratios['cpu']:.2f}", flush=True)
                slow |= ratios["wall"] > args.bar
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
