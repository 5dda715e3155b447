"""Augmented training samples per second and core, of this package and of the published one, and the memory of labels.

    python benchmarks/dataloader.py --published /path/to/python-with-published-package
    python benchmarks/dataloader.py --images /data/set/images/train --published ...
    python benchmarks/dataloader.py --polygons --published ...
    python benchmarks/dataloader.py --task semantic --published ...
    python benchmarks/dataloader.py --label-memory 1000000 --polygons

Both packages run the same code through the same public functions, each in its own interpreter, one core, in turns; the
figure is the median over rounds of the ratio within a round. Processor time is compared, which other work on the
machine disturbs less than time on the clock. Mosaic is on, nothing is cached, `albumentations` is hidden from both, and
the first batches, which fill the image buffers, are not counted. Without `--images` pictures are drawn, more than
either buffer holds; with `--polygons` their labels are outlines, which detection moves along, instead of boxes. With
`--task semantic` or `depth` every pixel has a class or a depth (in PNG files) instead; of a folder of one's own masks
lie in `masks` beside `images`, with ids below 20 or 255, depth files in `depth`.
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

REPOSITORY = Path(__file__).resolve().parents[1]
CLASSES = 6
MASK_CLASSES = 20


def measure(images: str, batch: int, batches: int, warmup: int, imgsz: int, task: str) -> dict[str, float]:
    """Time the loader of whichever package this interpreter imports."""
    import cv2
    import torch

    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_dataloader, build_yolo_dataset

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    names = {i: f"class_{i}" for i in range(CLASSES if task == "detect" else MASK_CLASSES)}
    data = {"names": names, "nc": len(names), "channels": 3}
    data |= {"semantic": {"masks_dir": "masks"}, "depth": {"depth_scale": 1000, "max_depth": 100}}.get(task, {})
    cfg = get_cfg(overrides={"imgsz": imgsz, "workers": 0, "cache": False, "task": task})
    dataset = build_yolo_dataset(cfg, images, batch, data, mode="train")
    loader = build_dataloader(dataset, batch, 0, shuffle=True)
    if hasattr(loader, "ahead"):
        loader.ahead = 0  # a thread of its own would use a second core
    done, boxes, start, cpu = -warmup, 0, 0.0, 0.0
    while done < batches:
        for item in loader:
            if done >= batches:
                break
            if done == 0:
                start, cpu = time.perf_counter(), time.process_time()
            done += 1
            boxes += len(item["cls"]) if done > 0 and task == "detect" else 0
    seconds = time.perf_counter() - start
    return {
        "per_second": batches * batch / seconds,
        "cpu_ms": 1000 * (time.process_time() - cpu) / (batches * batch),
        "boxes": boxes / (batches * batch),
        "images": len(dataset),
    }


def run_child(python: str, arguments: list[str], ours: bool) -> dict[str, float]:
    """Measure in a fresh interpreter, pinned to one core where the system can."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "YOLO_OFFLINE": "1", "YOLO_VERBOSE": "false"}
    environment.pop("PYTHONPATH", None)
    if ours:
        environment["PYTHONPATH"] = str(REPOSITORY)
    pin = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if sys.platform == "linux" else []
    with tempfile.TemporaryDirectory() as folder:  # `ultralytics` must not be found in the current folder
        script = Path(folder) / "measure.py"
        script.write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
        command = [*pin, python, str(script), "--child", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(f"{python} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _shown(result: dict[str, float]) -> str:
    boxes = f", {result['boxes']:.1f} boxes" if result["boxes"] else ""
    return f"{result['cpu_ms']:.2f} ms a sample ({result['per_second']:.0f}/s on the clock{boxes})"


def compare(args: argparse.Namespace, images: str) -> None:
    passed = ["--images", images, "--batch", args.batch, "--batches", args.batches, "--warmup", args.warmup]
    passed = [str(value) for value in [*passed, "--imgsz", args.imgsz, "--task", args.task]]
    ratios = []
    for number in range(1, args.rounds + 1):
        ours = run_child(sys.executable, passed, ours=True)
        text = f"round {number}: ours {_shown(ours)}"
        if args.published:
            theirs = run_child(args.published, passed, ours=False)
            ratios.append(theirs["cpu_ms"] / ours["cpu_ms"])
            text += f", published {_shown(theirs)}, ratio {ratios[-1]:.2f}"
        print(text, flush=True)
    if ratios:
        print(f"{int(ours['images'])} images: median ratio {statistics.median(ratios):.2f} "
              f"({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip


def label_memory(images: int, polygons: bool, boxes: int = 10, points: int = 25) -> None:
    """Print the memory of packed labels of a data set of that size; polygons have `points` corners."""
    sys.path.insert(0, str(REPOSITORY))
    import numpy as np
    import psutil

    from ultralytics.data.labels.table import LabelPacker
    from ultralytics.data.labels.verify import LabelRows

    process, rng = psutil.Process(), np.random.default_rng(0)
    before, packer = process.memory_info().rss, LabelPacker()
    for i in range(images):
        outlines = list(rng.random((boxes, points, 2), np.float32)) if polygons else []
        rows = LabelRows(
            rng.integers(0, 80, boxes).astype(np.float32), rng.random((boxes, 4), np.float32), outlines, None
        )
        packer.add(f"/datasets/large/images/train/{i:012d}.jpg", (480, 640), rows)
    labels = packer.finish()
    grown = process.memory_info().rss - before
    what = f"{boxes} polygons of {points} points" if polygons else f"{boxes} boxes"
    print(f"{images} images with {what}: labels {labels.nbytes / 1e6:.0f} MB, process grew by {grown / 1e6:.0f} MB")


def draw_images(folder: Path, count: int, side: int, polygons: bool, task: str) -> str:
    """Draw pictures to load and return their folder."""
    sys.path.insert(0, str(REPOSITORY))
    from ultralytics.data.generators.shapes import CLASSES as SHAPES
    from ultralytics.data.generators.shapes import generate

    task = "segment" if polygons else task
    keys = {"size": [side * 3 // 4, side], "counts": {"train": count, "val": 1}, "task": task}
    if task == "semantic":
        keys["names"] = ["background", *SHAPES]
    generate(keys, folder / "shapes")
    return str(folder / "shapes" / "images" / "train")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", help="interpreter that has the published package")
    parser.add_argument("--images", help="folder of images with a labels folder beside it")
    parser.add_argument("--draw", type=int, default=800, help="pictures to draw without --images")
    parser.add_argument("--polygons", action="store_true", help="labels are polygons")
    parser.add_argument("--task", default="detect", choices=("detect", "semantic", "depth"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=26, help="batches before the clock starts")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--label-memory", type=int, metavar="IMAGES")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        result = measure(args.images, args.batch, args.batches, args.warmup, args.imgsz, args.task)
        print(json.dumps(result))
    elif args.label_memory:
        label_memory(args.label_memory, args.polygons)
    elif args.images:
        compare(args, str(Path(args.images).resolve()))
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(args, draw_images(Path(folder), args.draw, args.imgsz, args.polygons, args.task))


if __name__ == "__main__":
    main()
