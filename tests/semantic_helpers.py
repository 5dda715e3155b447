"""Drawn pictures with masks and a tiny network, for the tests of semantic segmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

SIDE = 64
NETWORK = """
nc: 3
backbone:
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
head:
  - [-1, 1, nn.Upsample, [None, 2, nearest]]
  - [[-1, 3], 1, Concat, [1]]
  - [-1, 1, nn.Upsample, [None, 2, nearest]]
  - [[-1, 2], 1, Concat, [1]]
  - [-1, 1, Conv, [16, 3]]
  - [[9, 6], 1, SemanticSegment, [nc]]
"""
NAMES = {0: "ground", 1: "box", 2: "disc"}
COLORS = {0: (40, 40, 40), 1: (40, 40, 230), 2: (40, 230, 40)}


def draw(rng: np.random.Generator, size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of a box and a disc on the ground, and its class map with a line of ignored pixels."""
    height, width = size_hw
    mask = np.zeros(size_hw, np.uint8)
    x, y = rng.integers(4, width // 2), rng.integers(4, height // 2)
    cv2.rectangle(mask, (int(x), int(y)), (int(x) + 18, int(y) + 14), 1, -1)
    cv2.circle(mask, (int(rng.integers(12, width - 12)), height - 14), 10, 2, -1)
    picture = np.array([COLORS[c] for c in range(3)], np.uint8)[mask] + rng.integers(0, 20, (*size_hw, 3), np.uint8)
    mask[:2] = 255
    return picture, mask


def write_data(
    root: Path, numbers: dict[int, int] | None = None, size_hw: tuple[int, int] = (SIDE, SIDE), **keys: Any
) -> str:
    """Write a data set of twelve pictures with masks; return its YAML.

    Args:
        root: folder.
        numbers: class -> number in the masks, where they are others.
        size_hw: of the pictures.
        keys: of the YAML.
    """
    rng = np.random.default_rng(0)
    table = np.arange(256, dtype=np.uint8)
    for c, number in (numbers or {}).items():
        table[c] = number
    for split, count in (("train", 8), ("val", 4)):
        for part in ("images", "masks"):
            (root / part / split).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            picture, mask = draw(rng, size_hw)
            cv2.imwrite(str(root / "images" / split / f"{i}.png"), picture)
            cv2.imwrite(str(root / "masks" / split / f"{i}.png"), table[mask])
    (root / "net-sem.yaml").write_text(NETWORK, encoding="utf-8")
    content = {"path": str(root), "train": "images/train", "val": "images/val", "masks_dir": "masks", "names": NAMES}
    (root / "data.yaml").write_text(yaml.safe_dump({**content, **keys}), encoding="utf-8")
    return str(root / "data.yaml")


def truth(data: str, i: int, split: str = "val") -> np.ndarray:
    """Return the mask (H, W) of picture `i`."""
    return cv2.imread(str(Path(data).parent / "masks" / split / f"{i}.png"), cv2.IMREAD_UNCHANGED)
