"""Export a dynamic model to ONNX, with a fixed and with a free batch size, and compare with PyTorch.

python examples/export_onnx.py --model runs/detect/train/weights/best.pt --imgsz 640
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from ultralytics import YOLO
from ultralytics.nn.autobackend import AutoBackend


def largest_difference(network: torch.nn.Module, file: str, batch: int, imgsz: int) -> float:
    """Return the largest difference between PyTorch and the file for random images, relative to the largest value."""
    images = torch.rand(batch, 3, imgsz, imgsz, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = network.eval()(images)[0]
    found = AutoBackend(file, verbose=False)(images)
    return float((expected - found).abs().max() / expected.abs().max())


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return the differences."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="yolov8n-DynamicConv.yaml")
    parser.add_argument("--imgsz", type=int, default=320)
    args = parser.parse_args(argv)

    model = YOLO(args.model)
    differences = {}
    for name, options, batches in (("fixed", {"batch": 1}, (1,)), ("free", {"dynamic": True}, (1, 3))):
        written = Path(model.export(format="onnx", imgsz=args.imgsz, **options))
        file = str(written.rename(written.with_name(f"{written.stem}-{name}.onnx")))
        for batch in batches:
            key = f"{name}, batch {batch}"
            differences[key] = largest_difference(model.model, file, batch, args.imgsz)
            print(f"{key}: PyTorch and ONNX Runtime differ by {differences[key]:.1e} of the largest output")
    return differences


if __name__ == "__main__":
    main()
