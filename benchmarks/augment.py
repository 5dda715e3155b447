"""Augmented training samples per second on one core: this package against another installation of `ultralytics`.

    python benchmarks/augment.py --other /path/to/other/venv/bin/python

Both run `v8_transforms` and `Format` with default settings over the same pictures (640 px, mosaic on), through the
public interface, each in its own interpreter. Rounds alternate between the two, so that a slow minute of the machine
hits both; processor time is counted. With `--decode` every sample's picture is decoded from JPEG first, as in training
without a cache; partners of a mosaic come from memory in both.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SIDE = 640
SETTINGS = {
    "mosaic": 1.0,
    "copy_paste": 0.0,
    "copy_paste_mode": "flip",
    "degrees": 0.0,
    "translate": 0.1,
    "scale": 0.5,
    "shear": 0.0,
    "perspective": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "hsv_h": 0.015,
    "hsv_s": 0.7,
    "hsv_v": 0.4,
    "flipud": 0.0,
    "fliplr": 0.5,
}


def draw_pictures(folder: Path, count: int) -> None:
    """Write `count` noisy pictures of rectangles as JPEG, alternately 640 x 480 and 480 x 640, with their boxes."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    for i in range(count):
        h, w = (480, SIDE) if i % 2 == 0 else (SIDE, 480)
        coarse = rng.integers(0, 256, (h // 16, w // 16, 3), np.uint8)
        picture = cv2.addWeighted(cv2.resize(coarse, (w, h)), 0.9, rng.integers(0, 256, (h, w, 3), np.uint8), 0.1, 0)
        corner = rng.uniform(0, 0.7, (12, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(0.03, 0.3, (12, 2))], axis=1).astype(np.float32)
        for x1, y1, x2, y2 in (boxes * [w, h, w, h]).astype(int).tolist():
            cv2.rectangle(picture, (x1, y1), (x2, y2), rng.integers(0, 256, 3).tolist(), -1)
        cv2.imwrite(str(folder / f"{i:04d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
        np.save(folder / f"{i:04d}.npy", boxes)


class Pictures:
    """The least that the transforms ask of a data set: label dictionaries by index, all from memory."""

    data: dict[str, Any] = {}
    cache = None
    use_keypoints = use_segments = use_obb = False

    def __init__(self, folder: Path, decode: bool) -> None:
        import cv2
        import numpy as np

        self.files = sorted(str(file) for file in folder.glob("*.jpg"))
        self.images = [cv2.imread(file) for file in self.files]
        self.boxes = [np.load(file[:-3] + "npy") for file in self.files]
        self.classes = [np.zeros((len(boxes), 1), np.float32) for boxes in self.boxes]
        self.decode = decode
        self.buffer = list(range(len(self.files)))
        self.imgsz = SIDE

    def __len__(self) -> int:
        return len(self.files)

    def get_image_and_label(self, index: int, decode: bool = False) -> dict[str, Any]:
        """The label dictionary of one picture."""
        import cv2

        from ultralytics.utils.instance import Instances

        image = cv2.imread(self.files[index]) if decode else self.images[index]
        return {
            "im_file": self.files[index],
            "img": image,
            "cls": self.classes[index].copy(),
            "ori_shape": image.shape[:2],
            "resized_shape": image.shape[:2],
            "ratio_pad": (1.0, 1.0),
            "instances": Instances(self.boxes[index].copy(), bbox_format="xyxy", normalized=True),
        }


def serve(folder: Path, decode: bool) -> None:
    """Answer every line "N" on standard input with the seconds of processor time that N samples took."""
    import cv2
    import torch

    from ultralytics.data.augment import Format, v8_transforms

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    pictures = Pictures(folder, decode)
    chain = v8_transforms(pictures, SIDE, SimpleNamespace(**SETTINGS))
    chain.append(Format())
    if not hasattr(chain.transforms[3], "defaults"):
        own_stream = None
    else:
        from ultralytics.data.augment.rng import SampleRng

        own_stream = SampleRng
        chain.transforms[3].defaults = []  # optional package, which may be missing on the other side
    random.seed(0)
    made = 0
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.process_time()
        for _ in range(int(line)):
            labels = pictures.get_image_and_label(made % len(pictures), decode)
            if own_stream is None:
                chain(labels)
            else:
                chain(labels, own_stream((0, 0, made)))
            made += 1
        print(json.dumps(time.process_time() - start), flush=True)


class Child:
    """One of the two interpreters."""

    def __init__(self, python: str, folder: Path, decode: bool, path: str | None) -> None:
        env = {**os.environ, "YOLO_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        env.pop("PYTHONPATH", None)
        if path:
            env["PYTHONPATH"] = path
        command = [python, str(Path(__file__).resolve()), "--serve", str(folder)] + ["--decode"] * decode
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=folder
        )
        self._read_until("ready")

    def _read_until(self, wanted: str | None) -> str:
        for line in self.process.stdout:
            if (wanted is None and line[:1].isdigit()) or line.strip() == wanted:
                return line
        raise RuntimeError(f"{self.process.args[0]} ended early; run it with --serve to see why.")

    def run(self, count: int) -> float:
        """Seconds for `count` samples."""
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return float(self._read_until(None))

    def close(self) -> None:
        """End the interpreter."""
        self.process.stdin.close()
        self.process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--other", help="Python interpreter of the other installation")
    parser.add_argument("--images", type=Path, help="folder of .jpg and .npy (corner boxes 0..1) to use")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--samples", type=int, default=100, help="per round")
    parser.add_argument("--decode", action="store_true", help="decode every sample's picture")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.decode)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.images or Path(temporary)
        if args.images is None:
            draw_pictures(folder, 64)
        root = str(Path(__file__).resolve().parents[1])
        children = {"ours": Child(sys.executable, folder, args.decode, root)}
        if args.other:
            children["other"] = Child(args.other, folder, args.decode, None)
        times: dict[str, list[float]] = {name: [] for name in children}
        for number in range(args.rounds + 1):
            for name, child in children.items():
                seconds = child.run(args.samples)
                if number:  # the first round warms up
                    times[name].append(seconds / args.samples)
        for child in children.values():
            child.close()
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:6s} {middle * 1e3:6.2f} ms a sample, {1 / middle:6.0f} a second")
    if args.other:
        ratios = [other / ours for ours, other in zip(times["ours"], times["other"], strict=True)]
        print(f"ratio  {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f} over the rounds)")


if __name__ == "__main__":
    main()
