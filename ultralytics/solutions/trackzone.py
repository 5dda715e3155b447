"""`TrackZone`: tracking inside a zone only."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.engine.plots.palette import colors
from ultralytics.solutions.geometry import convex_hull, region_of
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer

__all__ = ["TrackZone"]

DEFAULT_ZONE = [(75, 75), (565, 75), (565, 285), (75, 285)]


class TrackZone(BaseSolution):
    """Shows the tracker what is inside a zone; the rest is black for it.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `region` is about this.

    Attributes:
        region: (P, 2) corners of the convex polygon around the given points.
        mask: (H, W) 255 inside, 0 outside; after the first frame.

    Raises:
        ConfigValueError: points that enclose no area.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        points = DEFAULT_ZONE if self.region is None else self.region
        if len(points) < 3:
            raise ConfigValueError(f"region {points} has {len(points)} points; a zone has three or more.")
        self.region = convex_hull(points)
        self.r_s = region_of(points)
        self.mask: np.ndarray | None = None

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Track the objects inside the zone of a frame (H, W, 3) BGR, which is drawn on.

        Returns:
            `total_tracks`.
        """
        if self.mask is None or self.mask.shape != im0.shape[:2]:
            self.check_region(im0, self.region)
            self.mask = np.zeros(im0.shape[:2], np.uint8)
            cv2.fillPoly(self.mask, [self.region], 255)
        self.extract_tracks(cv2.bitwise_and(im0, im0, mask=self.mask))
        annotator = self.draw_on(im0)
        annotator.draw_region(self.region, (255, 255, 255), 2 * annotator.lw)
        for box, track, cls, conf in zip(self.boxes, self.track_ids, self.clss, self.confs, strict=True):
            if self.show_boxes:
                annotator.box_label(box, self.adjust_box_label(cls, conf, track) or "", colors(track, True))
        plot_im = annotator.result()
        self.display_output(plot_im)
        return SolutionResults(plot_im=plot_im, total_tracks=len(self.track_ids))


__getattr__, __dir__ = offer(__name__)
