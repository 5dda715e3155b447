"""`VisionEye`: lines from a point to all objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from ultralytics.engine.plots.palette import colors
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer

__all__ = ["VisionEye"]


class VisionEye(BaseSolution):
    """Draws a line from `vision_point` to every tracked object.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `vision_point` is about this.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vision_point = self.CFG["vision_point"]

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Draw lines to the objects of a frame (H, W, 3) BGR, which is drawn on.

        Returns:
            `total_tracks`.
        """
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        for box, track, cls, conf in zip(self.boxes, self.track_ids, self.clss, self.confs, strict=True):
            color = colors(track, True)
            if self.show_boxes:
                annotator.box_label(box, self.adjust_box_label(cls, conf, track) or "", color)
            annotator.visioneye(self.get_enclosing_box(box), self.vision_point)
        plot_im = annotator.result()
        self.display_output(plot_im)
        return SolutionResults(plot_im=plot_im, total_tracks=len(self.track_ids))


__getattr__, __dir__ = offer(__name__)
