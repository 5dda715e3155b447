"""Peak memory of a process and its workers in each mode: this package against another installation of `ultralytics`.

    python benchmarks/memory.py --other /path/to/other/venv/bin/python --data set.yaml [--rounds 3] [--cases val ...]

What counts is memory that belongs to the processes: anonymous and shared pages, each page divided among those that map
it, read every few milliseconds. Pages of files (libraries, pictures) are left out, since how many are mapped depends on
what the machine has read before. Linux only. Without `--weights` both build `yolov8n.yaml`, which finds nothing;
trained weights show what results and plots take.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pairs
import psutil

OPEN = "from ultralytics import YOLO\nmodel = YOLO({weights!r})\n"
QUIET = "imgsz=640, verbose=False, device='cpu'"
CASES = {
    "import": "from ultralytics import YOLO",
    "predict": OPEN + f"for result in model.predict({{pictures!r}}, stream=True, batch=1, {QUIET}): pass",
    "batch": OPEN + f"for result in model.predict({{pictures!r}}, stream=True, batch=16, {QUIET}): pass",
    "export": OPEN + "model.export(format='onnx', imgsz=640)",
    "val": OPEN + f"model.val(data={{data!r}}, batch=16, workers=0, plots=False, project='runs', {QUIET})",
    "plots": OPEN + f"model.val(data={{data!r}}, batch=16, workers=0, plots=True, project='runs', {QUIET})",
    "loader": (
        "from ultralytics.cfg import get_cfg\n"
        "from ultralytics.data.build import build_dataloader, build_yolo_dataset\n"
        "cfg = get_cfg(overrides=dict(imgsz=640, workers=2, task='detect'))\n"
        "facts = dict(names=dict(enumerate('abcdefgh')), nc=8, channels=3)\n"
        "dataset = build_yolo_dataset(cfg, {linked!r}, 16, facts, mode='train')\n"
        "loader = build_dataloader(dataset, 16, 2, shuffle=True)\n"
        "for _ in range(2):\n    for batch in loader: pass"
    ),
}


def own_memory(process: psutil.Process) -> int:
    """Return the bytes that belong to a process and its children."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        found = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Pss_")}
        total += 1024 * (found.get("Pss_Anon", 0) + found.get("Pss_Shmem", 0))
    return total


def peak(python: str | None, code: str, folder: str, step: float = 0.005) -> float:
    """Run a piece of code and return its peak memory in MB.

    Raises:
        RuntimeError: it failed.
    """
    environment = {**os.environ, "YOLO_CONFIG_DIR": folder, "YOLO_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    if python is None:
        environment["PYTHONPATH"] = str(pairs.ROOT)
    highest, ended = 0, threading.Event()
    with tempfile.TemporaryFile("w+") as said:
        command = [python or sys.executable, "-c", code]
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        watched = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                highest = max(highest, own_memory(watched))
            except psutil.NoSuchProcess:
                break
            ended.wait(step)
        if child.wait():
            said.seek(0)
            raise RuntimeError(said.read().strip().rpartition("\n")[2])
    return highest / 1e6


def main() -> None:
    from val import write_data

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", help="interpreter that has the other package")
    parser.add_argument("--data", required=True, help="YAML of a detection data set")
    parser.add_argument("--weights", default="yolov8n.yaml")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="file for the figures")
    args = parser.parse_args()
    sides = [None, *([args.other] if args.other else [])]
    found = {}
    weights = str(Path(args.weights).resolve()) if Path(args.weights).is_file() else args.weights
    print(f"{'case':<10}{'here, MB':>10}" + (f"{'other, MB':>11}{'ratio':>8}" if args.other else ""))
    with tempfile.TemporaryDirectory() as folder:
        data = write_data(args.data, Path(folder), "detect")
        for case in args.cases:
            codes = [
                CASES[case].format(
                    weights=weights,
                    data=data[name],
                    pictures=data["pictures"],
                    linked=str(Path(data[name]).parent / "images" / "val"),
                )
                for name in ("here", "other")
            ]
            runs = [[peak(*one, folder) for one in zip(sides, codes, strict=False)] for _ in range(args.rounds)]
            middle = [statistics.median(values) for values in zip(*runs, strict=True)]
            row = dict(zip(("here", "other"), middle, strict=False))
            line = f"{case:<10}{row['here']:>10.0f}"
            if args.other:
                row["ratio"] = statistics.median(here / other for here, other in runs)
                line += f"{row['other']:>11.0f}{row['ratio']:>8.2f}"
            print(line, flush=True)
            found[case] = row
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
