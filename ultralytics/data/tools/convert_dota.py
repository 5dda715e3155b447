"""DOTA's rows of corners in pixels turned into YOLO rows of rotated boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ultralytics.cfg.errors import close_names
from ultralytics.data.images.formats import is_image
from ultralytics.data.images.io import header_size_hw
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER
from ultralytics.utils.tqdm import TQDM

__all__ = ["DOTA_CLASSES", "convert_dota_to_yolo_obb"]

DOTA_CLASSES = (
    "plane", "ship", "storage-tank", "baseball-diamond", "tennis-court", "basketball-court", "ground-track-field",
    "harbor", "bridge", "large-vehicle", "small-vehicle", "helicopter", "roundabout", "soccer-ball-field",
    "swimming-pool", "container-crane", "airport", "helipad",
)  # fmt: skip
CORNERS = 8  # values of a row before the class


def convert_dota_to_yolo_obb(dota_root_path: str | Path, names: Sequence[str] = DOTA_CLASSES) -> None:
    """Write `labels/{train,val}` of a DOTA data set from `labels/{train,val}_original` and `images/{train,val}`.

    Rows of the source are `x1 y1 x2 y2 x3 y3 x4 y4 class difficult` in pixels; those of the result are the class index
    and the corners as shares of the picture's sides, six digits. Corners outside the picture are moved to its border.

    Args:
        dota_root_path: folder of the data set.
        names: classes in the order of their indices.

    Raises:
        FileNotFoundError: where neither part is there.
        ValueError: for a row that cannot be read; names file and line.
    """
    root = Path(dota_root_path)
    parts = [part for part in ("train", "val") if (root / "images" / part).is_dir()]
    parts = [part for part in parts if (root / "labels" / f"{part}_original").is_dir()]
    if not parts:
        raise FileNotFoundError(
            f"'{root}' needs 'images/train' with 'labels/train_original', or the same for 'val'; it has neither."
        )
    ids = {name: i for i, name in enumerate(names)}
    for part in parts:
        images = sorted(f for f in (root / "images" / part).iterdir() if is_image(f.name))
        without = moved = 0
        for image in TQDM(images, desc=f"Converting {part}"):
            source = root / "labels" / f"{part}_original" / f"{image.stem}.txt"
            if not source.is_file():
                without += 1
                continue
            with Image.open(image) as picture:
                height, width = header_size_hw(picture)
            rows, outside = _converted(source, ids, np.array([width, height], np.float64))
            moved += outside
            with atomic_write(root / "labels" / part / source.name, "w") as stream:
                stream.writelines(rows)
        LOGGER.info(f"{part}: {len(images)} pictures, {without} without labels, {moved} boxes cut at the border.")


def _converted(source: Path, ids: dict[str, int], size_wh: np.ndarray) -> tuple[list[str], int]:
    """Return the rows of one file, and how many boxes reached beyond the picture."""
    rows, outside = [], 0
    for number, line in enumerate(source.read_text(encoding="utf-8-sig").splitlines(), 1):
        words = line.split()
        if not words or ":" in words[0]:  # `imagesource:...` and `gsd:...` head the files
            continue
        if len(words) <= CORNERS:
            raise ValueError(f"{source}:{number}: {len(words)} values; expected eight coordinates and a class.")
        name = words[CORNERS]
        if name not in ids:
            near = close_names(name, ids, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(ids)}."
            raise ValueError(f"{source}:{number}: unknown class '{name}'; {hint}")
        try:
            corners = np.array(words[:CORNERS], np.float64).reshape(4, 2) / size_wh
        except ValueError:
            raise ValueError(f"{source}:{number}: '{' '.join(words[:CORNERS])}' are not eight numbers.") from None
        inside = corners.clip(0, 1)
        outside += int((inside != corners).any())
        rows.append(f"{ids[name]} " + " ".join(f"{value:.6g}" for value in inside.ravel()) + "\n")
    return rows, outside
