"""Seconds per training epoch, validation included, of this package and of the published one.

    python benchmarks/train_epoch.py --published /path/to/python-with-published-package --data bccd.yaml
    python benchmarks/train_epoch.py --published PYTHON --data bccd.yaml --model yolov8n.yaml yolov8n-DynamicConv.yaml
    python benchmarks/train_epoch.py --data shapes.yaml --epochs 3 --rounds 1

Both packages run the same script through the public interface, each in its own interpreter, with its own defaults, in
turns; of several models the published package trains the first, the plain one. A run trains the first epochs of a long
schedule (so that mosaic is on) and is then ended; the first epoch, which maps memory and fills buffers, is not counted.
The figure is the median over rounds of the ratio of medians within a round. CPU seconds include worker processes; other
work on the machine disturbs them less than time on the clock. The exit status is 1 when a model's ratio of the clock is
above `--bar`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEDULE = 40  # epochs the run claims to have
MARK = "EPOCH-TIMES "
PARTS = ("train", "val", "epoch", "cpu")


def cpu_seconds() -> float:
    """CPU time of this process and its children so far."""
    import psutil

    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(p.cpu_times()[:2]) for p in processes)


def train(options: dict[str, Any], epochs: int) -> None:
    """Train with whichever package this interpreter imports, print the times of every epoch and leave."""
    from ultralytics import YOLO

    marks: dict[str, float] = {}
    rows: list[dict[str, float]] = []

    def start(_: Any) -> None:
        marks.update(start=time.perf_counter(), cpu=cpu_seconds())

    def end_training(_: Any) -> None:
        marks["trained"] = time.perf_counter()

    def end(_: Any) -> None:
        now = time.perf_counter()
        train_s, val_s = marks["trained"] - marks["start"], now - marks["trained"]
        rows.append(
            {"train": train_s, "val": val_s, "epoch": now - marks["start"], "cpu": cpu_seconds() - marks["cpu"]}
        )
        if len(rows) == epochs:
            print(MARK + json.dumps(rows), flush=True)
            os._exit(0)

    model = YOLO(options.pop("model"))
    for event, callback in (("train_epoch_start", start), ("train_epoch_end", end_training), ("fit_epoch_end", end)):
        model.add_callback(f"on_{event}", callback)
    model.train(epochs=SCHEDULE, plots=False, **options)


def measure(python: str, options: dict[str, Any], epochs: int, ours: bool) -> dict[str, float]:
    """Run `train` in an interpreter and return the medians after the first epoch."""
    with tempfile.TemporaryDirectory() as folder:
        config = {"options": {**options, "project": folder}, "epochs": epochs}
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY) if ours else ""}
        command = [python, str(Path(__file__).resolve()), "--child", json.dumps(config)]
        data = Path(options["data"])
        place = data.parent if data.is_file() else folder  # the published package takes 'path: .' from where it runs
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=place, timeout=3600)
    line = next((row for row in done.stdout.splitlines() if row.startswith(MARK)), None)
    if line is None:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{python} ended with status {done.returncode}: {last}")
    rows = json.loads(line.removeprefix(MARK))[1:]
    return {part: statistics.median(row[part] for row in rows) for part in PARTS}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", help="Python interpreter that has the published package")
    parser.add_argument("--data", default="coco8.yaml")
    parser.add_argument("--model", nargs="+", default=["yolov8n.yaml"], help="the first one is trained by both")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, help="the packages' default where not given")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=4, help="epochs to run, the first one is not counted")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bar", type=float, default=0.6)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        train(**json.loads(args.child))
        return 0
    data = str(Path(args.data).resolve()) if Path(args.data).is_file() else args.data
    options = {"data": data, "imgsz": args.imgsz, "batch": args.batch, "device": args.device}
    if args.workers is not None:
        options["workers"] = args.workers
    width = max(map(len, (*args.model, "published"))) + 1
    print(" " * width + "".join(f"{part + ' s':>10}" for part in PARTS))
    ratios: dict[str, list[dict[str, float]]] = {model: [] for model in args.model}
    for _ in range(args.rounds):
        rows = {model: measure(sys.executable, {"model": model, **options}, args.epochs, ours=True) for model in ratios}
        if args.published:
            other = measure(args.published, {"model": args.model[0], **options}, args.epochs, ours=False)
            for model, row in rows.items():
                ratios[model].append({part: row[part] / other[part] for part in PARTS})
            rows["published"] = other
        for name, row in rows.items():
            print(name.ljust(width) + "".join(f"{row[part]:10.2f}" for part in PARTS), flush=True)
    if not args.published:
        return 0
    print("ratios")
    medians = {m: {part: statistics.median(row[part] for row in rows) for part in PARTS} for m, rows in ratios.items()}
    for model, row in medians.items():
        print(model.ljust(width) + "".join(f"{row[part]:10.2f}" for part in PARTS))
    return int(any(row["epoch"] > args.bar for row in medians.values()))


if __name__ == "__main__":
    sys.exit(main())
