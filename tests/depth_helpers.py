"""A tiny data set with depth and a tiny network for the tests of depth estimation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from train_helpers import settings

NETWORK = """
nc: 1
backbone:
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
head:
  - [[2, 3, 4], 1, Depth, [8]]
"""


def make_depth_data(
    root: Path, train: int = 8, val: int = 4, size: tuple[int, int] = (48, 64), factor: float = 1
) -> Path:
    """Draw sloping planes whose colour tells their distance, the first rows without one; return the YAML.

    The model YAML is `net.yaml` beside it.
    """
    draw = np.random.default_rng(0)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    for split, count in (("train", train), ("val", val)):
        for part in ("images", "depth"):
            (root / part / split).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            down, across = draw.random(2) * 3
            metres = 1 + down * y / size[0] + across * x / size[1]
            image = np.stack([255 * metres / 7, 255 - 255 * metres / 7, np.full_like(metres, 127)], -1)
            cv2.imwrite(str(root / "images" / split / f"{i}.png"), image.astype(np.uint8))
            metres = metres * factor
            metres[:4] = 0
            cv2.imwrite(str(root / "depth" / split / f"{i}.png"), (metres * 1000).astype(np.uint16))
    text = f"path: {root}\ntrain: images/train\nval: images/val\nnames: {{0: depth}}\nmax_depth: 50\n"
    (root / "data.yaml").write_text(text, encoding="utf-8")
    (root / "net.yaml").write_text(NETWORK, encoding="utf-8")
    return root / "data.yaml"


def depth_settings(yaml: Path, project: Path, **changes: Any) -> dict[str, Any]:
    """Return arguments of a run of a few seconds."""
    return settings(yaml, project, **{"nbs": 4, **changes})
