"""Inference time of every family's smallest size: this package against another installation of `ultralytics`.

    python benchmarks/forward.py --other /path/to/other/venv/bin/python [--models yolo26n ...] [--imgsz 640] [--batch 1]

Both sides run folded networks through their `AutoBackend`, which chooses memory layout and form of the convolutions, on
one random image, without pre- and postprocessing. CPU time by default, at one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pairs

MODELS = (
    *("yolov3-tiny", "yolov5n", "yolov6n", "yolov8n", "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n"),
    *("yolo11n-seg", "yolo26n-seg", "yolo26n-pose", "yolo26n-obb", "yolo26n-cls", "rtdetr-resnet50"),
)


def prepare(settings: dict[str, Any], model: str) -> Callable[[], Any]:
    """Return the work of one forward pass."""
    import torch

    from ultralytics import RTDETR, YOLO
    from ultralytics.nn.autobackend import AutoBackend

    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    name, _, branch = model.partition("@")
    kind = RTDETR if name.startswith("rtdetr") else YOLO
    network = kind(f"{name}.yaml").model
    if branch == "end2end":
        network.end2end = True
    backend = AutoBackend(model=network, device=torch.device("cpu"), fuse=True, verbose=False).eval()
    images = torch.rand(settings["batch"], 3, settings["imgsz"], settings["imgsz"])

    @torch.inference_mode()
    def run() -> None:
        for _ in range(settings["repeats"]):
            backend(images)

    run()  # packing happens when a size comes again
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", help="interpreter that has the other package")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="NAME or NAME@end2end")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=2, help="passes per round")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=pairs.CLOCKS, default="cpu")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        pairs.answer(prepare)
        return
    settings = {key: getattr(args, key) for key in ("imgsz", "batch", "repeats", "threads", "clock")}
    found = pairs.compare(__file__, args.other, args.models, settings, args.rounds)
    pairs.conclude(found, args.json, judged=bool(args.other))


if __name__ == "__main__":
    main()
