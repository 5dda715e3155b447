"""Dividing a folder of images into training, validation and test lists."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from ultralytics.data.locate import find_images, img2label_paths
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER

__all__ = ["autosplit"]


def autosplit(
    path: str | Path, weights: Sequence[float] = (0.9, 0.1, 0.0), annotated_only: bool = False
) -> dict[str, int]:
    """Write `autosplit_train.txt`, `autosplit_val.txt` and `autosplit_test.txt` beside a folder of images.

    The same folder gives the same lists every time.

    Args:
        path: folder of images.
        weights: shares of the three lists, which add up to 1.
        annotated_only: leave out images without a label file.

    Returns:
        Number of images per list.

    Raises:
        ValueError: for other than three shares from 0 to 1 that add up to 1.
        FileNotFoundError: where there are no images.
    """
    if len(weights) != 3 or min(weights) < 0 or abs(sum(weights) - 1) > 1e-6:
        raise ValueError(f"weights={tuple(weights)}: give three shares (train, val, test) that add up to 1.")
    folder = Path(path)
    images = find_images(folder)
    if annotated_only:
        images = [image for image, label in zip(images, img2label_paths(images), strict=True) if Path(label).is_file()]
    chosen = random.Random(0).choices(("train", "val", "test"), weights, k=len(images))
    counts = {}
    for split in ("train", "val", "test"):
        lines = [
            f"./{Path(image).relative_to(folder.parent).as_posix()}\n"
            for image, name in zip(images, chosen, strict=True)
            if name == split
        ]
        target = folder.parent / f"autosplit_{split}.txt"
        target.unlink(missing_ok=True)
        if lines:
            with atomic_write(target, "w") as file:
                file.writelines(lines)
        counts[split] = len(lines)
    LOGGER.info(f"{folder}: " + ", ".join(f"{number} {split}" for split, number in counts.items()))
    return counts
