"""`Annotator`: boxes, labels, masks and keypoints drawn onto one picture.

Line and text sizes follow the size of the picture, and labels always stay inside of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from ultralytics.data.images.depth import as_drawable
from ultralytics.engine.plots.color_bar import draw_color_bar
from ultralytics.engine.plots.dense import blend_classes, classes_by_name, colorize_depth, known_range, legend_entries
from ultralytics.engine.plots.files import write_image
from ultralytics.engine.plots.legend import draw_legend
from ultralytics.engine.plots.palette import KEYPOINT_COLORS, LIMB_COLORS, SKELETON, colors, contrasting
from ultralytics.engine.plots.text import STROKE_HEIGHT, StrokeWriter, TextWriter, TrueTypeWriter, find_font, is_ascii
from ultralytics.nn.public import public
from ultralytics.utils.display import show_picture

__all__ = ["Annotator"]

Color = tuple[int, int, int]
GREY, WHITE = (128, 128, 128), (255, 255, 255)
FAR = 1e6  # pixels; OpenCV cannot count much further, and positions beyond any picture, or NaN, cannot be seen


def _numbers(values: Any) -> np.ndarray:
    """Return a tensor, array or list as a numpy array in main memory."""
    if isinstance(values, torch.Tensor):
        values = values.detach().float().cpu()
    return np.asarray(values)


def _canvas(image: np.ndarray | Image.Image) -> np.ndarray:
    """Return a contiguous, writable (H, W, 3) uint8 array: the given one where it is that already."""
    array = as_drawable(np.asarray(image))
    return array if array.flags.writeable and array.flags.c_contiguous else np.ascontiguousarray(array).copy()


@public("ultralytics.utils.plotting")
class Annotator:
    """Draws onto a picture.

    A contiguous uint8 array of three channels is drawn on in place, the way video loops expect; pass a copy to keep the
    original. Anything else is converted first.

    Args:
        im: (H, W, 3) BGR array, grey or many-channel array, or PIL image.
        line_width: pixels; by picture size when None.
        font_size: height of text in pixels; by picture size when None.
        font: font file or name for text that is not ASCII.
        pil: use a TrueType font for ASCII text as well.
        example: text, list or mapping of names that will be drawn; any non-ASCII character switches to TrueType.

    Attributes:
        im: the array that is drawn on.
        lw: line width; `sf` and `tf` are scale and thickness of the stroke font.
    """

    def __init__(
        self,
        im: np.ndarray | Image.Image,
        line_width: float | None = None,
        font_size: float | None = None,
        font: str = "Arial.ttf",
        pil: bool = False,
        example: Any = "abc",
    ) -> None:
        self.im = _canvas(im)
        self.pil = pil or isinstance(im, Image.Image) or not is_ascii(example)
        self.lw = max(int(line_width or round(sum(self.im.shape) / 2 * 0.003)), 1 if line_width else 2)
        self.tf = max(self.lw - 1, 1)
        self.sf = self.lw / 3 if font_size is None else font_size / STROKE_HEIGHT
        self.skeleton = [list(limb) for limb in SKELETON]
        self.limb_color = LIMB_COLORS
        self.kpt_color = KEYPOINT_COLORS
        self._writer: TextWriter = StrokeWriter(self.sf, self.tf)
        if self.pil:
            pixels = font_size or max(round(sum(self.im.shape[:2]) / 2 * 0.035), 12)
            self._writer = TrueTypeWriter(find_font(font), int(pixels))

    # Boxes and text ---------------------------------------------------------------------------------------------------

    @staticmethod
    def get_txt_color(color: Color = GREY, txt_color: Color = WHITE) -> Color:
        """Return `txt_color`, or a dark colour where white on `color` (BGR) would be hard to read."""
        return contrasting(color) if tuple(txt_color) == WHITE else txt_color

    def box_label(
        self,
        box: Any,
        label: str = "",
        color: Color = GREY,
        txt_color: Color = WHITE,
        rotated: bool = False,
    ) -> None:
        """Draw a box and a label on top of it.

        Args:
            box: four numbers x1, y1, x2, y2; or (4, 2) corners, or eight numbers, of an oriented box.
            label: text, none when empty.
            color: BGR.
            txt_color: BGR; white is darkened on light boxes.
            rotated: not needed: the shape of `box` tells.
        """
        self.outline(box, color)
        if label:
            self.caption(box, label, color, txt_color)

    def outline(self, box: Any, color: Color = GREY) -> None:
        """Draw a box without a label; arguments as in `box_label`."""
        points = _numbers(box).reshape(-1)
        if points.size >= 8:
            corners = points[:8].reshape(1, 4, 2).round().astype(np.int32)
            cv2.polylines(self.im, corners, True, color, self.lw, cv2.LINE_AA)
        else:
            x1, y1, x2, y2 = points[:4].astype(int).tolist()
            cv2.rectangle(self.im, (x1, y1), (x2, y2), color, self.lw, cv2.LINE_AA)

    def caption(self, box: Any, label: str, color: Color = GREY, txt_color: Color = WHITE) -> None:
        """Write the label of a box without the box; arguments as in `box_label`.

        The label stands on the box, or hangs inside where there is no room above; it never leaves the picture, and
        shrinks where it is wider than the picture.
        """
        points = _numbers(box).reshape(-1)
        x, y = points[:2] if points.size < 8 else min(points[:8].reshape(4, 2).tolist(), key=lambda corner: corner[1])
        height, width = self.im.shape[:2]
        margin = max(self.lw, 2)
        writer = self._writer.fitted(label, width - 2 * margin)
        text_w, text_h = writer.size(label)
        box_w, box_h = text_w + 2 * margin, text_h + 2 * margin
        left = max(min(int(x) - self.lw // 2, width - box_w), 0)
        top = max(min(int(y) - box_h if y >= box_h else int(y), height - box_h), 0)
        cv2.rectangle(self.im, (left, top), (left + box_w - 1, top + box_h - 1), color, -1)
        writer.draw(self.im, label, (left + margin, top + margin), self.get_txt_color(color, txt_color))

    def rectangle(
        self, xy: Sequence[float], fill: Color | None = None, outline: Color | None = None, width: int = 1
    ) -> None:
        """Draw a plain rectangle.

        Args:
            xy: x1, y1, x2, y2.
            fill: BGR colour of the inside, none when None.
            outline: BGR colour of the border, none when None.
            width: border in pixels.
        """
        x1, y1, x2, y2 = _numbers(xy).reshape(-1)[:4].astype(int).tolist()
        if fill is not None:
            cv2.rectangle(self.im, (x1, y1), (x2, y2), fill, -1)
        if outline is not None or fill is None:
            cv2.rectangle(self.im, (x1, y1), (x2, y2), outline or WHITE, width)

    def text(
        self,
        xy: Sequence[float],
        text: str,
        txt_color: Color = WHITE,
        anchor: str = "top",
        box_color: Color | tuple[()] = (),
    ) -> None:
        """Write text, one line below the other.

        Args:
            xy: left end of the first line.
            text: may hold line breaks.
            txt_color: BGR.
            anchor: "top" when `xy` is the upper end of the text, "bottom" when it is the lower one.
            box_color: BGR of a filled box behind the text, none when empty.
        """
        lines = text.split("\n")
        margin = max(self.lw // 2, 1)
        line_h = max(self._writer.size(line or "0")[1] for line in lines) + 2 * margin
        x, y = (int(v) for v in xy)
        y -= line_h * len(lines) if anchor == "bottom" else 0
        for i, line in enumerate(lines):
            width = self._writer.size(line)[0]
            top = y + i * line_h
            if box_color:
                cv2.rectangle(self.im, (x, top), (x + width + 2 * margin, top + line_h - 1), box_color, -1)
            self._writer.draw(self.im, line, (x + margin, top + margin), txt_color)

    # Masks, maps, keypoints -------------------------------------------------------------------------------------------

    def masks(self, masks: Any, colors: Sequence[Color], alpha: float = 0.5, *args: Any, **kwargs: Any) -> None:
        """Tint objects.

        Args:
            masks: (N, h, w) zero outside the object, of the picture's size or any other size that covers the picture.
                Where two meet, the later one is seen.
            colors: one BGR colour per mask.
            alpha: strength, 0..1.
            *args: ignored; older releases passed the network input here.
            **kwargs: ignored likewise (`im_gpu`, `retina_masks`).
        """
        alpha = alpha if isinstance(alpha, (int, float)) else 0.5  # older releases: third argument was a GPU tensor
        masks = _numbers(masks) > 0
        if not len(masks):
            return
        owner = np.full(masks.shape[1:], -1, np.int16)
        for i, mask in enumerate(masks):
            owner[mask] = i
        height, width = self.im.shape[:2]
        if owner.shape != (height, width):
            owner = cv2.resize(owner, (width, height), interpolation=cv2.INTER_NEAREST)
        covered = owner >= 0
        tint = np.asarray(colors, np.float32)[:, :3][owner[covered]]
        self.im[covered] = self.im[covered] * (1 - alpha) + tint * alpha

    def semantic_mask(self, mask: Any, alpha: float = 0.5, ignore_index: int = 255) -> None:
        """Tint every pixel by its class.

        Args:
            mask: (h, w) class indices.
            alpha: strength, 0..1.
            ignore_index: class of pixels that stay as they are.
        """
        classes = mask.detach().cpu().numpy() if isinstance(mask, torch.Tensor) else np.asarray(mask)
        blend_classes(self.im, classes if classes.dtype.kind in "iu" else classes.astype(int), alpha, ignore_index)

    def class_map(
        self, mask: Any, names: Mapping[int, str] | None = None, legend: bool = True, bottom: bool = False
    ) -> None:
        """Tint every pixel by its class and write which colour is which class.

        Args:
            mask: (h, w) class indices, 255 for pixels that stay as they are; of a single class, 1 against 0.
            names: class index to class name; without any there is no legend.
            legend: write it.
            bottom: into the lower corner.
        """
        classes = classes_by_name(_numbers(mask).astype(np.int32), names)
        self.semantic_mask(classes)
        if legend and names is not None:
            draw_legend(self.im, legend_entries(classes, names), self._writer, max(self.lw, 2), bottom)

    def color_bar(self, depth: Any, cmap: str = "jet", mode: str = "disparity") -> None:
        """Draw which colour is how far away for a depth map, (h, w) metres, that `depth_map` has drawn likewise."""
        draw_color_bar(self.im, *known_range(_numbers(depth)), self._writer, cmap, mode, max(self.lw, 2))

    def depth_map(self, depth: Any, alpha: float = 0.6, cmap: str = "jet", mode: str = "disparity") -> None:
        """Overlay a depth map, (h, w) metres; `cmap` and `mode` as in `colorize_depth`."""
        picture = colorize_depth(_numbers(depth), cmap=cmap, mode=mode)
        height, width = self.im.shape[:2]
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.addWeighted(picture, alpha, self.im, 1 - alpha, 0, dst=self.im)

    def kpts(
        self,
        kpts: Any,
        shape: tuple[int, int] = (640, 640),
        radius: int | None = None,
        kpt_line: bool = True,
        conf_thres: float = 0.25,
        kpt_color: Color | None = None,
    ) -> None:
        """Draw the keypoints of one object, and the limbs between them where they form a human skeleton.

        Args:
            kpts: (K, 2) positions in pixels, of which (0, 0) is absent, or (K, 3) with a visibility score.
            shape: not used; older releases took points on the edges of a picture of this size for absent.
            radius: pixels; the line width when None.
            kpt_line: draw limbs.
            conf_thres: points with a lower score are left out.
            kpt_color: BGR of all points and limbs, the pose palette when None.
        """
        points = _numbers(kpts).astype(np.float32)
        radius = self.lw if radius is None else radius
        human = len(points) == len(KEYPOINT_COLORS)
        seen = points[:, 2] >= conf_thres if points.shape[1] == 3 else points.any(1)
        seen &= (np.abs(points[:, :2]) < FAR).all(1)
        centers = np.where(seen[:, None], points[:, :2], 0).astype(int).tolist()
        if human and kpt_line:
            thickness = max(int(np.ceil(self.lw / 2)), 1)
            for (a, b), rgb in zip(SKELETON, LIMB_COLORS, strict=True):
                if seen[a - 1] and seen[b - 1]:
                    color = kpt_color or tuple(rgb.tolist())
                    cv2.line(self.im, centers[a - 1], centers[b - 1], color, thickness, cv2.LINE_AA)
        for i in np.flatnonzero(seen).tolist():
            palette = tuple(KEYPOINT_COLORS[i].tolist()) if human else colors(i)
            cv2.circle(self.im, centers[i], int(radius), kpt_color or palette, -1, cv2.LINE_AA)

    # Output -----------------------------------------------------------------------------------------------------------

    def fromarray(self, im: np.ndarray | Image.Image) -> None:
        """Go on with another picture."""
        self.im = _canvas(im)

    def result(self, pil: bool = False) -> np.ndarray | Image.Image:
        """Return the picture as a BGR array, or as an RGB PIL image."""
        return Image.fromarray(self.im[..., ::-1].copy()) if pil else self.im

    def show(self, title: str | None = None) -> None:
        """Open the picture in the desktop's viewer, or below the cell of a notebook; without both, say so once."""
        show_picture(self.result(pil=True), title)

    def save(self, filename: str | Path = "image.jpg") -> None:
        """Write the picture; the suffix picks the format."""
        write_image(filename, self.im)

    @staticmethod
    def get_bbox_dimension(bbox: Sequence[float]) -> tuple[float, float, float]:
        """Return width, height and area of x1, y1, x2, y2."""
        x1, y1, x2, y2 = bbox
        return x2 - x1, y2 - y1, (x2 - x1) * (y2 - y1)
