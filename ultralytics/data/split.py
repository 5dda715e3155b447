"""Dividing pictures into training, validation and test parts: lists of files, or folders of classes."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ultralytics.data.describe.class_folders import examples, list_pictures
from ultralytics.data.describe.locate import find_images, img2label_paths
from ultralytics.data.labels.cache import get_hash
from ultralytics.utils.downloads import file_lock
from ultralytics.utils.files import atomic_folder, atomic_write
from ultralytics.utils.lazy import offer
from ultralytics.utils.literals import mark_of
from ultralytics.utils.log import LOGGER

__all__ = ["autosplit", "split_classify_dataset"]

SPLIT_MARK = "split.json"  # in a folder that `split_classify_dataset` made: what it was made from


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


def split_classify_dataset(source_dir: str | Path, train_ratio: float = 0.8) -> Path:
    """Make a data set with `train` and `val` of a folder of class folders, and leave that folder as it is.

    The new folder `<source>_split` holds hard links where the file system has them, else copies. Every class is divided
    by itself; one of two pictures or more is in both parts. The same files give the same parts; a folder that was made
    of other files or with another ratio is made anew.

    Args:
        source_dir: folder of class folders.
        train_ratio: share of the training part, above 0 and below 1.

    Returns:
        The new folder.

    Raises:
        ValueError: for another ratio.
        FileNotFoundError: where there are no pictures.
        FileExistsError: where the new folder's name is taken by something else.
    """
    if not 0 < train_ratio < 1:
        raise ValueError(f"train_ratio={train_ratio}: give the training share, above 0 and below 1.")
    source = Path(source_dir).absolute()
    if not source.is_dir():
        raise FileNotFoundError(f"'{source_dir}' is no folder; give a folder of class folders.")
    parts = _divided(source, train_ratio)
    target = source.with_name(f"{source.name}_split")
    key = get_hash([*parts["train"], *parts["val"]])
    stamp = {"source": str(source), "train_ratio": train_ratio, "files": key}
    with file_lock(target):
        mark = target / SPLIT_MARK
        if mark_of(mark) == stamp:
            return target
        if target.exists() and not mark.is_file():
            raise FileExistsError(f"'{target}' was not made by this function; move it away or split by hand.")
        _write_parts(source, parts, target, stamp)
    counts = ", ".join(f"{len(files)} {name}" for name, files in parts.items())
    LOGGER.info(f"split '{source}' into {counts} pictures in '{target}'")
    return target


def _divided(source: Path, train_ratio: float) -> dict[str, list[str]]:
    """Return the pictures of both parts."""
    listing = list_pictures(source)
    if not listing.files:
        raise FileNotFoundError(f"no pictures in folders of '{source}'; it should hold one folder per class.")
    rng = random.Random(0)
    parts: dict[str, list[str]] = {"train": [], "val": []}
    single = []
    for i, name in enumerate(listing.names):
        files = [file for file, owner in zip(listing.files, listing.owners, strict=True) if owner == i]
        rng.shuffle(files)
        count = min(max(round(len(files) * train_ratio), 1), max(len(files) - 1, 1))
        parts["train"] += files[:count]
        parts["val"] += files[count:]
        single += [name] if len(files) == 1 else []
    if single:
        LOGGER.warning(f"classes with one picture have none in 'val': {examples(single)}.")
    return parts


def _write_parts(source: Path, parts: dict[str, list[str]], target: Path, stamp: dict[str, Any]) -> None:
    """Let the target folder appear in one step, complete."""
    with atomic_folder(target) as staging:
        for part, files in parts.items():
            for file in files:
                place = staging / part / Path(file).relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(file, place)
        (staging / SPLIT_MARK).write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def _link_or_copy(file: str, place: Path) -> None:
    try:
        os.link(os.path.realpath(file), place)
    except OSError:  # another disk, or a file system without links
        shutil.copy2(file, place)


__getattr__, __dir__ = offer(__name__)
