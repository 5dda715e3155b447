"""How long it takes to build a model from its YAML: this package against another installation of `ultralytics`.

    python benchmarks/build.py --other /path/to/other/venv/bin/python [--models yolo26n yolo12n ...] [--rounds 7]

The time is that of `YOLO("yolo26n.yaml")`, after one such call: reading the YAML, checking it, making the layers, their
random weights, and finding the strides. CPU time by default, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pairs

MODELS = (
    *(
        "yolov3-tiny",
        "yolov5n",
        "yolov6n",
        "yolov8n",
        "yolov9t",
        "yolov9c",
        "yolov10n",
        "yolo11n",
        "yolo12n",
        "yolo26n",
    ),
    *("yolo26n-seg", "yolo26n-pose", "yolo26n-obb", "yolo26n-cls", "yolo26m", "rtdetr-l"),
)


def prepare(settings: dict[str, Any], model: str) -> Callable[[], Any]:
    """Return the work of one call."""
    import torch

    from ultralytics import RTDETR, YOLO

    torch.set_num_threads(settings["threads"])
    kind = RTDETR if model.startswith("rtdetr") else YOLO
    return lambda: kind(f"{model}.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", help="interpreter that has the other package")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=pairs.CLOCKS, default="cpu")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        pairs.answer(prepare)
        return
    settings = {"threads": args.threads, "clock": args.clock}
    found = pairs.compare(__file__, args.other, args.models, settings, args.rounds)
    pairs.conclude(found, args.json, judged=bool(args.other))


if __name__ == "__main__":
    main()
