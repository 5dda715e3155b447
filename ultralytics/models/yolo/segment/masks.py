"""Masks that are drawn when something reads them.

Validation keeps hundreds of weak detections an image, most of which can match nothing; drawing their masks would cost
more than all the rest of the matching. Code that overrides a step of the validator still gets tensors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils._pytree import tree_map_only

from ultralytics.ops.boxes import RatioPad, scale_boxes
from ultralytics.ops.masks import image_masks, process_mask

__all__ = ["DeferredMasks", "IndexMap", "MaskSource", "PrototypeMasks"]

Size = tuple[int, int]


class MaskSource(Protocol):
    """What masks are drawn from; indexing with a slice, mask or index tensor selects objects."""

    dtype: torch.dtype

    device: torch.device

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> MaskSource: ...

    def draw(self, size_hw: Size) -> torch.Tensor:
        """Return the masks (n, h, w)."""
        ...


@dataclass(frozen=True)
class PrototypeMasks:
    """The masks of one picture's detections.

    Attributes:
        proto: (C, h, w) prototypes.
        coefficients: (N, C).
        boxes: (N, 4) corners in input pixels.
        input_hw: height and width of the network input.
    """

    proto: torch.Tensor
    coefficients: torch.Tensor
    boxes: torch.Tensor
    input_hw: Size
    dtype = torch.uint8

    @property
    def device(self) -> torch.device:
        """Where masks are drawn."""
        return self.proto.device

    def __len__(self) -> int:
        return len(self.coefficients)

    def __getitem__(self, rows: Any) -> PrototypeMasks:
        """Return the masks that a slice, mask or index tensor selects."""
        return replace(self, coefficients=self.coefficients[rows], boxes=self.boxes[rows])

    def draw(self, size_hw: Size) -> torch.Tensor:
        """Return (N, h, w) uint8 masks of a size near that of the prototypes."""
        proto = self.proto
        if tuple(proto.shape[1:]) != tuple(size_hw):
            proto = F.interpolate(proto[None].float(), tuple(size_hw), mode="bilinear", align_corners=False)[0]
        return process_mask(proto, self.coefficients, self.boxes, self.input_hw)

    def large(self) -> torch.Tensor:
        """Return (N, H, W) uint8 masks at the size of the network input."""
        return process_mask(self.proto, self.coefficients, self.boxes, self.input_hw, upsample=True)

    def original(self, image_hw: Size, ratio_pad: RatioPad | None = None) -> torch.Tensor:
        """Return (N, height, width) uint8 masks in the pixels of the original picture."""
        boxes = scale_boxes(self.input_hw, self.boxes, image_hw, ratio_pad=ratio_pad)
        return image_masks(self.proto, self.coefficients, boxes, self.input_hw, image_hw, ratio_pad)


@dataclass(frozen=True)
class IndexMap:
    """The masks of one picture's targets, painted into one map.

    Attributes:
        map: (h, w) with k + 1 where object k is, 0 for background.
        objects: (M,) numbers k of the objects.
    """

    map: torch.Tensor
    objects: torch.Tensor
    dtype = torch.float32

    @property
    def device(self) -> torch.device:
        """Where masks are drawn."""
        return self.map.device

    def __len__(self) -> int:
        return len(self.objects)

    def __getitem__(self, rows: Any) -> IndexMap:
        """Return the masks that a slice, mask or index tensor selects."""
        return replace(self, objects=self.objects[rows])

    def draw(self, size_hw: Size) -> torch.Tensor:
        """Return (M, h, w) float32 masks of 0 and 1."""
        masks = (self.map == (self.objects + 1).view(-1, 1, 1)).to(self.dtype)
        return masks if masks.shape[1:] == tuple(size_hw) else F.interpolate(masks[None], tuple(size_hw))[0]


class DeferredMasks(torch.Tensor):
    """A tensor of masks (N, h, w) whose values come from a source at their first use.

    Count, size, type and device are known without drawing, and selecting objects draws nothing.
    """

    source: MaskSource

    @staticmethod
    def __new__(cls, source: MaskSource, size_hw: Size) -> DeferredMasks:
        """Return the masks of a source at a size."""
        shape = (len(source), *size_hw)
        masks = torch.Tensor._make_wrapper_subclass(cls, shape, dtype=source.dtype, device=source.device)
        masks.source, masks._values = source, None
        return masks

    def drawn(self) -> torch.Tensor:
        """Return the masks as a plain tensor."""
        if self._values is None:
            self._values = self.source.draw(tuple(self.shape[1:]))
        return self._values

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation of torch on the drawn masks."""
        args, kwargs = tree_map_only(cls, cls.drawn, (args, kwargs or {}))
        return func(*args, **kwargs)

    def __getitem__(self, rows: Any) -> torch.Tensor:
        """Select objects by a slice, list, mask or index tensor, still undrawn; anything else indexes the tensor."""
        if isinstance(rows, (slice, list)) or (isinstance(rows, torch.Tensor) and rows.ndim == 1):
            return DeferredMasks(self.source[rows], tuple(self.shape[1:]))
        return self.drawn()[rows]

    def numpy(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Return the drawn masks as an array."""
        return self.drawn().numpy(*args, **kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self.drawn().numpy()
        return values.astype(dtype or values.dtype, copy=bool(copy))

    def tolist(self) -> list:
        """Return the drawn masks as nested lists."""
        return self.drawn().tolist()

    def __repr__(self, **kwargs: Any) -> str:
        return f"{type(self).__name__}({tuple(self.shape)}, drawn={self._values is not None})"

    def __deepcopy__(self, memo: dict) -> torch.Tensor:
        return self.drawn().clone()

    def __reduce_ex__(self, protocol: int) -> Any:
        return self.drawn().__reduce_ex__(protocol)
