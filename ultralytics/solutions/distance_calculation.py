"""`DistanceCalculation`: how far two objects are from each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.engine.plots.palette import colors
from ultralytics.solutions.geometry import homography, project
from ultralytics.solutions.old_calls import old_arguments, old_call
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer

__all__ = ["DistanceCalculation"]


class DistanceCalculation(BaseSolution):
    """Measures the distance between two tracked objects.

    Which two: `pair`, or `select(track, track)`, or clicks of the left mouse button into the window of `show=True`; the
    right button clears the choice.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `pair`, and `calibration` or `meter_per_pixel` (see
            `speed_estimation`), are about this.

    Attributes:
        selected_boxes: chosen track to its box, while it is in the frame.
        centroids: middles of the two, where both are seen.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selected_boxes: dict[int, Any] = {}
        self.centroids: list[tuple[float, float]] = []
        self.ground = None if self.CFG["calibration"] is None else homography(self.CFG["calibration"])
        self.meter_per_pixel = kwargs.get("meter_per_pixel")  # that of the configuration says nothing of this camera
        self.line_color, self.centroid_color = (104, 31, 17), (255, 0, 255)
        self._watched = False
        self._chosen: list[int] = list(self.CFG["pair"] or ())

    def select(self, *tracks: int) -> None:
        """Choose the tracks whose distance is measured, at most two; none clears the choice."""
        if len(tracks) > 2 or len(set(tracks)) < len(tracks):
            raise ConfigValueError(f"a distance is between two tracks, not {list(tracks)}.")
        self._chosen = list(tracks)
        self.selected_boxes, self.centroids = {}, []

    def mouse_event_for_distance(self, event: int, x: int, y: int, flags: int, param: Any) -> None:
        """Choose what is under the mouse at a left click, forget the choice at a right one; a callback of OpenCV.

        Args:
            event: kind of event.
            x: pixels of the frame.
            y: pixels of the frame.
            flags: not used.
            param: not used.
        """
        if event == cv2.EVENT_RBUTTONDOWN:
            self.select()
        elif event == cv2.EVENT_LBUTTONDOWN and len(self._chosen) < 2:
            for track, box in zip(self.track_ids, self.boxes, strict=True):
                x1, y1, x2, y2 = (float(v) for v in self.get_enclosing_box(box))
                if x1 < x < x2 and y1 < y < y2 and track not in self._chosen:
                    self._chosen.append(track)
                    self.selected_boxes[track] = box
                    return

    def on_window(self, name: str) -> None:
        """Listen to the mouse in the window that has just been opened."""
        if not self._watched:
            self._watched = True
            cv2.setMouseCallback(name, self.mouse_event_for_distance)

    def forget_tracks(self, track_ids: Iterable[int]) -> None:
        """Drop tracks that will not come back, also from a choice by mouse."""
        gone = list(track_ids)
        super().forget_tracks(gone)
        if not self.CFG["pair"]:
            self._chosen = [track for track in self._chosen if track not in gone]
        for track in gone:
            self.selected_boxes.pop(track, None)

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Measure in a frame (H, W, 3) BGR, which is drawn on.

        Returns:
            `pixels_distance`, 0 unless both are seen, and `total_tracks`; where it is known how large things are, also
            `meters_distance`.
        """
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        self.selected_boxes = {}
        for box, track, cls, conf in zip(self.boxes, self.track_ids, self.clss, self.confs, strict=True):
            if self.show_boxes:
                annotator.box_label(box, self.adjust_box_label(cls, conf, track) or "", colors(cls, True))
            if track in self._chosen:
                self.selected_boxes[track] = box
        pixels, more = 0.0, {}
        boxes = [self.get_enclosing_box(box) for box in self.selected_boxes.values()]
        self.centroids = [_middle(box) for box in boxes] if len(boxes) == 2 else []
        if self.centroids:
            pixels = math.dist(*self.centroids)
            text = f"{pixels:.1f} px"
            if self.ground is not None:
                more["meters_distance"] = math.dist(*(project(self.ground, _foot(box)) for box in boxes))
            elif self.meter_per_pixel is not None:
                more["meters_distance"] = pixels * self.meter_per_pixel
            if more:
                text = f"{more['meters_distance']:.2f} m"
            annotator.plot_distance_and_line(text, self.centroids, self.line_color, self.centroid_color)
        plot_im = annotator.result()
        self.display_output(plot_im)
        return SolutionResults(plot_im=plot_im, pixels_distance=pixels, total_tracks=len(self.track_ids), **more)

    set_args = old_arguments(
        "names pixels_per_meter view_img line_thickness line_color centroid_color",
        pixels_per_meter=lambda value: ("meter_per_pixel", 1 / value),
        line_color="line_color",
        centroid_color="centroid_color",
    )
    start_process = old_call("start_process")


def _middle(box: Sequence[float]) -> tuple[float, float]:
    x1, y1, x2, y2 = (float(v) for v in box)
    return (x1 + x2) / 2, (y1 + y2) / 2


def _foot(box: Sequence[float]) -> tuple[float, float]:
    """Return the middle of a box's lower edge, where an object touches the ground."""
    x1, _, x2, y2 = (float(v) for v in box)
    return (x1 + x2) / 2, y2


__getattr__, __dir__ = offer(__name__)
