"""Processor time of an export: this package against another installation of `ultralytics`.

    python benchmarks/export.py --other /path/to/other/venv/bin/python [--weights yolov8n.yaml] [--rounds 5]

Cases: `fixed` is ONNX with fixed sizes, `dynamic` with free ones, `script` is TorchScript. Every export after the first
of its kind is timed, so loading libraries is left out. At the end stand the nodes of this package's ONNX files.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs

CASES = {
    "fixed": {"format": "onnx"},
    "dynamic": {"format": "onnx", "dynamic": True},
    "script": {"format": "torchscript"},
}


def prepare(settings: dict[str, Any], case: str) -> Callable[[], Any]:
    """Return the work of one call."""
    import torch

    from ultralytics import YOLO

    torch.set_num_threads(1)
    os.chdir(settings["folder"])
    return lambda: YOLO(settings["weights"]).export(imgsz=settings["imgsz"], device="cpu", **CASES[case])


def count_nodes(settings: dict[str, Any], case: str) -> int:
    """Return how many nodes an ONNX file of this package has."""
    import onnx

    return len(onnx.load(prepare(settings, case)()).graph.node)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", help="interpreter that has the other package")
    parser.add_argument("--weights", default="yolov8n.yaml", help="model that both sides can load")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", default="cpu", choices=pairs.CLOCKS)
    parser.add_argument("--bar", type=float, default=1.0, help="largest ratio that passes")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        pairs.answer(prepare)
        return
    sys.path.insert(0, str(pairs.ROOT))
    os.environ["YOLO_OFFLINE"] = "1"
    start = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        weights = str(Path(args.weights).resolve()) if Path(args.weights).exists() else args.weights
        settings = {"weights": weights, "imgsz": args.imgsz, "clock": args.clock, "folder": folder}
        found = pairs.compare(__file__, args.other, list(args.cases), settings, args.rounds)
        counts = {case: count_nodes(settings, case) for case in args.cases if CASES[case]["format"] == "onnx"}
        print("nodes of our files:", ", ".join(f"{case} {count}" for case, count in counts.items()))
        os.chdir(start)
    pairs.conclude(found, args.json, judged=bool(args.other), bar=args.bar)


if __name__ == "__main__":
    main()
