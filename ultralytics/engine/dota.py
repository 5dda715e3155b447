"""Predictions of oriented boxes in the format of the DOTA benchmark (https://captain-whu.github.io/DOTA/).

One text file per class, one line per detection: picture, score, four corners. Pictures of DOTA are validated in tiles
named `picture__n__x___y`; for the benchmark the tiles of a picture are put together again. `n` is the scale at which a
tile was cut (1, 0.5 ...) or, from other tools, the side of a tile cut at scale 1; no scale is as large as a side.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ultralytics.ops.nms import TorchNMS
from ultralytics.ops.rotated import batch_probiou, xywhr2xyxyxyxy
from ultralytics.utils.files import atomic_write
from ultralytics.utils.text import file_name, printable

__all__ = ["merge_tiles", "write_task1"]

TILE = re.compile(r"(?P<picture>.+?)__(?P<n>\d+(?:\.\d+)?)__(?P<x>\d+)___(?P<y>\d+)$")
MERGE_IOU = 0.3  # overlap above which two detections of neighbouring tiles are the same object
LARGEST_SCALE = 16
CLASS_GAP = 1e5  # pixels between the classes while merging; no picture is larger


def write_task1(rows: Sequence[Mapping[str, Any]], names: Mapping[int, str], folder: Path) -> None:
    """Write `Task1_<class>.txt` for every class.

    Args:
        rows: rows of `predictions.json`: `image_id`, `category_id`, `score`, `poly` (8 numbers).
        names: category id to class name.
        folder: where to; files of an earlier run are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[int, list[str]] = {category: [] for category in names}
    for row in rows:
        corners = " ".join(f"{value:g}" for value in row["poly"])
        lines[row["category_id"]].append(f"{printable(row['image_id'])} {row['score']} {corners}\n")
    taken: set[str] = set()
    for category, name in names.items():
        stem = file_name(re.sub(r"[^\w.-]", "-", name))  # the benchmark's own names have hyphens for spaces
        stem = f"{stem}-{category}" if stem in taken else stem
        taken.add(stem)
        with atomic_write(folder / f"Task1_{stem}.txt") as stream:
            stream.write("".join(lines[category]).encode())


def merge_tiles(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the detections of whole pictures: tiles moved to their place and doubles of their overlaps removed.

    A detection whose picture has no tile's name stays as it is.

    Args:
        rows: rows of `predictions.json` with `rbox` in tile pixels.
    """
    pictures: dict[Any, list[tuple[Mapping[str, Any], list[float]]]] = defaultdict(list)
    for row in rows:
        tile = TILE.fullmatch(str(row["image_id"]))
        x, y, *rest = row["rbox"]
        if tile is None:
            pictures[row["image_id"]].append((row, [x, y, *rest]))
            continue
        scale = float(tile["n"]) if float(tile["n"]) <= LARGEST_SCALE else 1.0
        width, height, angle = rest
        place = [(x + int(tile["x"])) / scale, (y + int(tile["y"])) / scale, width / scale, height / scale, angle]
        pictures[tile["picture"]].append((row, place))
    return [row for picture, found in pictures.items() for row in _without_doubles(picture, found)]


def _without_doubles(picture: Any, found: list[tuple[Mapping[str, Any], list[float]]]) -> list[dict[str, Any]]:
    """Return the detections of one picture that are left after suppression within every class."""
    boxes = torch.tensor([box for _, box in found], dtype=torch.float64)
    scores = torch.tensor([row["score"] for row, _ in found])
    apart = boxes.clone()
    apart[:, :2] += torch.tensor([[row["category_id"] * CLASS_GAP] for row, _ in found])
    keep = TorchNMS.fast_nms(apart, scores, MERGE_IOU, iou_func=batch_probiou).tolist()
    corners = xywhr2xyxyxyxy(boxes).flatten(1).tolist()
    return [
        {
            **found[i][0],
            "image_id": picture,
            "rbox": [round(value, 3) for value in boxes[i].tolist()],
            "poly": [round(value, 3) for value in corners[i]],
        }
        for i in keep
    ]
