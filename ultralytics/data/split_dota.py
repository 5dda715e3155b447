"""Large aerial pictures cut into overlapping windows, with the rotated boxes that lie in each.

A data set has `images/<part>` and `labels/<part>` with YOLO rows of corners. Windows are x1, y1, x2, y2 in pixels of
the large picture and are part of the new files' names: `<name>__<width>__<x1>___<y1>.jpg`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ultralytics.data.describe.locate import find_images, img2label_paths
from ultralytics.data.images.io import header_size_hw, imread
from ultralytics.utils.files import atomic_write
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.tqdm import TQDM

__all__ = [
    "bbox_iof",
    "crop_and_save",
    "get_window_obj",
    "get_windows",
    "load_yolo_dota",
    "split_images_and_labels",
    "split_test",
    "split_trainval",
]

JPEG_QUALITY = 95


def bbox_iof(polygon1: np.ndarray, bbox2: np.ndarray, eps: float = 1e-6) -> np.ndarray:
    """Return the share of every polygon that lies in every box, (N, M).

    Args:
        polygon1: (N, 8) corners x, y of four-sided polygons.
        bbox2: (M, 4) corners x1, y1, x2, y2.
        eps: smallest area that a share refers to.
    """
    corners = np.asarray(polygon1, np.float64).reshape(-1, 4, 2)
    boxes = np.asarray(bbox2, np.float64).reshape(-1, 4)
    areas = _area(corners)
    low, high = corners.min(1)[:, None], corners.max(1)[:, None]
    inside = ((low >= boxes[None, :, :2]) & (high <= boxes[None, :, 2:])).all(-1)
    outside = ((high <= boxes[None, :, :2]) | (low >= boxes[None, :, 2:])).any(-1)
    shares = inside.astype(np.float64) * (areas >= eps)[:, None]
    for i, k in np.argwhere(~inside & ~outside):  # few cross a window's border
        shares[i, k] = _area(_clipped(corners[i], boxes[k])[None])[0] / max(areas[i], eps)
    return shares


def _area(polygons: np.ndarray) -> np.ndarray:
    """Area (N,) of polygons (N, P, 2)."""
    if not polygons.shape[1]:
        return np.zeros(len(polygons))
    x, y = polygons[..., 0], polygons[..., 1]
    return np.abs((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(1)) / 2


def _clipped(polygon: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut a polygon (P, 2) to a box, side after side (Sutherland and Hodgman 1974)."""
    for axis, sign, limit in ((0, 1, box[0]), (0, -1, box[2]), (1, 1, box[1]), (1, -1, box[3])):
        if not len(polygon):
            break
        depth = sign * (polygon[:, axis] - limit)  # above 0 inside
        kept = []
        for here, there, d_here, d_there in zip(
            polygon, np.roll(polygon, -1, 0), depth, np.roll(depth, -1), strict=True
        ):
            if d_here >= 0:
                kept.append(here)
            if (d_here >= 0) != (d_there >= 0):
                kept.append(here + (there - here) * (d_here / (d_here - d_there)))
        polygon = np.array(kept).reshape(-1, 2)
    return polygon


def load_yolo_dota(data_root: str | Path, split: str = "train") -> list[dict[str, Any]]:
    """Return what is known of every picture of a part: `ori_size` (height, width), `label` (n, 9), `filepath`.

    Labels are a class and eight shares; a picture without a label file has none.

    Raises:
        FileNotFoundError: where there are no pictures.
        ValueError: for a row that has not nine numbers; names file and line.
    """
    files = find_images(Path(data_root) / "images" / split)
    annotations = []
    for file, label in zip(files, img2label_paths(files), strict=True):
        with Image.open(file) as picture:
            size_hw = header_size_hw(picture)
        annotations.append({"ori_size": size_hw, "label": _read_rows(Path(label)), "filepath": file})
    return annotations


def _read_rows(file: Path) -> np.ndarray:
    rows = []
    lines = file.read_text(encoding="utf-8-sig").splitlines() if file.is_file() else []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
        if len(row) != 9:
            raise ValueError(f"{file}:{number}: '{line[:60]}' is not a class and eight shares.")
        rows.append(row)
    return np.array(rows, np.float64).reshape(-1, 9)


def get_windows(
    im_size: tuple[int, int],
    crop_sizes: Sequence[int] = (1024,),
    gaps: Sequence[int] = (200,),
    im_rate_thr: float = 0.6,
    eps: float = 0.01,
) -> np.ndarray:
    """Return windows (n, 4) that cover a picture.

    Args:
        im_size: height and width of the picture in pixels.
        crop_sizes: sides of the windows.
        gaps: overlap of neighbours, for every side.
        im_rate_thr: keep windows of which more than this share is picture; where none is, the best ones.
        eps: shares this close to the best one count as equal to it.

    Raises:
        ValueError: for an overlap that is not below its window's side.
    """
    height, width = im_size
    found = []
    for side, gap in zip(crop_sizes, gaps, strict=True):
        if not 0 <= gap < side:
            raise ValueError(f"a gap of {gap} px does not fit windows of {side} px; it is the overlap of neighbours.")
        places = itertools.product(_starts(height, side, side - gap), _starts(width, side, side - gap))
        found += [(left, top, left + side, top + side) for top, left in places]
    windows = np.array(found, np.int64)
    shown = np.minimum(windows, (width, height, width, height))
    shares = (shown[:, 2:] - shown[:, :2]).prod(1) / (windows[:, 2:] - windows[:, :2]).prod(1)
    good = shares > im_rate_thr
    return windows[good if good.any() else shares >= shares.max() - eps]


