"""Keypoints of the objects of one picture."""

from __future__ import annotations

from ultralytics.engine.results.tensors import PUBLIC_HOME, Array, BaseTensor, divisor
from ultralytics.nn.public import public

__all__ = ["Keypoints"]


@public(PUBLIC_HOME)
class Keypoints(BaseTensor):
    """Keypoints in pixels of the original picture.

    Args:
        keypoints: (N, K, 2) x and y, or (N, K, 3) with a visibility score, 0..1. (K, D) is one object.
        orig_shape: height and width of the original picture.

    Raises:
        ValueError: if the last dimension is neither 2 nor 3.
    """

    def __init__(self, keypoints: Array, orig_shape: tuple[int, int]) -> None:
        if getattr(keypoints, "ndim", 3) == 2:
            keypoints = keypoints[None]
        super().__init__(keypoints, orig_shape)
        if self.data.shape[-1] not in (2, 3):
            raise ValueError(f"Keypoints need (N, K, 2) or (N, K, 3) data, but got shape {tuple(self.data.shape)}.")
        self.has_visible = self.data.shape[-1] == 3

    @property
    def xy(self) -> Array:
        """(N, K, 2) positions in pixels."""
        return self.data[..., :2]

    @property
    def xyn(self) -> Array:
        """(N, K, 2) positions as shares of the picture's width and height."""
        height, width = self.orig_shape
        return self.xy / divisor((width, height), self.xy)

    @property
    def conf(self) -> Array | None:
        """(N, K) visibility scores, or None where the model gives none."""
        return self.data[..., 2] if self.has_visible else None
