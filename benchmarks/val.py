"""Validation and prediction times on the processor: this package against another installation of `ultralytics`.

    python benchmarks/val.py --other /path/to/other/venv/bin/python --data set.yaml --weights best.pt
    python benchmarks/val.py --other /path/to/other/venv/bin/python --task segment --weights best-seg.pt --cases val

Weights should be trained: a fresh network finds nothing, so there is nothing to suppress, match or draw.
Each side runs in its own interpreter, loads the model once and then answers one request after the other. Rounds
alternate between the two, so that a slow minute of the machine hits both; the ratio of the medians is what counts.

Cases: `val` is a whole `model.val()` call without plots, data set from its label cache, per picture; `predict` is one
picture per call from memory; `batch` is a list of 16; `files` is the folder of the split.
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

CASES = ("val", "predict", "batch", "files")
DATA_KEYS = ("train", "val", "names", "kpt_shape", "flip_idx")  # what both sides need to know about a data set
SUFFIXES = {"detect": "", "segment": "-seg", "pose": "-pose", "obb": "-obb"}
BATCH = 16
ROOT = Path(__file__).resolve().parents[1]


def answer_requests(settings: dict[str, Any]) -> None:
    """Run in a worker: time each case that arrives as a line of input; answer milliseconds per picture."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the package prints must not mix with the answers
    import cv2
    import torch

    from ultralytics import YOLO

    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    model, common = YOLO(settings["weights"]), {"imgsz": settings["imgsz"], "verbose": False, "device": "cpu"}
    files = sorted(f for f in Path(settings["pictures"]).iterdir() if f.suffix.lower() in {".jpg", ".jpeg", ".png"})
    pictures = [cv2.imread(str(file)) for file in files[:BATCH]]

    def run(case: str) -> int:
        if case == "val":
            model.val(data=settings["data"], plots=False, workers=0, batch=BATCH, project=settings["out"], **common)
            return len(files)
        if case == "predict":
            return sum(len(model.predict(picture, **common)) for picture in pictures)
        if case == "batch":
            return len(model.predict([pictures[i % len(pictures)] for i in range(BATCH)], **common))
        return sum(1 for _ in model.predict(settings["pictures"], stream=True, batch=settings["batch"], **common))

    clock = time.process_time if settings["clock"] == "cpu" else time.perf_counter
    for line in sys.stdin:
        start = clock()
        count = run(line.strip())
        answers.write(f"{(clock() - start) / max(count, 1) * 1e3}\n")
        answers.flush()


class Side:
    """A worker process of one installation."""

    def __init__(self, python: str, settings: dict[str, Any], path: str | None, folder: str) -> None:
        env = {**os.environ, "YOLO_OFFLINE": "1"}
        env.pop("PYTHONPATH", None)  # it may lead to this tree, which is not the other side's
        env.update({"PYTHONPATH": path} if path else {})
        command = [python, str(Path(__file__).resolve()), "--worker", json.dumps(settings)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
            cwd=folder,
        )

    def measure(self, case: str) -> float:
        """Return milliseconds per picture."""
        self.process.stdin.write(f"{case}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"the worker {self.process.args[0]} ended at '{case}'; run its command by hand to see why."
            )
        return float(answer)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait(timeout=30)


def write_data(data: str, folder: Path) -> tuple[str, str]:
    """Write a data set YAML that any installation reads; return its path and the folder of the validation pictures."""
    sys.path.insert(0, str(ROOT))
    from ultralytics.data.describe import check_det_dataset
    from ultralytics.utils.yaml_io import YAML

    found = check_det_dataset(data)
    file = folder / "data.yaml"
    YAML.save(file, {key: found[key] for key in DATA_KEYS if key in found} | {"path": str(found["path"])})
    return str(file), str(found["val"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--other", help="interpreter of the installation to compare with; without it only ours is timed"
    )
    parser.add_argument("--task", default="detect", choices=SUFFIXES, help="decides the defaults of data and weights")
    parser.add_argument("--data", help="data set YAML; the embedded one of the task by default")
    parser.add_argument("--weights", help="model that both sides can load; an untrained one by default")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1, help="pictures at a time in the case 'files'")
    parser.add_argument(
        "--threads", type=int, default=0, help="torch threads of both sides; 0 leaves each its own choice"
    )
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"), help="cpu suits busy machines, one thread")
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        answer_requests(json.loads(options.worker))
        return
    suffix = SUFFIXES[options.task]
    options.data, options.weights = options.data or f"shapes{suffix}.yaml", options.weights or f"yolov8n{suffix}.yaml"
    with tempfile.TemporaryDirectory() as folder:
        data, pictures = write_data(options.data, Path(folder))
        settings = {
            "weights": str(Path(options.weights).resolve()) if Path(options.weights).exists() else options.weights,
            "data": data,
            "pictures": pictures,
            "out": folder,
            "imgsz": options.imgsz,
            "batch": options.batch,
            "threads": options.threads,
            "clock": options.clock,
        }
        sides = {"ours": Side(sys.executable, settings, str(ROOT), folder)}
        if options.other:
            sides["other"] = Side(options.other, settings, None, folder)
        for case in options.cases:
            times: dict[str, list[float]] = {name: [] for name in sides}
            for number in range(options.rounds + 1):
                for name, side in sides.items():
                    spent = side.measure(case)
                    if number:  # the first round warms up
                        times[name].append(spent)
            medians = {name: statistics.median(values) for name, values in times.items()}
            line = "  ".join(f"{name} {value:8.2f} ms" for name, value in medians.items())
            ratio = f"  ours/other {medians['ours'] / medians['other']:.3f}" if options.other else ""
            print(f"{case:8s} {line}{ratio}", flush=True)
        for side in sides.values():
            side.close()


if __name__ == "__main__":
    main()
