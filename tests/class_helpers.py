"""Small classification sets for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

COLORS = {"blue": (255, 40, 40), "green": (40, 255, 40), "red": (40, 40, 255)}


def make_classes(
    root: Path, counts: Mapping[str, int], size_hw: tuple[int, int] = (48, 64), suffix: str = ".jpg"
) -> Path:
    """Write `counts` pictures per class, each mostly of its class's colour, into a folder per class."""
    for number, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            rng = np.random.default_rng((number, i))
            noise = cv2.resize(rng.integers(0, 90, (6, 8, 3), dtype=np.uint8), size_hw[::-1])
            color = COLORS.get(name, tuple(rng.integers(0, 255, 3).tolist()))
            picture = cv2.addWeighted(noise, 0.5, np.full_like(noise, color), 0.7, 0)
            cv2.imwrite(str(root / name / f"{i:03d}{suffix}"), picture)
    return root


def make_set(root: Path, train: int = 6, val: int = 3) -> Path:
    """Write a data set of three colours with `train` and `val` pictures per class."""
    for split, count in (("train", train), ("val", val)):
        make_classes(root / split, dict.fromkeys(COLORS, count))
    return root
