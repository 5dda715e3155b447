"""Parts with one value per pixel: class maps of semantic segmentation and depth maps."""

from __future__ import annotations

from ultralytics.engine.results.tensors import PUBLIC_HOME, DenseTensor
from ultralytics.nn.public import public

__all__ = ["DepthMap", "SemanticMask"]


@public(PUBLIC_HOME)
class SemanticMask(DenseTensor):
    """(H, W) class index of every pixel."""


@public(PUBLIC_HOME)
class DepthMap(DenseTensor):
    """(H, W) distance of every pixel in metres."""
