"""Pictures beside maps of their depth, a row for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ultralytics.data.images.depth import drawable_inputs
from ultralytics.engine.plots.annotate import Annotator
from ultralytics.engine.plots.dense import colorize_depth, known_range
from ultralytics.engine.plots.files import write_image

__all__ = ["plot_depth_panels"]

LEAST_SIDE, MAX_SIDE = 240, 640  # pixels of a panel
HEAD = 24  # pixels of the line with the titles
PLATE, TEXT = (40, 40, 40), (220, 220, 220)


def plot_depth_panels(
    imgs: torch.Tensor | np.ndarray,
    preds: Sequence[Any],
    fname: str | Path,
    gt: Any = None,
    titles: Sequence[str] | None = None,
    max_images: int = 4,
) -> np.ndarray:
    """Write a picture with a row for each image: the image, its true depth, and predictions, on one scale of colours.

    Args:
        imgs: (B, C, H, W) RGB, 0..1 or 0..255.
        preds: predictions, (B, 1, h, w) or (B, h, w) metres each, a column for each; may be none.
        fname: file to write.
        gt: true depth, shaped like a prediction, 0 where it is not known.
        titles: of the predictions, or of all columns.
        max_images: rows at most.

    Returns:
        (H, W, 3) BGR picture, (0, 0, 3) of no images.
    """
    imgs = imgs.detach().float().cpu().numpy() if isinstance(imgs, torch.Tensor) else np.asarray(imgs)
    tiles = drawable_inputs(imgs[:max_images]) if len(imgs) else []
    if not len(tiles):
        return np.zeros((0, 0, 3), np.uint8)
    maps = [_metres(column, len(tiles)) for column in ([] if gt is None else [gt]) + list(preds)]
    size_wh = _panel_size(tiles[0].shape[:2])
    rows = []
    for i, tile in enumerate(tiles):
        panels = [cv2.resize(tile, size_wh, interpolation=cv2.INTER_AREA)]
        near, far = known_range(maps[0][i]) if maps else (0.0, 0.0)
        for column in maps:
            panels.append(cv2.resize(colorize_depth(column[i], near, far), size_wh, interpolation=cv2.INTER_NEAREST))
        rows.append(np.hstack(panels))
    names = _titles(titles, len(preds), gt is not None)
    picture = np.vstack([_head(names, size_wh[0]), *rows])
    write_image(fname, picture)
    return picture


def _metres(column: Any, count: int) -> np.ndarray:
    """Return the first maps of a batch as (count, h, w) float32."""
    values = column.detach().float().cpu().numpy() if isinstance(column, torch.Tensor) else np.asarray(column)
    values = values[:count].astype(np.float32)
    return values[:, 0] if values.ndim == 4 else values


def _panel_size(size_hw: Sequence[int]) -> tuple[int, int]:
    """Return width and height of a panel."""
    scale = min(MAX_SIDE, max(LEAST_SIDE, *size_hw)) / max(size_hw)
    return max(round(size_hw[1] * scale), 1), max(round(size_hw[0] * scale), 1)


def _titles(given: Sequence[str] | None, predictions: int, has_truth: bool) -> list[str]:
    """Return the titles of all columns."""
    names = ["RGB", *(["GT"] if has_truth else [])]
    if given is not None and len(given) == len(names) + predictions:
        return list(given)
    own = list(given or ())[:predictions]
    rest = ["prediction"] if predictions == 1 else [f"prediction {i + 1}" for i in range(predictions)]
    return [*names, *own, *rest[len(own) :]]


def _head(names: Sequence[str], width: int) -> np.ndarray:
    """Return a line with a title over every column."""
    line = np.empty((HEAD, width * len(names), 3), np.uint8)
    line[:] = PLATE
    writer = Annotator(line, font_size=14, example=list(names))
    for i, name in enumerate(names):
        writer.text((i * width + 4, 4), name, txt_color=TEXT)
    return writer.result()
