"""Writers of one picture's results: label rows and crops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ultralytics.data.images.depth import as_drawable
from ultralytics.engine.plots.crops import save_one_box
from ultralytics.engine.plots.files import write_image
from ultralytics.engine.results.picture import PictureResults
from ultralytics.engine.results.tensors import as_numpy
from ultralytics.utils.files import atomic_write, writing
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import file_name as part_of_path
from ultralytics.utils.text import printable

__all__ = ["label_rows", "save_crops", "save_label_file"]

MIN_POLYGON = 3  # points; fewer enclose nothing and could not be read back


def label_rows(result: PictureResults, save_conf: bool = False) -> list[str]:
    """Return label rows in the format of the data sets, coordinates as shares of the picture's sides.

    `class box`, `class polygon` (masks, oriented boxes) or `class box keypoints`, then the score if asked for, then the
    track id if there is one. Classification gives `probability name`.
    """
    if result.probs is not None:
        probs = result.probs.numpy()
        return [
            f"{p:.2f} {printable(result.names[i])}" for i, p in zip(probs.top5, probs.top5conf.tolist(), strict=True)
        ]
    rows = result.obb if result.obb is not None else result.boxes
    if rows is None:
        return []
    rows = rows.numpy()
    shapes = _shapes(result)
    lines = []
    for i, (label, score) in enumerate(zip(rows.cls.tolist(), rows.conf.tolist(), strict=True)):
        if result.masks is not None and len(shapes[i]) < 2 * MIN_POLYGON:
            continue
        values = [int(label), *shapes[i].tolist(), *([score] if save_conf else [])]
        values += [int(rows.id[i])] if rows.is_track else []
        lines.append(" ".join(str(v) if isinstance(v, int) else f"{v:g}" for v in values))
    return lines


def _shapes(result: PictureResults) -> list[np.ndarray] | np.ndarray:
    """Return the flat normalised coordinates of every detection."""
    if result.obb is not None:
        return as_numpy(result.obb.xyxyxyxyn).reshape(-1, 8)
    if result.masks is not None:
        return [outline.reshape(-1) for outline in result.masks.xyn]
    shapes = as_numpy(result.boxes.xywhn)
    if result.keypoints is None:
        return shapes
    points = result.keypoints.numpy()
    values = points.xyn if points.conf is None else np.concatenate((points.xyn, points.conf[..., None]), -1)
    return np.concatenate((shapes, values.reshape(len(shapes), math.prod(values.shape[1:]))), -1)


def save_label_file(result: PictureResults, file: str | Path, save_conf: bool = False) -> str:
    """Append the label rows to `file`, making its folder; without rows no file is made. Returns the path as text.

    The label of a class map is a mask: a grey PNG beside it, whose pixels are class indices, as data sets have them.
    That of a depth map is an array of metres (`.npy`).
    Objects that have no row, since their mask encloses nothing or they have no class, are counted in a warning.
    """
    if result.semantic_mask is not None:
        return str(save_class_map(result, Path(file).with_suffix(".png")))
    if result.depth is not None:
        return str(save_depth_map(result, Path(file).with_suffix(".npy")))
    lines = label_rows(result, save_conf)
    if lines:
        path = Path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path, append=True), path.open("a", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
    left_out = len(result) - len(lines) if result.probs is None else 0
    if left_out:
        classless = result.boxes is None and result.obb is None
        reason = "without boxes they have no class" if classless else "masks of less than three corners enclose nothing"
        LOGGER.warning(f"save_txt left {left_out} of {len(result)} objects out of {file}: {reason}.")
    return str(file)


def save_class_map(result: PictureResults, file: Path) -> Path:
    """Write the class map as a grey PNG of class indices, of 16 bits where some are above 255, and return its path."""
    classes = as_numpy(result.semantic_mask.data)
    write_image(file, classes.astype(np.uint8 if classes.max(initial=0) <= 255 else np.uint16))
    return file


def save_depth_map(result: PictureResults, file: Path) -> Path:
    """Write the depth map as an array (H, W) of metres in float32, as data sets have them, and return its path.

    A PNG of 16 bits would end at 65 m or lose millimetres.
    """
    with atomic_write(file) as stream:
        np.save(stream, as_numpy(result.depth.data).astype(np.float32))
    return file


def save_crops(result: PictureResults, folder: str | Path, file_name: str | Path) -> None:
    """Write every detection's part of the picture to `<folder>/<class name>/<stem of file_name>.jpg`.

    Names that exist get -2, -3 ...; oriented boxes are turned upright.
    """
    rows = result.obb if result.obb is not None else result.boxes
    if rows is None:
        if result.probs is not None or result.semantic_mask is not None or result.depth is not None:
            LOGGER.warning("save_crop needs boxes; this model gives none. Nothing written.")
        return
    picture = as_drawable(result.orig_img)
    corners = as_numpy(rows.xyxyxyxy if result.obb is not None else rows.xyxy)
    for corner, label in zip(corners, as_numpy(rows.cls).astype(int).tolist(), strict=True):
        target = Path(folder) / part_of_path(result.names[label]) / f"{part_of_path(Path(file_name).stem)}.jpg"
        save_one_box(corner, picture, file=target, BGR=True)
