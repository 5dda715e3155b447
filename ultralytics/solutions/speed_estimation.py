"""`SpeedEstimator`: speeds in km/h, from where objects are at what time.

Sizes on the ground are told in one of two ways:

* `meter_per_pixel`, for a camera that looks straight down, or objects that are all equally far away. The middle of a
  box is what moves.
* `calibration`, for any other view of a plane: four points or more as rows of x, y in pixels and X, Y in metres, such
  as the corners of a marking on a road whose length and width are known. The middle of a box's lower edge is what
  moves: there an object touches the ground.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ultralytics.engine.plots.palette import colors
from ultralytics.solutions.geometry import homography, project
from ultralytics.solutions.old_calls import old_arguments, old_call
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer

__all__ = ["SpeedEstimator", "speed_kmh"]

KMH = 3.6  # of a metre per second


def speed_kmh(places: Sequence[tuple[float, float]], seconds: Sequence[float]) -> float:
    """Return the speed of something that was at places (in metres) at times, from the first to the last.

    Raises:
        ValueError: no time has passed.
    """
    (x1, y1), (x2, y2) = places[0], places[-1]
    elapsed = seconds[-1] - seconds[0]
    if not elapsed > 0:
        raise ValueError(f"a speed needs time to pass: from {seconds[0]} to {seconds[-1]} s there is none.")
    return float(np.hypot(x2 - x1, y2 - y1)) / elapsed * KMH


class SpeedEstimator(BaseSolution):
    """Estimates the speed of every track, once, from its first `max_hist` positions.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `fps`, `meter_per_pixel`, `calibration`, `max_hist` and
            `max_speed` are about this.

    Attributes:
        fps: frames of the source in a second, from which times follow where a frame comes without.
        spd: track to km/h; locked_ids: those that have a speed.
        trk_hist: track to its (time in seconds, place in metres) so far.

    Raises:
        ValueError: a calibration that is none.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fps = self.CFG["fps"]
        self.max_hist, self.max_speed = self.CFG["max_hist"], self.CFG["max_speed"]
        self.meter_per_pixel = self.CFG["meter_per_pixel"]
        self.ground = None if self.CFG["calibration"] is None else homography(self.CFG["calibration"])
        self.frame_count = 0
        self.spd: dict[int, int] = {}
        self.trk_hist: dict[int, deque] = {}
        self.locked_ids: set[int] = set()

    def forget_tracks(self, track_ids: Iterable[int]) -> None:
        """Drop tracks that will not come back."""
        gone = list(track_ids)
        super().forget_tracks(gone)
        self.locked_ids.difference_update(gone)
        for track in gone:
            self.spd.pop(track, None)
            self.trk_hist.pop(track, None)

    def place_of(self, box: Sequence[float]) -> tuple[float, float]:
        """Return where an object with a box x1, y1, x2, y2 in pixels is, in metres."""
        x1, y1, x2, y2 = (float(v) for v in box)
        if self.ground is not None:
            return project(self.ground, ((x1 + x2) / 2, y2))
        return (x1 + x2) / 2 * self.meter_per_pixel, (y1 + y2) / 2 * self.meter_per_pixel

    def measure(self, track: int, seconds: float, place: tuple[float, float]) -> None:
        """Take the place of a track at a time; its speed is known when there are `max_hist` of them."""
        if track in self.locked_ids:
            return
        history = self.trk_hist.setdefault(track, deque(maxlen=self.max_hist))
        history.append((seconds, place))
        if len(history) == self.max_hist:
            times, places = zip(*history, strict=True)
            self.spd[track] = int(min(speed_kmh(places, times), self.max_speed))
            self.locked_ids.add(track)
            history.clear()

    def process(self, im0: np.ndarray, timestamp: float | None = None) -> SolutionResults:
        """Measure the objects of a frame (H, W, 3) BGR, which is drawn on.

        Args:
            im0: the frame.
            timestamp: when it was taken, in seconds of any clock, for sources that do not come at an even rate. From
                the number of the frame and `fps` when None.

        Returns:
            `speed_dict` of the tracks in the frame, and `total_tracks`.

        Raises:
            ValueError: time stamps that do not grow.
        """
        seconds = self.frame_count / self.fps if timestamp is None else float(timestamp)
        self.frame_count += 1
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        annotator.draw_region(self.region, (104, 0, 123), 2 * annotator.lw)
        for box, track, cls, conf in zip(self.boxes, self.track_ids, self.clss, self.confs, strict=True):
            self.store_tracking_history(track, box)
            upright = self.get_enclosing_box(box)
            self.measure(track, seconds, self.place_of(upright))
            known = track in self.spd
            label = f"{self.spd[track]} km/h" if known else self.adjust_box_label(cls, conf, track) or ""
            color = colors(track, True)
            if self.show_boxes:
                annotator.box_label(box, label, color)
            annotator.trail(self.track_history[track], color)
        plot_im = annotator.result()
        self.display_output(plot_im)
        speeds = {track: self.spd[track] for track in self.track_ids if track in self.spd}
        return SolutionResults(plot_im=plot_im, speed_dict=speeds, total_tracks=len(self.track_ids))

    set_args = old_arguments("reg_pts names view_img line_thickness region_thickness spdl_dist_thresh")
    estimate_speed = old_call("estimate_speed")


__getattr__, __dir__ = offer(__name__)
