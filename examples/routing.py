"""See which experts a dynamic model uses for which image.

    python examples/routing.py --model runs/detect/train/weights/best.pt --source images/

The command line has the same: `yolo routing model=best.pt source=images/ by=class`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import torch

from ultralytics import ASSETS, YOLO
from ultralytics.nn.dynamic.routing import RoutingReport, plot_routing, routing_report


def read(file: Path, size: int) -> torch.Tensor:
    """Return a picture as (1, 3, size, size), RGB in 0..1."""
    picture = cv2.resize(cv2.imread(str(file)), (size, size))[..., ::-1].copy()
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def main(argv: Sequence[str] | None = None) -> RoutingReport:
    """Run the example and return the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="yolov8n-DynamicConv.yaml", help="a trained checkpoint tells more")
    parser.add_argument("--source", type=Path, default=ASSETS, help="folder of pictures")
    parser.add_argument("--imgsz", type=int, default=320)
    args = parser.parse_args(argv)

    files = sorted(f for f in args.source.iterdir() if f.suffix.lower() in {".jpg", ".png"})
    network = YOLO(args.model).model
    report = routing_report(network, (read(f, args.imgsz) for f in files), [f.name for f in files])
    print(report)
    for layer, spread in zip(report.layers, report.spread, strict=True):
        print(f"{layer}: weights differ between images by up to {spread:.3f}")
    report.save_csv("routing.csv")
    plot_routing(report, "routing.png")
    return report


if __name__ == "__main__":
    main()
