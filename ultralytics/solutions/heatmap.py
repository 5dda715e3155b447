"""`Heatmap`: where objects have been, as colours over the frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ultralytics.solutions.object_counter import ObjectCounter
from ultralytics.solutions.old_calls import old_arguments, old_call
from ultralytics.solutions.solutions import SolutionAnnotator, SolutionResults
from ultralytics.utils.lazy import offer

__all__ = ["Heatmap", "add_warmth"]

WARMTH = 2.0  # of an object in a frame


def add_warmth(heat: np.ndarray, box: Sequence[float], shape: str = "circle") -> None:
    """Add an object to a map of heat, in place.

    Args:
        heat: (H, W) float.
        box: x1, y1, x2, y2 in pixels; parts outside of the map add nothing.
        shape: "circle" for the largest circle in the box, "rect" for the box.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    height, width = heat.shape
    left, top, right, bottom = max(int(x1), 0), max(int(y1), 0), min(int(x2), width), min(int(y2), height)
    if left >= right or top >= bottom:
        return
    part = heat[top:bottom, left:right]
    if shape == "rect":
        part += WARMTH
        return
    rows, columns = np.ogrid[top:bottom, left:right]
    radius = min(x2 - x1, y2 - y1) / 2
    part[(columns - (x1 + x2) / 2) ** 2 + (rows - (y1 + y2) / 2) ** 2 <= radius**2] += WARMTH


class Heatmap(ObjectCounter):
    """Adds up where objects are, and counts them where a region is given.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `colormap` and `region` are about this.

    Attributes:
        heatmap: (H, W) float32, what has been added up.
        colormap: colours.
        heatmap_alpha: strength of the colours over the frame, 0..1.
        decay_factor: what is left of the heat from one frame to the next, 0..1.
        shape: of an object, "circle" or "rect".
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.colormap = self.CFG["colormap"]
        if self.colormap is None:
            self.colormap = cv2.COLORMAP_DEEPGREEN
        self.heatmap: np.ndarray | None = None
        self.heatmap_alpha, self.decay_factor, self.shape = 0.5, 1.0, "circle"

    @property
    def initialized(self) -> bool:
        """Whether there has been a frame."""
        return self.heatmap is not None

    def heatmap_effect(self, box: Any) -> None:
        """Add an object, x1, y1, x2, y2, to the heat."""
        add_warmth(self.heatmap, box, self.shape)

    def colored(self, im0: np.ndarray) -> np.ndarray:
        """Return a frame with the heat as colours over it; the hottest place has the map's last colour."""
        most = float(self.heatmap.max())
        levels = np.uint8(np.round(self.heatmap * (255 / most))) if most else np.zeros(im0.shape[:2], np.uint8)
        tint = cv2.applyColorMap(levels, self.colormap)
        return cv2.addWeighted(im0, 1 - self.heatmap_alpha, tint, self.heatmap_alpha, 0)

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Add the objects of a frame (H, W, 3) BGR.

        Returns:
            `total_tracks`, and the counts where there is a region.
        """
        if self.heatmap is None or self.heatmap.shape != im0.shape[:2]:
            self.heatmap = np.zeros(im0.shape[:2], np.float32)  # the film's size, or another one from here on
        counts = self.region is not None
        if counts:
            self.prepare_region(im0)
        self.extract_tracks(im0)
        self.heatmap *= self.decay_factor
        for box in self.boxes:
            self.heatmap_effect(self.get_enclosing_box(box))
        plot_im = self.colored(im0) if self.track_ids or self.heatmap.any() else im0
        annotator: SolutionAnnotator = self.draw_on(plot_im)
        if counts:
            self.count_frame(annotator)
            self.display_counts(plot_im)
        self.display_output(plot_im)
        return self.counted(plot_im)

    set_args = old_arguments(
        "imw imh colormap heatmap_alpha view_img view_in_counts view_out_counts count_reg_pts count_txt_thickness "
        "count_txt_color count_color count_reg_color region_thickness line_dist_thresh decay_factor shape",
        **{name: name for name in ("colormap", "heatmap_alpha", "decay_factor", "shape")},
    )
    generate_heatmap = old_call("generate_heatmap")


__getattr__, __dir__ = offer(__name__)
