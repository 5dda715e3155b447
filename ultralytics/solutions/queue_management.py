"""`QueueManager`: how many objects wait in a zone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.engine.plots.palette import colors
from ultralytics.solutions.geometry import Line
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer

__all__ = ["QueueManager"]


class QueueManager(BaseSolution):
    """Counts the objects inside a zone that have been seen before: whoever is new is not yet in the queue.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `region` is about this.

    Attributes:
        counts: objects in the queue.
        rect_color: BGR of the zone.

    Raises:
        ConfigValueError: a region that is no zone.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initialize_region()
        if isinstance(self.r_s, Line):
            raise ConfigValueError(f"region {self.region} has two points; a queue is in a zone of three or more.")
        self.counts = 0
        self.rect_color = (255, 255, 255)
        self.region_length = len(self.region)

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Count who waits in a frame (H, W, 3) BGR, which is drawn on.

        Returns:
            `queue_count` and `total_tracks`.
        """
        self.check_region(im0, self.r_s.points)
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        annotator.draw_region(self.region, self.rect_color, 2 * annotator.lw)
        self.counts = 0
        for box, track, cls, conf in zip(self.boxes, self.track_ids, self.clss, self.confs, strict=True):
            color = colors(track, True)
            if self.show_boxes:
                annotator.box_label(box, self.adjust_box_label(cls, conf, track) or "", color)
            self.store_tracking_history(track, box)
            trail = self.track_history[track]
            annotator.trail(trail, color)
            self.counts += len(trail) > 1 and self.r_s.contains(trail[-1])
        annotator.queue_counts_display(f"Queue Counts : {self.counts}", self.region, self.rect_color, (104, 31, 17))
        plot_im = annotator.result()
        self.display_output(plot_im)
        return SolutionResults(plot_im=plot_im, queue_count=self.counts, total_tracks=len(self.track_ids))


__getattr__, __dir__ = offer(__name__)
