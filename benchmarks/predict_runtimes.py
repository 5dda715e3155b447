"""Prediction on the processor by PyTorch, compiled, and by runtimes of exported files, beside the published package.

    python benchmarks/predict_runtimes.py --other PYTHON --weights best.pt --files best.onnx best_openvino_model ...

All ways predict on the same pictures from memory, in turns, each in a process of its own; the whole call is timed, from
the picture to the boxes. Export the files at the size that pictures get (`--imgsz`, letterboxed), else they compute
more than PyTorch does: pictures of 640 x 480 at 320 are 256 x 320 there. `--batch 8` needs files of that batch.

The first line is the published package's PyTorch; it runs `--reference` where it cannot load the weights, as those of
dynamic models. `speed` is its time over the line's, the median of neighbours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs

IN_MEMORY = 16
PICTURES = {".jpg", ".jpeg", ".png"}


def prepare(settings: dict[str, Any], case: str) -> Callable[[], Any]:
    """Return the work of one call."""
    import cv2
    import torch

    from ultralytics import YOLO

    torch.set_num_threads(settings["threads"])
    way = json.loads(case)
    model = YOLO(way["file"])
    files = sorted(file for file in Path(settings["pictures"]).iterdir() if file.suffix.lower() in PICTURES)
    pictures = [cv2.imread(str(files[i % len(files)])) for i in range(IN_MEMORY)]
    options = {"imgsz": settings["imgsz"], "verbose": False, "device": "cpu", **way["options"]}
    batch = settings["batch"]
    parts = [pictures[i : i + batch] for i in range(0, IN_MEMORY, batch)]
    for _ in range(2):  # packing for a size, compiling, planning
        model.predict(parts[0], **options)
    return lambda: [model.predict(part, **options) for part in parts]


def ways_of(args: argparse.Namespace) -> list[tuple[str, str | None, dict[str, Any]]]:
    """Return name, interpreter and case of every line."""
    weights = str(Path(args.weights).resolve())
    known = str(Path(args.reference or args.weights).resolve())
    ways = [("published PyTorch", args.other, {"file": known, "options": {}})] if args.other else []
    pytorch = (("PyTorch", {}), ("PyTorch, quantize=16", {"quantize": 16}), ("PyTorch, compile", {"compile": True}))
    ways += [(name, None, {"file": weights, "options": options}) for name, options in pytorch]
    return ways + [(Path(file).name, None, {"file": str(Path(file).resolve()), "options": {}}) for file in args.files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", help="interpreter that has the published package")
    parser.add_argument("--weights", help="checkpoint that both sides can load")
    parser.add_argument("--reference", help="checkpoint for the published package, where it is another one")
    parser.add_argument("--files", nargs="*", default=[], help="exports of it")
    parser.add_argument("--pictures", help="folder with pictures of one size")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--clock", default="wall", choices=pairs.CLOCKS, help="cpu suits busy machines")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        pairs.answer(prepare)
        return
    os.environ.update(YOLO_OFFLINE="1", OMP_NUM_THREADS=str(args.threads))
    settings = {"imgsz": args.imgsz, "batch": args.batch, "threads": args.threads, "clock": args.clock}
    settings["pictures"] = str(Path(args.pictures).resolve())
    ways = ways_of(args)
    sides = [pairs.Side(__file__, python) for _, python, _ in ways]
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(args.rounds):
        for index in range(len(ways))[:: -1 if turn % 2 else 1]:
            name, _, case = ways[index]
            try:
                times[index].append(sides[index].seconds(settings, json.dumps(case)) * 1e3 / IN_MEMORY)
            except RuntimeError as error:
                sys.exit(f"{name}: {error}")
    for side in sides:
        side.close()
    found = {}
    print(f"{'batch ' + str(args.batch):<44}{'ms per picture':>16}{'speed':>8}")
    for (name, _, _), own in zip(ways, times, strict=True):
        speed = statistics.median(first / second for first, second in zip(times[0], own, strict=True))
        found[name] = {"ms": statistics.median(own), "speed": speed}
        print(f"{name:<44}{found[name]['ms']:>16.1f}{speed:>8.2f}")
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
