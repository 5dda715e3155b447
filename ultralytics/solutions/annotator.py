"""`SolutionAnnotator`: what the video applications draw besides boxes. Sizes follow the picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from ultralytics.engine.plots.annotate import Annotator
from ultralytics.engine.plots.text import STROKE_HEIGHT
from ultralytics.nn.public import public
from ultralytics.solutions.geometry import joint_angle

__all__ = ["SolutionAnnotator", "drawn_sizes"]

Color = tuple[int, int, int]
DARK, WHITE, GREEN, PINK = (104, 31, 17), (255, 255, 255), (0, 255, 0), (255, 0, 255)
LINE_SHARE = 0.003  # of the mean side, how wide lines are
SMALL = 1.5  # pixels of line below which a picture is small
SMALLEST_TEXT = 9  # pixels
PANEL_SHARE = 0.45  # of the picture's width, what a panel in a corner may take


def _pixel(point: Any) -> tuple[int, int]:
    x, y = (float(v) for v in point)
    return round(x), round(y)


def drawn_sizes(size_hw: tuple[int, int]) -> tuple[int | None, float | None]:
    """Return line width and height of text in pixels for a picture, None where those of `Annotator` are right.

    Its lines are two pixels wide at least, and text goes with them, which is too much for small pictures.
    """
    width = sum(size_hw) / 2 * LINE_SHARE
    return (1, max(STROKE_HEIGHT * width / 3, SMALLEST_TEXT)) if width < SMALL else (None, None)


@public("ultralytics.solutions.solutions")
class SolutionAnnotator(Annotator):
    """Draws regions, counts, angles and distances onto a picture; arguments as those of `Annotator`."""

    def __init__(
        self,
        im: np.ndarray,
        line_width: float | None = None,
        font_size: float | None = None,
        font: str = "Arial.ttf",
        pil: bool = False,
        example: Any = "abc",
    ) -> None:
        if line_width is None and font_size is None:
            line_width, font_size = drawn_sizes(np.shape(im)[:2])
        super().__init__(im, line_width, font_size, font, pil, example)

    # Regions and panels -----------------------------------------------------------------------------------------------

    def draw_region(
        self, reg_pts: Sequence[Sequence[float]] | None, color: Color = GREEN, thickness: int | None = None
    ) -> None:
        """Draw a line or the border of a zone, with a dot at every point.

        Args:
            reg_pts: points in pixels; nothing is drawn for None.
            color: BGR.
            thickness: pixels; twice the line width when None.
        """
        if reg_pts is None or not len(reg_pts):
            return
        thickness = int(thickness or 2 * self.lw)
        points = np.asarray(reg_pts, np.float64).reshape(-1, 2).round().astype(np.int32)
        cv2.polylines(self.im, [points], len(points) > 2, color, thickness, cv2.LINE_AA)
        for point in points.tolist():
            cv2.circle(self.im, point, thickness, color, -1, cv2.LINE_AA)

    def queue_counts_display(
        self,
        label: str,
        points: Sequence[Sequence[float]],
        region_color: Color = WHITE,
        txt_color: Color = (0, 0, 0),
    ) -> None:
        """Write a text on a plate in the middle of a zone.

        Args:
            label: text.
            points: corners of the zone.
            region_color: BGR of the plate.
            txt_color: BGR of the text.
        """
        self._plate(label, np.asarray(points, np.float64).reshape(-1, 2).mean(0), region_color, txt_color)

    def display_analytics(
        self,
        im0: np.ndarray,
        text: Mapping[str, Any],
        txt_color: Color,
        bg_color: Color,
        margin: int | None = None,
    ) -> None:
        """Write a column of facts into the upper right corner.

        Args:
            im0: (H, W, 3) BGR picture, drawn on.
            text: name to value.
            txt_color: BGR of the text.
            bg_color: BGR of the plate.
            margin: pixels between text and border of the plate; by line width when None.
        """
        lines = [f"{key}: {value}" for key, value in text.items()]
        self._column(im0, lines, int(margin or 2 * self.lw), txt_color, bg_color)

    def _column(self, im0: np.ndarray, lines: Sequence[str], margin: int, txt_color: Color, bg_color: Color) -> None:
        """Write lines below each other on one plate in the upper right corner, smaller where they would be too wide."""
        if not lines:
            return
        width = im0.shape[1]
        longest = max(lines, key=lambda line: self._writer.size(line)[0])
        writer = self._writer.fitted(longest, int(width * PANEL_SHARE))
        text_w, text_h = writer.size(longest)
        gap = max(text_h // 2, margin)
        box_w, box_h = text_w + 2 * margin, len(lines) * (text_h + gap) - gap + 2 * margin
        left, top = max(width - box_w - margin, 0), margin
        cv2.rectangle(im0, (left, top), (left + box_w, top + box_h), bg_color, -1)
        for i, line in enumerate(lines):
            at = left + box_w - margin - writer.size(line)[0], top + margin + i * (text_h + gap)
            writer.draw(im0, line, at, self.get_txt_color(bg_color, txt_color))

    def _plate(
        self,
        text: str,
        center: Iterable[float],
        color: Color,
        txt_color: Color,
        margin: int | None = None,
        round_: bool = False,
    ) -> None:
        """Write a text on a plate around a point, moved so that it is inside the picture."""
        height, width = self.im.shape[:2]
        margin = max(2 * self.lw, 3) if margin is None else int(margin)
        writer = self._writer.fitted(text, width - 2 * margin)
        text_w, text_h = writer.size(text)
        half = (text_w / 2 + margin, text_h / 2 + margin)
        if round_:
            half = (float(np.hypot(text_w, text_h)) / 2 + margin,) * 2
        x, y = (
            float(np.clip(v, min(h, size / 2), max(size - h - 1, size / 2)))
            for v, h, size in zip(center, half, (width, height), strict=True)
        )
        if round_:
            cv2.circle(self.im, _pixel((x, y)), round(half[0]), color, -1, cv2.LINE_AA)
        else:
            corners = _pixel((x - half[0], y - half[1])), _pixel((x + half[0], y + half[1]))
            cv2.rectangle(self.im, *corners, color, -1)
        writer.draw(self.im, text, _pixel((x - text_w / 2, y - text_h / 2)), self.get_txt_color(color, txt_color))

    def adaptive_label(
        self,
        box: Any,
        label: str = "",
        color: Color = (128, 128, 128),
        txt_color: Color = WHITE,
        shape: str = "rect",
        margin: int | None = None,
    ) -> None:
        """Write a label in the middle of a box.

        Args:
            box: x1, y1, x2, y2.
            label: text.
            color: BGR of the plate.
            txt_color: BGR of the text.
            shape: "rect", or "circle" with the first three letters.
            margin: pixels around the text; by line width when None.

        Raises:
            ValueError: for another shape.
        """
        if shape not in {"rect", "circle"}:
            raise ValueError(f"shape={shape!r} is not valid; a label is on a 'rect' or on a 'circle'.")
        x1, y1, x2, y2 = (float(v) for v in box)
        text = str(label)[:3] if shape == "circle" else str(label)
        if text:
            self._plate(text, ((x1 + x2) / 2, (y1 + y2) / 2), color, txt_color, margin, shape == "circle")

    def display_objects_labels(
        self,
        im0: np.ndarray,
        text: str,
        txt_color: Color,
        bg_color: Color,
        x_center: float,
        y_center: float,
        margin: int,
    ) -> None:
        """Write a text on a plate around a point.

        Args:
            im0: (H, W, 3) BGR picture, drawn on.
            text: what to write.
            txt_color: BGR of the text.
            bg_color: BGR of the plate.
            x_center: middle of the plate.
            y_center: middle of the plate.
            margin: pixels around the text.
        """
        own, self.im = self.im, im0
        try:
            self._plate(text, (x_center, y_center), bg_color, txt_color, margin)
        finally:
            self.im = own

    # Exercises --------------------------------------------------------------------------------------------------------

    @staticmethod
    def estimate_pose_angle(a: Any, b: Any, c: Any) -> float:
        """Return the angle at point `b` between the ways to `a` and to `c`, 0..180 degrees."""
        return joint_angle(a, b, c)

    def draw_specific_kpts(
        self,
        keypoints: Any,
        indices: Sequence[int] | None = None,
        radius: int | None = None,
        conf_thresh: float = 0.25,
    ) -> np.ndarray:
        """Draw some keypoints and the way from one to the next.

        Args:
            keypoints: (K, 2) x and y in pixels, or (K, 3) with a confidence.
            indices: which, in order; 2, 5 and 7 when None.
            radius: pixels; by line width when None.
            conf_thresh: least confidence of a keypoint that is drawn.

        Returns:
            The picture.
        """
        points = []
        for i in [2, 5, 7] if indices is None else indices:
            x, y, *conf = (float(v) for v in keypoints[i])
            if not conf or conf[0] >= conf_thresh:
                points.append(_pixel((x, y)))
        for start, end in pairwise(points):
            cv2.line(self.im, start, end, GREEN, self.lw, cv2.LINE_AA)
        for point in points:
            cv2.circle(self.im, point, int(radius or 2 * self.lw), (0, 0, 255), -1, cv2.LINE_AA)
        return self.im

    def plot_workout_information(
        self,
        display_text: str,
        position: Sequence[float],
        color: Color = DARK,
        txt_color: Color = WHITE,
    ) -> int:
        """Write a text on a plate.

        Args:
            display_text: what to write.
            position: upper left corner of the plate, moved so that the plate is inside the picture.
            color: BGR of the plate.
            txt_color: BGR of the text.

        Returns:
            Height of the plate in pixels.
        """
        height, width = self.im.shape[:2]
        margin = max(self.lw, 2)
        writer = self._writer.fitted(display_text, width - 2 * margin)
        text_w, text_h = writer.size(display_text)
        box_w, box_h = text_w + 2 * margin, text_h + 2 * margin
        x, y = _pixel(position)
        left, top = max(min(x, width - box_w), 0), max(min(y, height - box_h), 0)
        cv2.rectangle(self.im, (left, top), (left + box_w - 1, top + box_h - 1), color, -1)
        writer.draw(self.im, display_text, (left + margin, top + margin), self.get_txt_color(color, txt_color))
        return box_h

    def plot_angle_and_count_and_stage(
        self,
        angle_text: float | str,
        count_text: int | str,
        stage_text: str,
        center_kpt: Sequence[float],
        color: Color = DARK,
        txt_color: Color = WHITE,
    ) -> None:
        """Write angle, count and stage of an exercise below each other.

        Args:
            angle_text: degrees.
            count_text: repetitions.
            stage_text: `up`, `down` or `-`.
            center_kpt: upper left corner of the first plate.
            color: BGR of the plates.
            txt_color: BGR of the text.
        """
        angle = f"{angle_text:.0f}" if isinstance(angle_text, (int, float)) else str(angle_text)
        lines = [f"Angle: {angle}", f"Count: {count_text}", f"Stage: {stage_text}"]
        step = self._writer.size(lines[0])[1] + 2 * max(self.lw, 2) + self.lw
        x, y = _pixel(center_kpt)
        top = max(min(y, self.im.shape[0] - step * len(lines)), 0)
        for i, line in enumerate(lines):
            self.plot_workout_information(line, (x, top + i * step), color, txt_color)

    # Distances and lines ----------------------------------------------------------------------------------------------

    def plot_distance_and_line(
        self,
        pixels_distance: float | str,
        centroids: Sequence[Sequence[float]],
        line_color: Color = DARK,
        centroid_color: Color = PINK,
    ) -> None:
        """Draw the line between two points and write its length.

        Args:
            pixels_distance: pixels, or the text to write.
            centroids: both points.
            line_color: BGR.
            centroid_color: BGR of the dots at the ends.
        """
        start, end = map(_pixel, centroids)
        cv2.line(self.im, start, end, line_color, 2 * self.lw, cv2.LINE_AA)
        for point in (start, end):
            cv2.circle(self.im, point, 3 * self.lw, centroid_color, -1, cv2.LINE_AA)
        number = isinstance(pixels_distance, (int, float))
        text = f"{pixels_distance:.2f} px" if number else str(pixels_distance)
        self._column(self.im, [text], 2 * self.lw, WHITE, line_color)

    def sweep_annotator(
        self,
        line_x: int = 0,
        line_y: int = 0,
        label: str | None = None,
        color: Color = (221, 0, 186),
        txt_color: Color = WHITE,
    ) -> None:
        """Draw an upright line from the upper border, with a label in its middle.

        Args:
            line_x: position of the line.
            line_y: where it ends.
            label: text, none when empty.
            color: BGR.
            txt_color: BGR of the text.
        """
        cv2.line(self.im, (int(line_x), 0), (int(line_x), int(line_y)), color, 2 * self.lw, cv2.LINE_AA)
        if label:
            self._plate(str(label), (line_x, line_y / 2), color, txt_color)

    def visioneye(
        self,
        box: Any,
        center_point: Sequence[float],
        color: Color = (235, 219, 11),
        pin_color: Color = PINK,
    ) -> None:
        """Draw a line from a point to the middle of a box, with a dot at both ends.

        Args:
            box: x1, y1, x2, y2.
            center_point: where the line starts.
            color: BGR of the line.
            pin_color: BGR of the dots.
        """
        x1, y1, x2, y2 = (float(v) for v in box)
        start, end = _pixel(center_point), _pixel(((x1 + x2) / 2, (y1 + y2) / 2))
        cv2.line(self.im, start, end, color, self.lw, cv2.LINE_AA)
        for point in (start, end):
            cv2.circle(self.im, point, 2 * self.lw, pin_color, -1, cv2.LINE_AA)

    def trail(self, points: Sequence[Sequence[float]], color: Color, width: int | None = None) -> None:
        """Draw the way that a track has come, with a dot where it is.

        Args:
            points: (N, 2) positions in pixels, the last one is the newest.
            color: BGR.
            width: pixels; the line width when None.
        """
        if not len(points):
            return
        way = np.asarray(points, np.float64).reshape(-1, 2).round().astype(np.int32)
        cv2.polylines(self.im, [way], False, color, int(width or self.lw), cv2.LINE_AA)
        cv2.circle(self.im, way[-1].tolist(), 2 * self.lw, color, -1, cv2.LINE_AA)
