"""Validation times on the processor: this package against another installation of `ultralytics`.

    python benchmarks/val.py --other /path/to/other/venv/bin/python --data set.yaml --weights best.pt
    python benchmarks/val.py --other /path/to/other/venv/bin/python --task segment --weights best-seg.pt --cases val

Weights should be trained: a fresh network finds nothing, so there is nothing to suppress, match or draw.

Cases: `val` is a whole `model.val()` call without plots, data set from its label cache; `plots` and `json` are the same
with pictures and with `predictions.json`. At the end stands which part of this package's validation the network takes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs

CASES = {"val": {}, "plots": {"plots": True}, "json": {"save_json": True}}  # arguments of each
DATA_KEYS = ("names", "kpt_shape", "flip_idx", "masks_dir", "depth_scale", "max_depth")  # what both sides need to know
SUFFIXES = {"detect": "", "segment": "-seg", "pose": "-pose", "obb": "-obb", "classify": "-cls"}
SUFFIXES |= {"semantic": "-sem", "depth": "-depth"}
PICTURES = {".jpg", ".jpeg", ".png"}
BATCH = 16
SIDES = ("here", "other")


def prepare(settings: dict[str, Any], case: str) -> Callable[[], Any]:
    """Return the work of one call."""
    import torch

    import ultralytics
    from ultralytics import YOLO

    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    model = YOLO(settings["weights"])
    side = SIDES[not Path(ultralytics.__file__).is_relative_to(pairs.ROOT)]
    asked = {key: settings[key] for key in ("imgsz", "project")} | {"data": settings["data"][side]}
    asked |= {"verbose": False, "device": "cpu", "plots": False, "workers": 0, "batch": BATCH, **CASES[case]}
    return lambda: model.val(**asked)


def write_data(data: str, folder: Path, task: str) -> dict[str, str]:
    """Link a data set into a folder for each side, as they cannot read each other's label caches.

    Returns:
        For both sides a data set that any installation reads: a YAML, or a folder to classify; and under `pictures` the
        folder of the validation pictures.
    """
    from ultralytics.data.describe.boxes import check_det_dataset
    from ultralytics.data.describe.classes import check_cls_dataset
    from ultralytics.utils.yaml_io import YAML

    if task == "classify":
        pictures = Path(check_cls_dataset(data)["val"])
        for side in SIDES:
            shutil.copytree(pictures, folder / side / "val", copy_function=os.symlink)
            (folder / side / "train").symlink_to(folder / side / "val")
        return {side: str(folder / side) for side in SIDES} | {"pictures": str(pictures)}
    found = check_det_dataset(data)
    pictures = Path(found["val"])
    folder_of_labels = found.get("masks_dir", "depth" if task == "depth" else "labels")
    labels = Path(*(folder_of_labels if part == "images" else part for part in pictures.parts))
    files = {side: str(folder / side / "data.yaml") for side in SIDES}
    for side, file in files.items():
        shutil.copytree(pictures, folder / side / "images" / "val", copy_function=os.symlink)
        shutil.copytree(labels, folder / side / folder_of_labels / "val", copy_function=os.symlink)
        kept = {key: found[key] for key in DATA_KEYS if key in found}
        YAML.save(file, {**kept, "path": str(folder / side), "train": "images/val", "val": "images/val"})
    return {**files, "pictures": str(pictures)}


def share_of_network(settings: dict[str, Any]) -> float:
    """Return which part of the clock's time of a validation is spent in the network."""
    work = prepare(settings, "val")
    work()
    start = time.perf_counter()
    metrics = work()
    pictures = sum(1 for file in Path(settings["data"]["pictures"]).rglob("*") if file.suffix.lower() in PICTURES)
    return metrics.speed["inference"] * 1e-3 * pictures / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", help="interpreter that has the other package; without it only ours is timed")
    parser.add_argument("--task", default="detect", choices=SUFFIXES, help="decides the defaults of data and weights")
    parser.add_argument("--data", help="data set; the embedded one of the task by default")
    parser.add_argument("--weights", help="model that both sides can load; an untrained one by default")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="torch threads of both sides; 0: each its own choice")
    parser.add_argument("--clock", default="wall", choices=pairs.CLOCKS, help="cpu suits busy machines, one thread")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--bar", type=float, default=1.0, help="largest ratio that passes")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        pairs.answer(prepare)
        return
    sys.path.insert(0, str(pairs.ROOT))
    os.environ["YOLO_OFFLINE"] = "1"
    suffix = SUFFIXES[args.task]
    data = args.data or ("shapes-cls" if args.task == "classify" else f"shapes{suffix}.yaml")
    weights = args.weights or f"yolov8n{suffix}.yaml"
    with tempfile.TemporaryDirectory() as folder:
        data = write_data(data, Path(folder), args.task)
        weights = str(Path(weights).resolve()) if Path(weights).exists() else weights
        settings = {key: getattr(args, key) for key in ("imgsz", "threads", "clock")}
        settings |= {"weights": weights, "data": data, "project": folder}
        found = pairs.compare(__file__, args.other, list(args.cases), settings, args.rounds)
        if "val" in args.cases:
            print(f"network's share of our validation: {share_of_network(settings):.2f}")
    pairs.conclude(found, args.json, judged=bool(args.other), bar=args.bar)


if __name__ == "__main__":
    main()
