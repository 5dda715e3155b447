"""Start a dynamic model from the weights of a plain one ("upcycling").

    python examples/upcycle.py --weights yolov8n.pt --model yolov8n-DynamicConv.yaml --data my_data.yaml

Every plain convolution in the place of a dynamic one becomes a bank of experts that mixes to the very same kernel, so
the dynamic model starts with the outputs of the plain one. Training then lets the experts part.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from ultralytics import YOLO


def difference(first: YOLO, second: YOLO, imgsz: int) -> float:
    """Return the largest difference of two models' raw predictions for random images, relative to the largest value."""
    images = torch.rand(2, 3, imgsz, imgsz, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        a, b = (model.model.eval()(images)[0] for model in (first, second))
    return float((a - b).abs().max() / a.abs().max())


def main(argv: Sequence[str] | None = None) -> float:
    """Run the example and return how far the models differ before training."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", default="yolov8n.pt", help="checkpoint, or a YAML for untrained weights")
    parser.add_argument("--model", default="yolov8n-DynamicConv.yaml")
    parser.add_argument("--data", default="coco8.yaml")
    parser.add_argument("--epochs", type=int, default=10, help="0 to skip the fine-tuning")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)

    plain = YOLO(args.weights)
    dynamic = YOLO(args.model)
    dynamic.load(plain.model)  # prints how many convolutions were upcycled
    before = difference(plain, dynamic, args.imgsz)
    print(f"difference before training: {before:.1e} of the largest output")
    if args.epochs:
        dynamic.train(data=args.data, epochs=args.epochs, imgsz=args.imgsz, workers=args.workers)
    return before


if __name__ == "__main__":
    main()
