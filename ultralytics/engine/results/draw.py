"""Drawing one picture's results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ultralytics.engine.plots.annotate import Annotator
from ultralytics.engine.plots.palette import colors
from ultralytics.engine.results.picture import PictureResults
from ultralytics.engine.results.tensors import as_numpy
from ultralytics.ops.masks import scale_masks
from ultralytics.utils.text import label_text

__all__ = ["DrawOptions", "draw"]


@dataclass(frozen=True)
class DrawOptions:
    """What to draw and how; the arguments of `Results.plot`."""

    conf: bool = True
    line_width: float | None = None
    font_size: float | None = None
    font: str = "Arial.ttf"
    pil: bool = False
    kpt_radius: int = 5
    kpt_line: bool = True
    labels: bool = True
    boxes: bool = True
    masks: bool = True
    probs: bool = True
    color_mode: str = "class"
    txt_color: tuple[int, int, int] = (255, 255, 255)

    def __post_init__(self) -> None:
        if self.color_mode not in ("class", "instance"):
            raise ValueError(f"color_mode '{self.color_mode}' is unknown; use 'class' or 'instance'.")


def draw(result: PictureResults, options: DrawOptions, image: np.ndarray | None = None) -> Annotator:
    """Draw the parts of a result onto a copy of its picture, or of `image`, and return the annotator that holds it."""
    canvas = np.array(result.orig_img if image is None else image, copy=True)
    annotator = Annotator(
        canvas, options.line_width, options.font_size, options.font, pil=options.pil, example=result.names
    )
    if result.semantic_mask is not None and len(result.semantic_mask) and options.masks:
        annotator.class_map(result.semantic_mask.data, result.names, legend=options.labels)
    if result.depth is not None and len(result.depth):
        annotator.depth_map(result.depth.data)
        if options.labels:
            annotator.color_bar(result.depth.data)
    if result.masks is not None and options.masks and len(result.masks):
        _draw_masks(annotator, result, options)
    if options.boxes:
        _draw_boxes(annotator, result, options)
    if result.probs is not None and options.probs:
        _draw_probs(annotator, result, options)
    if result.keypoints is not None:
        _draw_keypoints(annotator, result, options)
    return annotator


def _weakest_first(result: PictureResults) -> list[int]:
    """Return the positions of all detections from the weakest to the strongest, which is drawn last and stays whole."""
    rows = result.obb if result.obb is not None else result.boxes
    count = next((len(part) for part in (rows, result.masks, result.keypoints) if part is not None), 0)
    later_first = np.arange(count)[::-1]
    if rows is None:
        return later_first.tolist()
    return later_first[np.argsort(as_numpy(rows.conf)[::-1], kind="stable")].tolist()


def _color_indices(result: PictureResults, options: DrawOptions) -> list[int]:
    """Return the palette index of every detection: its class, or its track or number for one colour per object.

    Numbers count from the last detection, as they do in the published package.
    """
    rows = result.obb if result.obb is not None else result.boxes
    numbers = list(range(len(_weakest_first(result)) - 1, -1, -1))
    if rows is None:
        return numbers
    if options.color_mode == "instance":
        return as_numpy(rows.id).astype(int).tolist() if rows.is_track else numbers
    return as_numpy(rows.cls).astype(int).tolist()


def _draw_masks(annotator: Annotator, result: PictureResults, options: DrawOptions) -> None:
    masks = torch.as_tensor(result.masks.data)
    if tuple(masks.shape[1:]) != tuple(result.orig_shape):  # at the network's size, borders included
        masks = scale_masks(masks[None].float(), result.orig_shape)[0] > 0.5
    order, indices = _weakest_first(result), _color_indices(result, options)
    annotator.masks(masks[order], [colors(indices[i], True) for i in order])


def _draw_boxes(annotator: Annotator, result: PictureResults, options: DrawOptions) -> None:
    """Draw all boxes, then all captions, each from the weakest to the strongest: the strongest stays readable."""
    rows = result.obb if result.obb is not None else result.boxes
    if rows is None:
        return
    rows = rows.numpy()
    shapes = rows.xyxyxyxy if result.obb is not None else rows.xyxy
    tints = [colors(i, True) for i in _color_indices(result, options)]
    order = _weakest_first(result)
    for i in order:
        annotator.outline(shapes[i], tints[i])
    for i in order:
        words = [f"id:{int(rows.id[i])}"] if options.labels and rows.is_track else []
        words += [label_text(result.names[int(rows.cls[i])])] if options.labels else []
        words += [f"{rows.conf[i]:.2f}"] if options.conf else []
        if words:
            annotator.caption(shapes[i], " ".join(words), tints[i], options.txt_color)


def _draw_probs(annotator: Annotator, result: PictureResults, options: DrawOptions) -> None:
    probs = result.probs.numpy()
    top = zip(probs.top5, probs.top5conf.tolist(), strict=True)
    text = "\n".join(f"{label_text(result.names[i])} {p:.2f}" for i, p in top)
    offset = round(result.orig_shape[0] * 0.03)
    annotator.text((offset, offset), text, txt_color=options.txt_color, box_color=(64, 64, 64))


def _draw_keypoints(annotator: Annotator, result: PictureResults, options: DrawOptions) -> None:
    indices = _color_indices(result, options)
    points = as_numpy(result.keypoints.data)
    for i in _weakest_first(result):
        annotator.kpts(
            points[i],
            shape=result.orig_shape,
            radius=options.kpt_radius,
            kpt_line=options.kpt_line,
            kpt_color=colors(indices[i], True) if options.color_mode == "instance" else None,
        )
