"""Bases of the result parts: data next to the size of its picture, and detection rows with score, class and id.

Every part works on torch tensors and on numpy arrays alike; `cpu`, `numpy`, `cuda` and `to` return a new part. Derived
values are computed from `data` when they are asked for, so they follow edits of `data`.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch

from ultralytics.nn.public import public
from ultralytics.utils.namespace import SimpleClass

__all__ = ["Array", "BaseTensor", "DenseTensor", "TrackedRows", "as_numpy", "divisor"]

Array = torch.Tensor | np.ndarray
Part = TypeVar("Part", bound="BaseTensor")
PUBLIC_HOME = "ultralytics.engine.results"


def as_numpy(array: Array) -> np.ndarray:
    """Return `array` on the CPU as numpy; bfloat16, which numpy lacks, becomes float32."""
    if not isinstance(array, torch.Tensor):
        return np.asarray(array)
    array = array.detach()
    return (array.float() if array.dtype == torch.bfloat16 else array).cpu().numpy()


def divisor(values: tuple[int, ...], like: Array) -> Array:
    """Return the numbers as an array of the kind, device and precision of `like`, to divide pixels by picture sides."""
    if isinstance(like, torch.Tensor):
        return torch.tensor(values, device=like.device, dtype=like.dtype if like.is_floating_point() else None)
    return np.asarray(values, dtype=like.dtype if like.dtype.kind == "f" else np.float32)


@public(PUBLIC_HOME)
class BaseTensor(SimpleClass):
    """Values of one picture.

    Args:
        data: tensor or array.
        orig_shape: height and width of the original picture.

    Raises:
        TypeError: if `data` is neither.
    """

    def __init__(self, data: Array, orig_shape: tuple[int, int] | None) -> None:
        if not isinstance(data, (torch.Tensor, np.ndarray)):
            raise TypeError(
                f"{type(self).__name__} holds a torch.Tensor or a numpy.ndarray, not {type(data).__name__}."
            )
        self.data = data
        self.orig_shape = orig_shape

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `data`."""
        return self.data.shape

    def _with(self: Part, data: Array) -> Part:
        return self if data is self.data else type(self)(data, self.orig_shape)

    def cpu(self: Part) -> Part:
        """Return a copy in main memory."""
        return self._with(self.data.cpu() if isinstance(self.data, torch.Tensor) else self.data)

    def numpy(self: Part) -> Part:
        """Return a copy that holds a numpy array."""
        return self._with(as_numpy(self.data))

    def cuda(self: Part) -> Part:
        """Return a copy on the current GPU."""
        return self._with(torch.as_tensor(self.data).cuda())

    def to(self: Part, *args: Any, **kwargs: Any) -> Part:
        """Return a copy moved or cast; arguments as in `torch.Tensor.to`."""
        return self._with(torch.as_tensor(self.data).to(*args, **kwargs))

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self: Part, idx: Any) -> Part:
        """Return the rows that an index, slice, mask or index array selects."""
        return type(self)(self.data[idx], self.orig_shape)


class TrackedRows(BaseTensor):
    """Detection rows: coordinates, then an optional track id, then score and class.

    Subclasses name their coordinate columns; the constructor checks the width of the rows against them.
    """

    coordinates: tuple[str, ...] = ()

    def __init__(self, boxes: Array, orig_shape: tuple[int, int]) -> None:
        if getattr(boxes, "ndim", 2) == 1:
            boxes = boxes[None]
        super().__init__(boxes, orig_shape)
        plain = len(self.coordinates) + 2
        width = self.data.shape[-1]
        if width not in (plain, plain + 1):
            raise ValueError(
                f"{type(self).__name__} needs {plain} columns ({', '.join(self.coordinates)}, conf, cls), or "
                f"{plain + 1} with a track id before conf, but got {width}."
            )
        self.is_track = width == plain + 1

    @property
    def conf(self) -> Array:
        """(N,) scores, 0..1."""
        return self.data[:, -2]

    @property
    def cls(self) -> Array:
        """(N,) class indices, as floats."""
        return self.data[:, -1]

    @property
    def id(self) -> Array | None:
        """(N,) track ids, or None where nothing is tracked."""
        return self.data[:, -3] if self.is_track else None


class DenseTensor(BaseTensor):
    """One value for every pixel: (H, W). It is a list of one item, or none where it is empty."""

    def __init__(self, data: Array, orig_shape: tuple[int, int]) -> None:
        if getattr(data, "ndim", 2) != 2:
            raise ValueError(f"{type(self).__name__} needs (H, W) data, but got shape {tuple(data.shape)}.")
        super().__init__(data, orig_shape)

    def __len__(self) -> int:
        return int(0 not in self.data.shape)

    def __getitem__(self: Part, idx: Any) -> Part:
        """Return itself where an index, slice, mask or index array selects its one item, else an empty map.

        Raises:
            IndexError: there is no such item, or more than one axis to choose from.
        """
        chosen = np.arange(len(self))[as_numpy(idx) if isinstance(idx, torch.Tensor) else idx]
        return self if np.size(chosen) else type(self)(self.data[:0], self.orig_shape)
