"""Use a block of your own in a model, without a change to the package.

    python examples/custom_block.py

The block is the class below. The model YAML names it under `modules:` by the import path of this file, so training
processes find it too. A later program that opens the checkpoint has to name the block itself: import a module that
registers it, or use `trust=True` (docs/trust.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from ultralytics import YOLO
from ultralytics.nn.modules import Conv

MODEL = """
nc: 6
modules:
  GatedConv: custom_block:GatedConv    # package.module:Class; called as (channels in, channels out, *arguments)
backbone:
  - [-1, 1, Conv, [16, 3, 2]]          # 0
  - [-1, 1, Conv, [32, 3, 2]]          # 1
  - [-1, 1, GatedConv, [64, 3, 2]]     # 2  1/8
  - [-1, 1, C2f, [64, True]]           # 3
  - [-1, 1, GatedConv, [128, 3, 2]]    # 4  1/16
  - [-1, 1, SPPF, [128, 5]]            # 5
head:
  - [[3, 5], 1, Detect, [nc]]          # 6
"""


class GatedConv(nn.Module):
    """A convolution whose output channels are weighed by a gate that looks at the whole image.

    Args:
        c1: input channels.
        c2: output channels.
        k: kernel size.
        s: stride.
    """

    def __init__(self, c1: int, c2: int, k: int = 3, s: int = 1) -> None:
        super().__init__()
        self.conv = Conv(c1, c2, k, s)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c1, c2, 1), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C1, H, W) to (B, C2, H', W')."""
        return self.conv(x) * self.gate(x)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Run the example and return the figures of the validation."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="shapes.yaml")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)

    file = Path("gated.yaml")
    file.write_text(MODEL, encoding="utf-8")
    model = YOLO(file)
    model.info()
    model.train(data=args.data, epochs=args.epochs, imgsz=args.imgsz, workers=args.workers, plots=False)
    again = YOLO(model.ckpt_path)  # the checkpoint knows the block's import path
    return again.val(data=args.data, imgsz=args.imgsz, workers=args.workers, plots=False).results_dict


if __name__ == "__main__":
    main()
