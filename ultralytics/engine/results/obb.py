"""Oriented boxes of one picture."""

from __future__ import annotations

import numpy as np
import torch

from ultralytics.engine.results.tensors import PUBLIC_HOME, Array, TrackedRows, divisor
from ultralytics.nn.public import public
from ultralytics.ops.rotated import xywhr2xyxyxyxy

__all__ = ["OBB"]


@public(PUBLIC_HOME)
class OBB(TrackedRows):
    """Oriented boxes in pixels of the original picture.

    Args:
        boxes: (N, 7) rows centre x, centre y, width, height, angle (radians), conf, cls, or (N, 8) with a track id
            before conf.
        orig_shape: height and width of the original picture.

    Raises:
        ValueError: on any other row width.
    """

    coordinates = ("x", "y", "w", "h", "r")

    @property
    def xywhr(self) -> Array:
        """(N, 5) centre, width, height in pixels and angle in radians."""
        return self.data[:, :5]

    @property
    def xyxyxyxy(self) -> Array:
        """(N, 4, 2) corners in pixels."""
        return xywhr2xyxyxyxy(self.xywhr)

    @property
    def xyxyxyxyn(self) -> Array:
        """(N, 4, 2) corners as shares of the picture's width (x) and height (y)."""
        corners = self.xyxyxyxy
        height, width = self.orig_shape
        return corners / divisor((width, height), corners)

    @property
    def xyxy(self) -> Array:
        """(N, 4) upright boxes around the oriented ones, in pixels."""
        corners = self.xyxyxyxy
        if isinstance(corners, torch.Tensor):
            return torch.cat((corners.amin(1), corners.amax(1)), -1)
        return np.concatenate((corners.min(1), corners.max(1)), -1)
