"""`SemanticFormat` and `DepthFormat`: the last step where every pixel has a target and there are no objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from ultralytics.data.augment.base import Labels
from ultralytics.data.augment.format import INTERNAL, Format, planes
from ultralytics.data.augment.rng import Rng
from ultralytics.data.images.canvas import painted
from ultralytics.data.sample import Sample
from ultralytics.utils.overrides import bypassed

__all__ = ["DepthFormat", "SemanticFormat"]

OBJECTS = frozenset({"cls", "instances"})


class MapFormat(Format):
    """Turn a sample into `img` and a map as a tensor; takes the arguments of `Format`, of which `bgr` has a meaning.

    Attributes:
        target: key of the map.
        left_out: keys that a batch does not have: what a batch cannot say, or what only objects need.
    """

    target: ClassVar[str]
    left_out: ClassVar[frozenset[str]]

    def run(self, sample: Sample, rng: Rng) -> Labels:
        """Return the item of a sample."""
        rgb = self.draw(rng, sample)["rgb"]
        item = self._without(sample.meta)
        for name, one in (sample.maps or {}).items():
            item[name] = self._tensor(painted(one)[..., 0])
        item["img"] = torch.from_numpy(planes(painted(sample.image), rgb, sample.order or (0, 1, 2)))
        return item

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        """Return a map (H, W) as a batch holds it."""
        raise NotImplementedError(f"{type(self).__name__} must define _tensor().")

    def _without(self, labels: Mapping[str, Any]) -> Labels:
        return {name: value for name, value in labels.items() if name not in self.left_out | OBJECTS | INTERNAL}

    @bypassed
    def get_params(self, labels: Labels) -> dict[str, Any]:
        """Return nothing: maps are not drawn, and objects are left out."""
        return {}

    @bypassed
    def apply_instances(self, labels: Labels, params: Any = None) -> Labels:
        """Return the labels without objects and without keys that a batch does not have."""
        return self._without(labels)

    def _with_map(self, name: str, labels: Labels, params: Any) -> Labels:
        return {**labels, name: self._tensor(labels[name])} if name == self.target and name in labels else labels


class SemanticFormat(MapFormat):
    """Turn a sample into `img` (C, H, W) uint8 and `semantic_mask` (H, W) int32, 255 where a pixel is ignored."""

    target = "semantic_mask"
    left_out = frozenset({"resized_shape"})

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.int32))


class DepthFormat(MapFormat):
    """Turn a sample into `img` (C, H, W) uint8 and `depth` (1, H, W) float32 in metres, 0 where it is not known."""

    target = "depth"
    left_out = frozenset({"ori_shape", "resized_shape", "ratio_pad"})

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        own = values if values.flags.writeable else values.copy()  # data sets lend what others use, too
        return torch.from_numpy(np.ascontiguousarray(own[None], np.float32))
