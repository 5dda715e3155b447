"""Prediction times on a film, on the processor: this package against another installation of `ultralytics`.

    python benchmarks/video.py --other /path/to/other/venv/bin/python --weights best.pt
    python benchmarks/video.py --other /path/to/other/venv/bin/python --weights best.pt --film own.mp4 --cases film save

Weights should be trained: a fresh network finds nothing, so there is nothing to suppress or draw.

Cases: `film` is a generator's way through the film, `batch` the same with 8 frames at a time, `save` the same with the
annotated film written, as each package writes it; `outside` and `outside-save` are what those take outside of the
network, whose output is remembered from a first run. Without `--film` it is one of 1920 x 1080 that pans over pictures.
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

CASES = ("film", "batch", "save", "outside", "outside-save")
WH, FPS = (1920, 1080), 30
MARGIN = 200  # pixels that the pan goes


def prepare(settings: dict[str, Any], case: str) -> Callable[[], Any]:
    """Return the work of one call."""
    import torch

    from ultralytics import YOLO

    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    model = YOLO(settings["weights"])
    asked = {key: settings[key] for key in ("imgsz", "project")} | {"verbose": False, "device": "cpu", "stream": True}
    asked |= {"batch": 8} if case == "batch" else {}
    asked |= {"save": True, "name": "save", "exist_ok": True} if case.endswith("save") else {}

    def work() -> int:
        return sum(1 for _ in model.predict(settings["film"], **asked))

    return without_network(model, work) if case.startswith("outside") else work


def write_film(file: Path, frames: int) -> None:
    """Write a film that pans over the validation pictures of the embedded data set."""
    import cv2
    import numpy as np

    from ultralytics.data.describe.boxes import check_det_dataset

    files = sorted(Path(check_det_dataset("shapes.yaml")["val"]).iterdir())[:12]
    tiles = [cv2.resize(cv2.imread(str(file)), (560, 460)) for file in files]
    wall = np.vstack([np.hstack(tiles[row * 4 : row * 4 + 4]) for row in range(3)])
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), FPS, WH)
    for i in range(frames):
        x, y = (round(MARGIN * part) for part in (i / frames, (i / frames) ** 2))
        writer.write(np.ascontiguousarray(wall[y : y + WH[1], x : x + WH[0]]))
    writer.release()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", help="interpreter that has the other package; without it only ours is timed")
    parser.add_argument("--weights", default="yolov8n.yaml", help="model that both sides can load")
    parser.add_argument("--film", help="film; one that is made for the purpose by default")
    parser.add_argument("--frames", type=int, default=60, help="of the film that is made")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="torch threads of both sides; 0: each its own choice")
    parser.add_argument("--clock", default="wall", choices=pairs.CLOCKS)
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
    weights = str(Path(args.weights).resolve()) if Path(args.weights).exists() else args.weights
    with tempfile.TemporaryDirectory() as folder:
        film = Path(args.film or Path(folder) / "film.mp4").resolve()
        if not args.film:
            write_film(film, args.frames)
        settings = {key: getattr(args, key) for key in ("imgsz", "threads", "clock")}
        settings |= {"weights": weights, "film": str(film), "project": folder}
        found = pairs.compare(__file__, args.other, list(args.cases), settings, args.rounds)
    pairs.conclude(found, args.json, judged=bool(args.other), bar=args.bar)


if __name__ == "__main__":
    main()
