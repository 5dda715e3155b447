"""DOTA's rows of corners in pixels turned into YOLO rows of rotated boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ultralytics.cfg.errors import close_names
from ultralytics.data.images.formats import is_image
from ultralytics.data.images.io import header_size_hw
from ultralytics.data.labels.polygons import have_area
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
    Boxes without area, also after that, and repeated rows are left out; the log says how many.

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
        found = Counter(pictures=len(images))
        for image in TQDM(images, desc=f"Converting {part}"):
            source = root / "labels" / f"{part}_original" / f"{image.stem}.txt"
            if not source.is_file():
                found["without labels"] += 1
                continue
            with Image.open(image) as picture:
                height, width = header_size_hw(picture)
            rows = _converted(source, ids, np.array([width, height], np.float64), found)
            with atomic_write(root / "labels" / part / source.name, "w") as stream:
                stream.writelines(rows)
        LOGGER.info(f"{part}: " + ", ".join(f"{number} {what}" for what, number in found.items()))


def _converted(source: Path, ids: dict[str, int], size_wh: np.ndarray, found: Counter[str]) -> list[str]:
    """Return the rows of one file."""
    rows: dict[str, None] = {}
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
        if not have_area([inside])[0]:
            found["boxes without area left out"] += 1
            continue
        if (inside != corners).any():
            found["boxes cut at the border"] += 1
        row = f"{ids[name]} " + " ".join(f"{value:.6g}" for value in inside.ravel()) + "\n"
        found["repeated rows left out" if row in rows else "boxes"] += 1
        rows[row] = None
    return list(rows)
