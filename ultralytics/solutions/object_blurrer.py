"""`ObjectBlurrer`: objects made unrecognisable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ultralytics.engine.plots.palette import colors
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["ObjectBlurrer", "blur_box"]

LEAST = 0.1  # ratio below which a blur hides nothing
FULL = 100  # pixels of the kernel at ratio 1, for objects up to that size


def blur_box(image: np.ndarray, box: Sequence[float], ratio: float) -> None:
    """Blur what is in a box, in place.

    The kernel is `ratio` of the longer side of the box, but of 100 pixels at least: large objects are hidden as well as
    small ones.

    Args:
        image: (H, W, 3) uint8.
        box: x1, y1, x2, y2 in pixels; parts outside of the picture do not matter.
        ratio: strength, 0..1.
    """
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    height, width = image.shape[:2]
    x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if x1 < x2 and y1 < y2:
        side = max(int(ratio * max(x2 - x1, y2 - y1, FULL)), 1)
        image[y1:y2, x1:x2] = cv2.blur(image[y1:y2, x1:x2], (side, side))


class ObjectBlurrer(BaseSolution):
    """Blurs every tracked object.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `blur_ratio` is about this; below 0.1 it is 0.5.

    Attributes:
        blur_ratio: size of the kernel for small objects in pixels.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        ratio = self.CFG["blur_ratio"]
        if ratio < LEAST:
            LOGGER.warning(f"blur_ratio={ratio} hides nothing; using 0.5.")
            ratio = 0.5
        self.blur_ratio = int(ratio * FULL)

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Blur the objects of a frame (H, W, 3) BGR, in place.

        Returns:
            `total_tracks`.
        """
        self.extract_tracks(im0)
        boxes = [self.get_enclosing_box(box) for box in self.boxes]
        for box in boxes:
            blur_box(im0, box, self.blur_ratio / FULL)
        annotator = self.draw_on(im0)  # after all blurring, so that no frame or label is blurred
        for box, cls, conf, track in zip(boxes, self.clss, self.confs, self.track_ids, strict=True):
            if self.show_boxes:
                annotator.box_label(box, self.adjust_box_label(cls, conf, track) or "", colors(cls, True))
        plot_im = annotator.result()
        self.display_output(plot_im)
        return SolutionResults(plot_im=plot_im, total_tracks=len(self.track_ids))


__getattr__, __dir__ = offer(__name__)
