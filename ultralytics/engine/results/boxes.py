"""Axis-aligned boxes of one picture."""

from __future__ import annotations

from ultralytics.engine.results.tensors import PUBLIC_HOME, Array, TrackedRows, divisor
from ultralytics.nn.public import public
from ultralytics.ops.boxes import xyxy2xywh

__all__ = ["Boxes"]


@public(PUBLIC_HOME)
class Boxes(TrackedRows):
    """Detection boxes in pixels of the original picture.

    Args:
        boxes: (N, 6) rows x1, y1, x2, y2, conf, cls, or (N, 7) with a track id before conf.
        orig_shape: height and width of the original picture.

    Raises:
        ValueError: on any other row width.
    """

    coordinates = ("x1", "y1", "x2", "y2")

    @property
    def xyxy(self) -> Array:
        """(N, 4) corners in pixels."""
        return self.data[:, :4]

    @property
    def xywh(self) -> Array:
        """(N, 4) centre, width and height in pixels."""
        return xyxy2xywh(self.xyxy)

    @property
    def xyxyn(self) -> Array:
        """(N, 4) corners as shares of the picture's width and height."""
        return self._shares(self.xyxy)

    @property
    def xywhn(self) -> Array:
        """(N, 4) centre, width and height as shares of the picture's width and height."""
        return self._shares(self.xywh)

    def _shares(self, pixels: Array) -> Array:
        height, width = self.orig_shape
        return pixels / divisor((width, height, width, height), pixels)
