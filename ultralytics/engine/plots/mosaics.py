"""Grids of the pictures of a batch with their labels or predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ultralytics.data.images.depth import drawable_inputs
from ultralytics.engine.plots.annotate import Annotator
from ultralytics.engine.plots.files import write_image
from ultralytics.engine.plots.palette import colors
from ultralytics.ops.boxes import xywh2xyxy, xyxy2xywh
from ultralytics.ops.rotated import xywhr2xyxyxyxy
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import label_text, printable

__all__ = ["output_to_rotated_target", "output_to_target", "plot_images"]

NORMALISED_BOX, NORMALISED_POINT = 1.1, 1.01  # coordinates up to here are shares of the sides, with room for rounding
FONT_SHARE = 0.03  # text height over tile side
EMPTY = np.zeros(0, np.float32)


def _array(values: Any) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach()
        values = (values.float() if values.dtype == torch.bfloat16 else values).cpu().numpy()
    return np.asarray(values)


def _tiles(images: np.ndarray, size_hw: tuple[int, int]) -> list[np.ndarray]:
    """Return (B, C, H, W) pictures, RGB where they have three channels, as BGR tiles of one size."""
    out = []
    for tile in drawable_inputs(images):
        same = tile.shape[:2] == size_hw
        out.append(tile if same else cv2.resize(tile, size_hw[::-1], interpolation=cv2.INTER_AREA))
    return out


def plot_images(
    labels: Mapping[str, Any],
    images: torch.Tensor | np.ndarray | None = None,
    paths: Sequence[str] | None = None,
    fname: str | Path = "images.jpg",
    names: Mapping[int, str] | None = None,
    on_plot: Callable[[Path], None] | None = None,
    max_size: int = 1920,
    max_subplots: int = 16,
    save: bool = True,
    conf_thres: float = 0.25,
    show_labels: bool = True,
    show_conf: bool = True,
) -> np.ndarray:
    """Draw a batch into one picture.

    Args:
        labels: `cls` (N,), `bboxes` (N, 4 or 5) centre, size (and angle) in pixels or shares, `batch_idx` (N,), and
            where there are some `conf` (N,), `masks`, `keypoints` (N, K, 2 or 3); or `semantic_mask` (B, h, w) class of
            every pixel. `img` serves when `images` is None.
        images: (B, C, H, W) RGB, 0..255 or 0..1.
        paths: file names to write into the tiles.
        fname: target.
        names: class index to class name.
        on_plot: called with the path after writing.
        max_size: largest side of the grid in pixels.
        max_subplots: draw at most so many pictures.
        save: write the file.
        conf_thres: leave out weaker predictions.
        show_labels: write class names.
        show_conf: write scores.

    Returns:
        (H, W, 3) BGR grid, (0, 0, 3) of no pictures.
    """
    images = _array(labels["img"] if images is None else images)[:max_subplots]
    count, _, height, width = images.shape
    if not count:
        LOGGER.warning(f"no pictures to draw; '{fname}' is not written.")
        return np.zeros((0, 0, 3), np.uint8)
    side = math.ceil(math.sqrt(count))
    scale = min(max_size / side / max(height, width), 1.0)
    tile_hw = math.ceil(height * scale), math.ceil(width * scale)
    table = {
        key: _array(labels.get(key, EMPTY)) for key in ("batch_idx", "cls", "bboxes", "conf", "masks", "keypoints")
    }
    table["cls"] = table["cls"].reshape(-1).astype(int)
    class_maps = labels.get("semantic_mask")
    grid = np.full((math.ceil(count / side) * tile_hw[0], side * tile_hw[1], 3), 255, np.uint8)
    for i, tile in enumerate(_tiles(images, tile_hw)):
        annotator = Annotator(tile, font_size=max(round(sum(tile_hw) / 2 * FONT_SHARE), 9), example=names or "abc")
        if class_maps is not None:
            annotator.class_map(class_maps[i], names, legend=show_labels, bottom=True)
        chosen = _select(table, i, count, conf_thres)
        _draw(annotator, chosen, scale, names, show_labels, show_conf)
        if paths is not None:
            annotator.text(
                (2, 2), printable(Path(paths[i]).name, 40), txt_color=(220, 220, 220), box_color=(40, 40, 40)
            )
        annotator.rectangle((0, 0, tile_hw[1] - 1, tile_hw[0] - 1), outline=(255, 255, 255), width=2)
        y, x = i // side * tile_hw[0], i % side * tile_hw[1]
        grid[y : y + tile_hw[0], x : x + tile_hw[1]] = annotator.result()
    if save:
        write_image(fname, grid)
        if on_plot is not None:
            on_plot(Path(fname))
    return grid


def _select(table: Mapping[str, np.ndarray], i: int, count: int, conf_thres: float) -> dict[str, np.ndarray]:
    """Return what belongs to picture `i` and is strong enough to be drawn."""
    mine = np.flatnonzero(table["batch_idx"] == i)
    strong = mine[table["conf"][mine] > conf_thres] if len(table["conf"]) else mine
    out = {key: table[key][strong] if len(table[key]) else EMPTY for key in ("cls", "bboxes", "conf", "keypoints")}
    masks = table["masks"]
    if not len(masks) or not len(mine):
        out["masks"] = EMPTY
    elif len(masks) == len(table["cls"]) and (len(masks) != count or masks.max() <= 1):
        out["masks"] = masks[strong] > 0
    else:  # one map per picture that holds 1 + the position of the object
        out["masks"] = masks[i] == (1 + np.searchsorted(mine, strong))[:, None, None]
    return out


def _draw(
    annotator: Annotator,
    items: Mapping[str, np.ndarray],
    scale: float,
    names: Mapping[int, str] | None,
    show_labels: bool,
    show_conf: bool,
) -> None:
    """Draw the objects of one picture onto its tile."""
    weakest_first = range(len(items["cls"]) - 1, -1, -1)
    tints = [colors(label, True) for label in items["cls"]]
    texts = []
    for k, label in enumerate(items["cls"].tolist()):
        name = label_text(names.get(label, label) if names else label) if show_labels else ""
        score = f"{items['conf'][k]:.1f}" if len(items["conf"]) and show_conf else ""
        texts.append(f"{name} {score}".strip())
    tile_h, tile_w = annotator.im.shape[:2]
    if len(items["masks"]):
        annotator.masks(items["masks"][::-1], tints[::-1])
    if len(items["bboxes"]):
        shapes = _shapes(items["bboxes"], (tile_h, tile_w), scale)
        for k in weakest_first:
            annotator.outline(shapes[k], tints[k])
        for k in weakest_first:
            if texts[k]:
                annotator.caption(shapes[k], texts[k], tints[k])
    elif any(texts):  # whole pictures with a class
        annotator.text((2, tile_h - 2), " ".join(texts), anchor="bottom", box_color=(64, 64, 64))
    if len(items["keypoints"]):
        points = items["keypoints"].astype(np.float32).copy()
        normalised = points[..., :2].max(initial=0) <= NORMALISED_POINT
        points[..., :2] *= np.float32([tile_w, tile_h]) if normalised else np.float32(scale)
        for person in points:
            annotator.kpts(person, shape=(tile_h, tile_w))


def _shapes(boxes: np.ndarray, tile_hw: tuple[int, int], scale: float) -> np.ndarray:
    """Return box rows as corners in tile pixels: (N, 4), or (N, 4, 2) for oriented boxes."""
    boxes = boxes.astype(np.float32).copy()
    if boxes[:, :4].max() <= NORMALISED_BOX:
        boxes[:, :4] *= np.float32([tile_hw[1], tile_hw[0]] * 2)
    else:
        boxes[:, :4] *= scale
    return xywhr2xyxyxyxy(boxes) if boxes.shape[1] == 5 else xywh2xyxy(boxes)


def output_to_target(
    output: Sequence[torch.Tensor], max_det: int = 300
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return detections in the form of labels: picture index, class, centre and size, score.

    Args:
        output: (N, 6 or more) corners, score and class per picture.
        max_det: take at most so many per picture.
    """
    rows = [_array(picture)[:max_det] for picture in output]
    index = np.repeat(np.arange(len(rows)), [len(picture) for picture in rows])
    table = np.concatenate([picture[:, :6] for picture in rows]) if rows else np.zeros((0, 6), np.float32)
    return index, table[:, 5], xyxy2xywh(table[:, :4]), table[:, 4]


def output_to_rotated_target(
    output: Sequence[torch.Tensor], max_det: int = 300
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return oriented detections, (N, 7) centre, size, score, class, angle, as `output_to_target`."""
    rows = [_array(picture)[:max_det] for picture in output]
    index = np.repeat(np.arange(len(rows)), [len(picture) for picture in rows])
    table = np.concatenate([picture[:, :7] for picture in rows]) if rows else np.zeros((0, 7), np.float32)
    return index, table[:, 5], table[:, [0, 1, 2, 3, 6]], table[:, 4]
