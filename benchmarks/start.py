"""From nothing to the first result, each in a process of its own: this package against another installation.

    python benchmarks/start.py --other /path/to/other/venv/bin/python [--rounds 7] [--cases import version ...]

Cases: `torch` is `import torch` alone, which both packages need; `import` is `from ultralytics import YOLO`; `build`
makes yolov8n from its YAML; `predict` finds objects in one picture; `version` is `yolo version`. Printed are seconds on
the clock and of the processor, and the number of modules that were loaded. For memory see `memory.py`.
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

import pairs

CASES = {
    "torch": "import torch",
    "import": "from ultralytics import YOLO",
    "build": "from ultralytics import YOLO\nYOLO('yolov8n.yaml')",
    "predict": (
        "import numpy as np\nfrom ultralytics import YOLO\n"
        "YOLO('yolov8n.yaml').predict(np.full((480, 640, 3), 127, np.uint8), imgsz=640, verbose=False, device='cpu')"
    ),
    "version": "import sys; sys.argv = ['yolo', 'version']\nfrom ultralytics.cfg import entrypoint; entrypoint()",
}
COUNT = "\nimport sys\nprint(len(sys.modules), file=sys.stderr)"


def run(python: str | None, code: str, folder: str) -> dict[str, float]:
    """Run a piece of code and return what it took.

    Raises:
        RuntimeError: it failed.
    """
    environment = {**os.environ, "YOLO_CONFIG_DIR": folder, "YOLO_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    if python is None:
        environment["PYTHONPATH"] = str(pairs.ROOT)
    with tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        child = subprocess.Popen(
            [python or sys.executable, "-c", code + COUNT],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if child.returncode:
        raise RuntimeError(text.strip().rpartition("\n")[2])
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "modules": float(text.split()[-1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", help="interpreter that has the other package")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", help="file for the figures")
    args = parser.parse_args()
    sides = [None, *([args.other] if args.other else [])]
    found = {}
    print(f"{'case':<10}{'':<8}{'wall, s':>9}{'cpu, s':>9}{'modules':>9}{'wall':>8}{'cpu':>8}  (ratios)")
    with tempfile.TemporaryDirectory() as folder:
        for case in args.cases:
            rows: list[list[dict[str, float]]] = [[] for _ in sides]
            for side in sides:
                run(side, CASES[case], folder)  # fills the caches of bytecode and of the disk
            for turn in range(args.rounds):
                for index in range(len(sides))[:: -1 if turn % 2 else 1]:
                    rows[index].append(run(sides[index], CASES[case], folder))
            found[case] = report(case, rows)
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1))


def report(case: str, rows: list[list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Print and return the medians of a case, and the medians of the ratios of neighbours."""
    result = {}
    for name, runs in zip(("here", "other"), rows, strict=False):
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        result[name] = middle
        print(f"{case:<10}{name:<8}{middle['wall']:>9.2f}{middle['cpu']:>9.2f}{middle['modules']:>9.0f}", end="")
        if name == "here" and len(rows) > 1:
            pairs_of_runs = list(zip(*rows, strict=True))
            result["ratio"] = {k: statistics.median(a[k] / b[k] for a, b in pairs_of_runs) for k in middle}
            print(f"{result['ratio']['wall']:>8.2f}{result['ratio']['cpu']:>8.2f}", end="")
        print(flush=True)
    return result


if __name__ == "__main__":
    main()
