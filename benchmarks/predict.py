"""Prediction times on the processor: this package against another installation of `ultralytics`.

    python benchmarks/predict.py --other /path/to/other/venv/bin/python --weights best.pt
    python benchmarks/predict.py --other /path/to/other/venv/bin/python --weights best.pt --pictures folder --cases save

Weights should be trained: a fresh network finds nothing, so there is nothing to suppress or draw.

Cases: `memory` is 16 pictures from memory, one per call; `list` is a list of 16; `files` is a folder of pictures and
`save` the same with annotated pictures written; `outside` is what a prediction from that folder takes outside of the
network, whose output is remembered from a first run, and `large` the same for JPEG files of 12 megapixels.
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
from outside import without_network

CASES = ("memory", "list", "files", "save", "outside", "large")
PICTURES = {".jpg", ".jpeg", ".png"}
IN_MEMORY = 16
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
    folder, batch = settings["large" if case == "large" else "pictures"], settings["batch"]
    if case == "files":
        return lambda: list(model.predict(folder, stream=True, batch=batch, **common))
    if case == "save":
        return lambda: model.predict(folder, save=True, batch=batch, name=case, exist_ok=True, **common)
    if case in ("outside", "large"):
        return without_network(model, lambda: model.predict(folder, batch=batch, **common))
    files = pictures_of(folder)
    pictures = [cv2.imread(str(files[i % len(files)])) for i in range(IN_MEMORY)]
    if case == "memory":
        return lambda: [model.predict(picture, **common) for picture in pictures]
    return lambda: model.predict(pictures, **common)


def pictures_of(folder: str | Path) -> list[Path]:
    """Return the pictures in a folder."""
    return sorted(file for file in Path(folder).iterdir() if file.suffix.lower() in PICTURES)


def write_large(folder: Path, pictures: Path) -> str:
    """Write large photographs, enlarged from those of the data set, and return their folder."""
    import cv2

    files = pictures_of(pictures)
    target = folder / "large"
    target.mkdir()
    for i in range(LARGE_FILES):
        picture = cv2.resize(cv2.imread(str(files[i % len(files)])), LARGE_WH, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(target / f"{i}.jpg"), picture)
    return str(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", help="interpreter that has the other package; without it only ours is timed")
    parser.add_argument("--weights", default="yolov8n.yaml", help="model that both sides can load")
    parser.add_argument("--pictures", help="folder; the validation pictures of the embedded data set by default")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1, help="pictures at a time from files")
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
    from ultralytics.data.describe.boxes import check_det_dataset

    pictures = Path(args.pictures or check_det_dataset("shapes.yaml")["val"]).resolve()
    weights = str(Path(args.weights).resolve()) if Path(args.weights).exists() else args.weights
    with tempfile.TemporaryDirectory() as folder:
        settings = {key: getattr(args, key) for key in ("imgsz", "batch", "threads", "clock")}
        settings |= {"weights": weights, "pictures": str(pictures), "project": folder}
        if "large" in args.cases:
            settings["large"] = write_large(Path(folder), pictures)
        found = pairs.compare(__file__, args.other, list(args.cases), settings, args.rounds)
    pairs.conclude(found, args.json, judged=bool(args.other), bar=args.bar)


if __name__ == "__main__":
    main()
