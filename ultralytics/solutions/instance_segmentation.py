"""`InstanceSegmentation`: the outline of every tracked object, each in a colour of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ultralytics.solutions.annotator import drawn_sizes
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["InstanceSegmentation"]


class InstanceSegmentation(BaseSolution):
    """Draws masks of tracked objects.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `show_boxes`, `show_conf` and `show_labels` are about this.
    """

    default_model = "yolo26n-seg.pt"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Draw the objects of a frame (H, W, 3) BGR onto a copy of it.

        Returns:
            `total_tracks`.
        """
        self.extract_tracks(im0)
        if self.masks is None and self.track_ids and self._once("masks"):
            LOGGER.warning(f"this model gives no masks, so boxes are drawn; {self.default_model} is one that does.")
        width = self.drawn_width()
        width, text = drawn_sizes(im0.shape[:2]) if width is None else (width, None)
        plot_im = self.tracks.plot(
            img=im0.copy(),
            line_width=width,
            font_size=text,
            boxes=self.show_boxes,
            conf=self.show_conf,
            labels=self.show_labels,
            color_mode="instance",
        )
        self.display_output(plot_im)
        return SolutionResults(plot_im=plot_im, total_tracks=len(self.track_ids))


__getattr__, __dir__ = offer(__name__)
