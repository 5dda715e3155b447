"""Validation and prediction times on the processor: this package against another installation of `ultralytics`.

    python benchmarks/val.py --other /path/to/other/venv/bin/python --data set.yaml --weights best.pt
    python benchmarks/val.py --other /path/to/other/venv/bin/python --task segment --weights best-seg.pt --cases val

Weights should be trained: a fresh network finds nothing, so there is nothing to suppress, match or draw.

Cases: `val` is a whole `model.val()` call without plots, data set from its label cache; `predict` is 16 pictures from
memory, one per call; `batch` is a list of 16; `files` is the folder of the split. At the end stands which part of this
package's validation the network takes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs

CASES = ("val", "predict", "batch", "files")
DATA_KEYS = ("train", "val", "names", "kpt_shape", "flip_idx")  # what both sides need to know about a data set
SUFFIXES = {"detect": "", "segment": "-seg", "pose": "-pose", "obb": "-obb", "classify": "-cls"}
PICTURES = {".jpg", ".jpeg", ".png"}
BATCH = 16


def prepare(settings: dict[str, Any], case: str) -> Callable[[], Any]:
    """Return the work of one call."""
    import cv2
    import torch

    from ultralytics import YOLO

    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    model = YOLO(settings["weights"])
    common = {key: settings[key] for key in ("imgsz", "project")} | {"verbose": False, "device": "cpu"}
    folder = Path(settings["pictures"])
    if case == "val":
        return lambda: model.val(data=settings["data"], plots=False, workers=0, batch=BATCH, **common)
    if case == "files":
        source = str(folder / "**" / "*") if settings["task"] == "classify" else str(folder)  # a folder for each class
        return lambda: list(model.predict(source, stream=True, batch=settings["batch"], **common))
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURES)
    pictures = [cv2.imread(str(files[i % len(files)])) for i in range(BATCH)]
    if case == "predict":
        return lambda: [model.predict(picture, **common) for picture in pictures]
    return lambda: model.predict(pictures, **common)


def write_data(data: str, folder: Path, task: str) -> tuple[str, str]:
    """Write a data set YAML that any installation reads; return its path and the folder of the validation pictures.

    To classify, a data set is a folder, which both read as it is.
    """
    from ultralytics.data.describe.boxes import check_det_dataset
    from ultralytics.data.describe.classes import check_cls_dataset
    from ultralytics.utils.yaml_io import YAML

    if task == "classify":
        pictures = Path(check_cls_dataset(data)["val"])
        return str(pictures.parent), str(pictures)
    found = check_det_dataset(data)
    file = folder / "data.yaml"
    YAML.save(file, {key: found[key] for key in DATA_KEYS if key in found} | {"path": str(found["path"])})
    return str(file), str(found["val"])


def share_of_network(settings: dict[str, Any]) -> float:
    """Return which part of the clock's time of a validation is spent in the network."""
    work = prepare(settings, "val")
    work()
    start = time.perf_counter()
    metrics = work()
    pictures = sum(1 for file in Path(settings["pictures"]).rglob("*") if file.suffix.lower() in PICTURES)
    return metrics.speed["inference"] * 1e-3 * pictures / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", help="interpreter that has the other package; without it only ours is timed")
    parser.add_argument("--task", default="detect", choices=SUFFIXES, help="decides the defaults of data and weights")
    parser.add_argument("--data", help="data set; the embedded one of the task by default")
    parser.add_argument("--weights", help="model that both sides can load; an untrained one by default")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1, help="pictures at a time in the case 'files'")
    parser.add_argument("--threads", type=int, default=0, help="torch threads of both sides; 0: each its own choice")
    parser.add_argument("--clock", default="wall", choices=pairs.CLOCKS, help="cpu suits busy machines, one thread")
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
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
        data, pictures = write_data(data, Path(folder), args.task)
        weights = str(Path(weights).resolve()) if Path(weights).exists() else weights
        settings = {key: getattr(args, key) for key in ("task", "imgsz", "batch", "threads", "clock")}
        settings |= {"weights": weights, "data": data, "pictures": pictures, "project": folder}
        found = pairs.compare(__file__, args.other, list(args.cases), settings, args.rounds)
        if "val" in args.cases:
            print(f"network's share of our validation: {share_of_network(settings):.2f}")
    pairs.conclude(found, args.json, judged=bool(args.other), bar=args.bar)


if __name__ == "__main__":
    main()
