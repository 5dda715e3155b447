"""Pictures in memory: arrays, Pillow pictures and tensors, alone, in lists or as they come; `depth` has the rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ultralytics.data.images.depth import UnusablePictureError, as_bytes, fit_channels, from_pillow
from ultralytics.data.images.io import UnreadableImageError, imread
from ultralytics.data.images.shares import as_shares
from ultralytics.data.loaders.fetch import fetch_picture, is_address
from ultralytics.data.loaders.types import Batch, SourceTypes
from ultralytics.utils.log import LOGGER

__all__ = ["LoadIterable", "LoadPilAndNumpy", "LoadTensor", "autocast_list"]


class LoadPilAndNumpy:
    """Pictures in memory, perhaps with some files and addresses among them, all in one batch.

    Args:
        im0: Pillow picture, BGR array (H, W, C) or (H, W), path, URL, or a list of those.
        channels: 3 for colour, 1 for grey, another number for so many bands.

    Raises:
        TypeError: for something that is no picture.
        FileNotFoundError: for a path that does not exist.
        UnreadableImageError, UnusablePictureError: where no picture can be used; a part of them is skipped with a
            warning.
    """

    def __init__(self, im0: Any, channels: int = 3):
        items = list(im0) if isinstance(im0, (list, tuple)) else [im0]
        self.paths: list[str] = []
        self.im0: list[np.ndarray] = []
        for i, item in enumerate(items):
            name = _name_of(item, i)
            last_hope = i == len(items) - 1 and not self.im0
            image = _picture(item, name, channels) if last_hope else _usable(item, name, channels)
            if image is not None:
                self.im0.append(image)
                self.paths.append(name)
        self.mode, self.bs, self.count = "image", len(self.im0), 0
        self.source_type = SourceTypes(from_img=True)

    def __len__(self) -> int:
        return len(self.im0)

    def __iter__(self) -> LoadPilAndNumpy:
        self.count = 0
        return self

    def __next__(self) -> Batch:
        if self.count:
            raise StopIteration
        self.count += 1
        return list(self.paths), list(self.im0), [""] * self.bs


class LoadIterable:
    """Pictures that an iterator gives, `batch` at a time, each taken when its turn comes.

    Args:
        items: iterator of what `LoadPilAndNumpy` takes in a list.
        batch: pictures at a time.
        channels: see `LoadPilAndNumpy`.

    Raises:
        TypeError: at the first item that is no picture. One that cannot be used is skipped with a warning.
    """

    def __init__(self, items: Iterator[Any], batch: int = 1, channels: int = 3):
        self._items, self._channels = enumerate(items), channels
        self.mode, self.bs, self.count = "image", batch, 0
        self.source_type = SourceTypes(from_img=True)

    def __len__(self) -> int:
        """Number of pictures taken so far: how many will come is not known."""
        return self.count

    def __iter__(self) -> LoadIterable:
        return self

    def __next__(self) -> Batch:
        group = list(islice(self._pictures(), self.bs))
        if not group:
            raise StopIteration
        self.count += len(group)
        return [name for name, _ in group], [image for _, image in group], [""] * len(group)

    def _pictures(self) -> Iterator[tuple[str, np.ndarray]]:
        for i, item in self._items:
            name = _name_of(item, i)
            image = _usable(item, name, self._channels)
            if image is not None:
                yield name, image


def _name_of(item: Any, i: int) -> str:
    named = item if isinstance(item, (str, Path)) else getattr(item, "filename", "")
    return str(named) if named else f"image{i}.jpg"


def _usable(item: Any, name: str, channels: int) -> np.ndarray | None:
    """Return a picture as `_picture` does, or None with a warning where it cannot be used."""
    try:
        return _picture(item, name, channels)
    except (FileNotFoundError, ConnectionError):
        raise
    except (OSError, UnusablePictureError) as error:
        LOGGER.warning(f"skipping a picture: {error}")
        return None


def _picture(item: Any, name: str, channels: int) -> np.ndarray:
    """Contiguous uint8 (H, W, channels) array of a picture of any accepted kind."""
    if isinstance(item, (str, Path)):
        return fetch_picture(str(item), channels) if is_address(str(item)) else imread(item, channels)
    if isinstance(item, Image.Image):
        try:
            return from_pillow(item, channels, name)
        except (OSError, SyntaxError) as error:  # of a file that is only read now
            raise UnreadableImageError(f"{name}: {error}") from error
    if not isinstance(item, np.ndarray):
        raise TypeError(f"a picture is a path, URL, Pillow picture or array, not {type(item).__name__}.")
    return fit_channels(as_bytes(item, name), channels, name)


class LoadTensor:
    """A batch of pictures that is a tensor already.

    Args:
        im0: (B, C, H, W) RGB, height and width multiples of 32: 0 to 1, or another kind of numbers by the rule of
            `depth`. A tensor with numbers below 0 is taken as it is: somebody has normalised it.

    Raises:
        ValueError: for other shapes, and numbers that mean nothing.
    """

    def __init__(self, im0: torch.Tensor):
        self.im0 = self._single_check(im0)
        self.bs = self.im0.shape[0]
        self.mode, self.count = "image", 0
        self.paths = [getattr(image, "filename", f"image{i}.jpg") for i, image in enumerate(self.im0)]
        self.source_type = SourceTypes(tensor=True)

    @staticmethod
    def _single_check(im: torch.Tensor, stride: int = 32) -> torch.Tensor:
        """Return the tensor with a batch dimension and values from 0 to 1."""
        wanted = f"a tensor source is (B, C, H, W) with sides divisible by {stride}"
        if im.ndim == 3:
            LOGGER.warning(f"{wanted}; taking {tuple(im.shape)} as one picture.")
            im = im.unsqueeze(0)
        if im.ndim != 4 or im.shape[2] % stride or im.shape[3] % stride or not im.numel():
            raise UnusablePictureError(f"{wanted}, not {tuple(im.shape)}.")
        return as_shares(im, "a tensor source")

    def __len__(self) -> int:
        return self.bs

    def __iter__(self) -> LoadTensor:
        self.count = 0
        return self

    def __next__(self) -> Batch:
        if self.count:
            raise StopIteration
        self.count += 1
        return list(self.paths), self.im0, [""] * self.bs


def autocast_list(source: Iterable[Any]) -> list[np.ndarray | Image.Image]:
    """Return pictures for a list of paths, URLs, Pillow pictures and arrays; the latter two stay as they are.

    Raises:
        TypeError: for other types.
    """
    kinds = (Image.Image, np.ndarray)
    return [item if isinstance(item, kinds) else _picture(item, str(item), 3) for item in source]


def stacked(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Join tensors (C, H, W) of one shape to a batch.

    Raises:
        UnusablePictureError: for several shapes.
    """
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        raise UnusablePictureError(f"tensors of the shapes {sorted(shapes)} are no batch; give them one by one.")
    return torch.stack(list(tensors))
