"""Instance masks of one picture."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ultralytics.engine.results.tensors import PUBLIC_HOME, Array, BaseTensor
from ultralytics.nn.public import public
from ultralytics.ops.boxes import scale_coords
from ultralytics.ops.masks import masks2segments

__all__ = ["Masks"]


@public(PUBLIC_HOME)
class Masks(BaseTensor):
    """Instance masks, at the size of the network input or of the original picture.

    Args:
        masks: (N, H, W) zero outside the object; (H, W) is one object.
        orig_shape: height and width of the original picture.

    Raises:
        ValueError: on any other number of dimensions.
    """

    def __init__(self, masks: Array, orig_shape: tuple[int, int]) -> None:
        if getattr(masks, "ndim", 3) == 2:
            masks = masks[None]
        super().__init__(masks, orig_shape)
        if self.data.ndim != 3:
            raise ValueError(f"Masks need (N, H, W) data, but got shape {tuple(self.data.shape)}.")

    @cached_property
    def _polygons(self) -> list[np.ndarray]:
        """Outlines in mask pixels: tracing them is the expensive part, so it is done once."""
        return masks2segments(self.data)

    @cached_property
    def xy(self) -> list[np.ndarray]:
        """One (K, 2) outline in pixels of the original picture for every object."""
        return self._outlines(normalize=False)

    @cached_property
    def xyn(self) -> list[np.ndarray]:
        """One (K, 2) outline in shares of the picture's width and height for every object."""
        return self._outlines(normalize=True)

    def _outlines(self, normalize: bool) -> list[np.ndarray]:
        size_hw = tuple(self.data.shape[1:])
        return [scale_coords(size_hw, p, self.orig_shape, normalize=normalize) for p in self._polygons]
