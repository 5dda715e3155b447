"""Training samples per second from shards against loose files, and the memory that reading many of them takes.

    python benchmarks/shards.py
    python benchmarks/shards.py --images 4000 --size 64MB --rounds 7
    python benchmarks/shards.py --memory

The same drawn pictures lie in loose files and in shards; the loaders of both take turns in one process, without workers
and without a second thread, and the figure is the median of the ratios of neighbours. `--memory` goes through the
shards several times in order and prints the resident memory of the process after each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml


def draw(root: Path, count: int) -> Path:
    """Write pictures with boxes and return the description of the data set."""
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    grain = rng.integers(0, 60, (700, 700, 3), dtype=np.uint8)
    for i in range(count):
        y, x = rng.integers(0, 200, 2)
        picture = cv2.GaussianBlur(grain[y : y + 480, x : x + 480], (5, 5), 0)
        cv2.circle(picture, tuple(rng.integers(60, 400, 2).tolist()), 50, rng.integers(90, 255, 3).tolist(), -1)
        cv2.imwrite(str(root / "images" / "train" / f"{i:06d}.jpg"), picture)
        rows = [f"{i % 4} {x:.3f} {y:.3f} .1 .1" for x, y in rng.uniform(0.1, 0.9, (6, 2))]
        (root / "labels" / "train" / f"{i:06d}.txt").write_text("\n".join(rows))
    file = root / "set.yaml"
    file.write_text(yaml.safe_dump({"path": str(root), "train": "images/train", "val": "images/train", "nc": 4}))
    return file


def loader(data: Path, batch: int) -> Any:
    """Return the training loader of a data set."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_dataloader, build_yolo_dataset
    from ultralytics.data.describe.boxes import check_det_dataset

    described = check_det_dataset(data, split="train")
    args = get_cfg(overrides={"task": "detect", "imgsz": 320, "workers": 0})
    made = build_dataloader(build_yolo_dataset(args, described["train"], batch, described), batch, 0, seed=0)
    made.ahead = 0
    return made


def seconds(made: Any) -> float:
    """Return the processor time of an epoch."""
    start = time.process_time()
    for _ in made:
        pass
    return time.process_time() - start


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", default="16MB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(0)
    from ultralytics.data.shards.write import write_shards

    with tempfile.TemporaryDirectory() as folder:
        loose = draw(Path(folder, "loose"), args.images)
        packed = write_shards(loose, Path(folder, "packed"), args.size)
        if args.memory:
            dataset = loader(packed, args.batch).dataset
            for turn in range(args.rounds):
                for i in range(len(dataset)):
                    dataset.load_image(i)
                print(f"{(turn + 1) * len(dataset):>9,} pictures: {_resident() >> 20} MB", flush=True)
            return
        sides = {"loose": loader(loose, args.batch), "shards": loader(packed, args.batch)}
        for made in sides.values():
            seconds(made)
        times: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(args.rounds):
            for name in list(sides)[:: -1 if turn % 2 else 1]:
                times[name].append(seconds(sides[name]))
        for name, found in times.items():
            print(f"{name:<8}{args.images / statistics.median(found):>8.0f} samples per second of processor time")
        ratio = statistics.median(a / b for a, b in zip(times["loose"], times["shards"], strict=True))
        print(f"shards deliver {ratio:.3f} times as many as loose files")


def _resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