def _starts(length: int, side: int, step: int) -> list[int]:
    """Return where windows begin along one axis; the last one ends with the picture."""
    count = 1 if length <= side else math.ceil((length - side) / step) + 1
    return [min(i * step, max(0, length - side)) for i in range(count)]


def get_window_obj(anno: Mapping[str, Any], windows: np.ndarray, iof_thr: float = 0.7) -> list[np.ndarray]:
    """Return the objects (k, 9) of every window: class and corners in pixels of the large picture.

    Args:
        anno: one of `load_yolo_dota`'s; stays as it is.
        windows: (n, 4).
        iof_thr: share of an object that has to lie in a window.
    """
    height, width = anno["ori_size"]
    label = np.asarray(anno["label"], np.float64).reshape(-1, 9)
    pixels = np.concatenate((label[:, :1], label[:, 1:] * ([width, height] * 4)), 1)
    shares = bbox_iof(pixels[:, 1:], windows)
    return [pixels[shares[:, i] >= iof_thr] for i in range(len(windows))]


def crop_and_save(
    anno: Mapping[str, Any],
    windows: np.ndarray,
    window_objs: Sequence[np.ndarray],
    im_dir: str | Path,
    lb_dir: str | Path,
    allow_background_images: bool = True,
) -> None:
    """Write every window's picture and label file.

    Corners outside the window stay outside 0..1, except those of objects longer than the window, which are moved to its
    border.

    Args:
        anno: one of `load_yolo_dota`'s.
        windows: (n, 4).
        window_objs: objects of every window, in pixels of the large picture.
        im_dir, lb_dir: where pictures and labels go.
        allow_background_images: also write windows without objects.
    """
    image = imread(anno["filepath"])
    for window, objects in zip(np.asarray(windows).tolist(), window_objs, strict=True):
        if not len(objects) and not allow_background_images:
            continue
        left, top, right, bottom = window
        part = image[top:bottom, left:right]
        name = f"{Path(anno['filepath']).stem}__{right - left}__{left}___{top}"
        _write_picture(Path(im_dir) / f"{name}.jpg", part)
        if len(objects):
            height, width = part.shape[:2]
            corners = (objects[:, 1:] - [left, top] * 4) / ([width, height] * 4)
            longer = (np.ptp(corners.reshape(-1, 4, 2), axis=1) > 1).any(1)
            corners[longer] = corners[longer].clip(0, 1)
            rows = (
                f"{int(cls)} " + " ".join(f"{v:.6g}" for v in row) + "\n"
                for cls, row in zip(objects[:, 0].tolist(), corners.tolist(), strict=True)
            )
            with atomic_write(Path(lb_dir) / f"{name}.txt", "w") as stream:
                stream.writelines(rows)


def _write_picture(path: Path, image: np.ndarray) -> None:
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    with atomic_write(path) as stream:
        stream.write(encoded.tobytes())


def split_images_and_labels(
    data_root: str | Path,
    save_dir: str | Path,
    split: str = "train",
    crop_sizes: Sequence[int] = (1024,),
    gaps: Sequence[int] = (200,),
) -> None:
    """Cut all pictures of one part of a data set; see `split_trainval`."""
    images, labels = (Path(save_dir) / kind / split for kind in ("images", "labels"))
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    for anno in TQDM(load_yolo_dota(data_root, split), desc=f"Cutting {split}"):
        windows = get_windows(anno["ori_size"], crop_sizes, gaps)
        crop_and_save(anno, windows, get_window_obj(anno, windows), images, labels)


def _scaled(crop_size: int, gap: int, rates: Sequence[float]) -> tuple[list[int], list[int]]:
    """Return window sides and overlaps that show objects larger by each of `rates`."""
    if not rates or min(rates) <= 0:
        raise ValueError(f"rates={tuple(rates)}: give factors above 0, such as (0.5, 1.0, 1.5).")
    return [int(crop_size / rate) for rate in rates], [int(gap / rate) for rate in rates]


def split_trainval(
    data_root: str | Path,
    save_dir: str | Path,
    crop_size: int = 1024,
    gap: int = 200,
    rates: Sequence[float] = (1.0,),
) -> None:
    """Cut the parts `train` and `val` of a data set into windows.

    Args:
        data_root: folder with `images/{train,val}` and `labels/{train,val}`; stays as it is.
        save_dir: folder of the new data set.
        crop_size: side of the windows in pixels.
        gap: overlap of neighbours in pixels.
        rates: also cut windows of these sizes: `crop_size / rate`.
    """
    sides, gaps = _scaled(crop_size, gap, rates)
    for part in ("train", "val"):
        split_images_and_labels(data_root, save_dir, part, sides, gaps)


def split_test(
    data_root: str | Path,
    save_dir: str | Path,
    crop_size: int = 1024,
    gap: int = 200,
    rates: Sequence[float] = (1.0,),
) -> None:
    """Cut the pictures of the part `test`, which needs no labels; arguments as in `split_trainval`."""
    sides, gaps = _scaled(crop_size, gap, rates)
    target = Path(save_dir) / "images" / "test"
    target.mkdir(parents=True, exist_ok=True)
    files = find_images(Path(data_root) / "images" / "test")
    for file in TQDM(files, desc="Cutting test"):
        image = imread(file)
        for left, top, right, bottom in get_windows(image.shape[:2], sides, gaps).tolist():
            name = f"{Path(file).stem}__{right - left}__{left}___{top}.jpg"
            _write_picture(target / name, image[top:bottom, left:right])
    LOGGER.info(f"{len(files)} pictures cut into '{target}'.")


__getattr__, __dir__ = offer(__name__)
