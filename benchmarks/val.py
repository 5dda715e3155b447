"""Validation and prediction times on the processor: this package against another installation of `ultralytics`.

    python benchmarks/val.py --other /path/to/other/venv/bin/python --data set.yaml --weights best.pt
    python benchmarks/val.py --other /path/to/other/venv/bin/python --task segment --weights best-seg.pt --cases val

Weights should be trained: a fresh network finds nothing, so there is nothing to suppress, match or draw.

Cases: `val` is a whole `model.val()` call without plots, data set from its label cache; `plots` and `json` are the same
with pictures and with `predictions.json`; `predict` is 16 pictures from memory, one per call; `batch` is a list of 16;
`files` is the folder of the split, `save` the same with annotated pictures written; `outside` is what a prediction from
that folder takes outside of the network, whose output is remembered from a first run, and `large` the same for JPEG
files of 12 megapixels. At the end stands which part of this package's validation the network takes.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs

CASES = ("val", "plots", "json", "predict", "batch", "files", "save", "outside", "large")
IN_VALIDATION = {"val": {}, "plots": {"plots": True}, "json": {"save_json": True}}  # arguments of each
DATA_KEYS = ("train", "val", "names", "kpt_shape", "flip_idx")  # what both sides need to know about a data set
SUFFIXES = {"detect": "", "segment": "-seg", "pose": "-pose", "obb": "-obb", "classify": "-cls"}
PICTURES = {".jpg", ".jpeg", ".png"}
BATCH = 16
LARGE_FILES, LARGE_WH = 8, (4000, 3000)


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
    if case in IN_VALIDATION:
        asked = {"plots": False, "workers": 0, "batch": BATCH, **IN_VALIDATION[case], **common}
        return lambda: model.val(data=settings["data"], **asked)
    source = str(folder / "**" / "*") if settings["task"] == "classify" else str(folder)  # a folder for each class
    if case == "files":
        return lambda: list(model.predict(source, stream=True, batch=settings["batch"], **common))
    if case == "save":
        return lambda: model.predict(source, save=True, batch=settings["batch"], name=case, exist_ok=True, **common)
    if case in ("outside", "large"):
        source = settings["large"] if case == "large" else source
        return without_network(model, lambda: model.predict(source, batch=settings["batch"], **common))
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURES)
    pictures = [cv2.imread(str(files[i % len(files)])) for i in range(BATCH)]
    if case == "predict":
        return lambda: [model.predict(picture, **common) for picture in pictures]
    return lambda: model.predict(pictures, **common)


def without_network(model: Any, work: Callable[[], Any]) -> Callable[[], Any]:
    """Return the same work with the network's outputs taken from a first run instead of computed."""
    outputs: list[Any] = []
    work()  # makes the predictor
    compute = model.predictor.inference

    def remember(*args: Any, **kwargs: Any) -> Any:
        outputs.append(compute(*args, **kwargs))
        return copied(outputs[-1])

    model.predictor.inference = remember
    work()
    turn = itertools.cycle(outputs)
    model.predictor.inference = lambda *args, **kwargs: copied(next(turn))
    return work


def copied(output: Any) -> Any:
    """Return a copy of a network's output: what follows may change it in place."""
    if isinstance(output, dict):
        return {key: copied(value) for key, value in output.items()}
    if isinstance(output, (list, tuple)):
        return type(output)(copied(part) for part in output)
    return output.clone() if hasattr(output, "clone") else output


def write_large(folder: Path, pictures: Path) -> str:
    """Write large photographs, enlarged from those of the data set, and return their folder."""
    import cv2

    files = sorted(file for file in pictures.rglob("*") if file.suffix.lower() in PICTURES)
    target = folder / "large"
    target.mkdir()
    for i in range(LARGE_FILES):
        picture = cv2.resize(cv2.imread(str(files[i % len(files)])), LARGE_WH, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(target / f"{i}.jpg"), picture)
    return str(target)


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
        if "large" in args.cases:
            settings["large"] = write_large(Path(folder), Path(pictures))
        found = pairs.compare(__file__, args.other, list(args.cases), settings, args.rounds)
        if "val" in args.cases:
            print(f"network's share of our validation: {share_of_network(settings):.2f}")
    pairs.conclude(found, args.json, judged=bool(args.other), bar=args.bar)


if __name__ == "__main__":
    main()
