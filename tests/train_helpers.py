"""A tiny data set, a tiny network and short runs for the tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch import Tensor, nn

NETWORK = """
nc: 2
backbone:
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, C2f, [16, True]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
head:
  - [[3, 4], 1, Detect, [nc]]
"""


def make_data(root: Path, train: int = 12, val: int = 4, size: int = 64, seed: int = 0) -> Path:
    """Draw red and green rectangles with labels; return the data set's YAML. The model YAML is `net.yaml` beside it."""
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        for part in ("images", "labels"):
            (root / part / split).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            image = rng.integers(0, 60, (size, size, 3), dtype=np.uint8)
            rows = []
            for _ in range(rng.integers(1, 4)):
                cls, (w, h) = int(rng.integers(2)), rng.integers(12, 30, 2)
                x, y = int(rng.integers(0, size - w)), int(rng.integers(0, size - h))
                image[y : y + h, x : x + w] = (40, 40, 255) if cls == 0 else (40, 255, 40)
                rows.append(f"{cls} {(x + w / 2) / size} {(y + h / 2) / size} {w / size} {h / size}")
            cv2.imwrite(str(root / "images" / split / f"{i}.jpg"), image)
            (root / "labels" / split / f"{i}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    text = f"path: {root}\ntrain: images/train\nval: images/val\nnames: {{0: red, 1: green}}\n"
    (root / "data.yaml").write_text(text, encoding="utf-8")
    (root / "net.yaml").write_text(NETWORK, encoding="utf-8")
    return root / "data.yaml"


def settings(yaml: Path, project: Path, **changes: Any) -> dict[str, Any]:
    """Return arguments of a run of a few seconds."""
    base = {
        "model": str(yaml.with_name("net.yaml")),
        "data": str(yaml),
        "imgsz": 64,
        "epochs": 2,
        "batch": 4,
        "device": "cpu",
        "workers": 0,
        "plots": False,
        "optimizer": "SGD",
        "nbs": 8,
        "project": str(project),
        "name": "run",
    }
    return {**base, **changes}


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a model's state."""
    return {name: value.clone() for name, value in model.state_dict().items()}
