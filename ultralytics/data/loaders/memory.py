"""Pictures in memory: arrays, Pillow pictures, tensors, and files or URLs that are read at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import requests
import torch
from PIL import Image, ImageOps

from ultralytics.data.images.io import UnreadableImageError, decode_image, imread
from ultralytics.data.loaders.types import Batch, SourceTypes
from ultralytics.utils.downloads import refuse_offline, url2file
from ultralytics.utils.log import LOGGER

__all__ = ["LoadPilAndNumpy", "LoadTensor", "autocast_list"]

HTTP_TIMEOUT = 20


class LoadPilAndNumpy:
    """Pictures in memory, or few files and URLs, all in one batch.

    Args:
        im0: Pillow picture, BGR array (H, W, C) or (H, W), path, URL, or a list of those.
        channels: 3 for colour, 1 for grey.

    Raises:
        TypeError, ValueError: for something that is no picture.
        FileNotFoundError: for a path that does not exist.
        UnreadableImageError: where no picture can be read; a part of them is skipped with a warning.
    """

    def __init__(self, im0: Any, channels: int = 3):
        items = list(im0) if isinstance(im0, (list, tuple)) else [im0]
        self.paths: list[str] = []
        self.im0: list[np.ndarray] = []
        for i, item in enumerate(items):
            self._add(item, _name_of(item, i), channels, last=i == len(items) - 1)
        self.mode, self.bs, self.count = "image", len(self.im0), 0
        self.source_type = SourceTypes(from_img=True)

    def _add(self, item: Any, name: str, channels: int, last: bool) -> None:
        """Take one picture. A damaged file is skipped, unless nothing at all would be left."""
        try:
            self.im0.append(_as_bgr(item, channels))
        except UnreadableImageError as error:
            if last and not self.im0:
                raise
            LOGGER.warning(f"skipping a picture: {error}")
        else:
            self.paths.append(name)

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


def _name_of(item: Any, i: int) -> str:
    named = item if isinstance(item, (str, Path)) else getattr(item, "filename", "")
    return str(named) if named else f"image{i}.jpg"


def _as_bgr(item: Any, channels: int) -> np.ndarray:
    """Contiguous uint8 (H, W, channels) array of a picture of any accepted kind."""
    if isinstance(item, (str, Path)):
        return _read_named(str(item), channels)
    if isinstance(item, Image.Image):
        upright = ImageOps.exif_transpose(item)
        array = np.asarray(upright.convert("L" if channels == 1 else "RGB"))
        return array[..., None] if channels == 1 else np.ascontiguousarray(array[..., ::-1])
    if not isinstance(item, np.ndarray):
        raise TypeError(f"a picture is a path, URL, Pillow picture or array, not {type(item).__name__}.")
    array = item[..., None] if item.ndim == 2 else item
    if array.ndim != 3 or array.size == 0 or array.shape[2] not in {1, 3, 4}:
        raise ValueError(f"a picture array is (height, width, 3) BGR, not {item.shape}.")
    if array.shape[2] != channels:
        if channels == 1:
            array = cv2.cvtColor(array[..., :3], cv2.COLOR_BGR2GRAY)[..., None]
        else:
            array = array[..., :3] if array.shape[2] == 4 else np.repeat(array, 3, axis=2)
    return np.ascontiguousarray(array)


def _read_named(name: str, channels: int) -> np.ndarray:
    if not name.lower().startswith(("http://", "https://")):
        return imread(name, channels)
    refuse_offline(name)
    answer = requests.get(name, timeout=HTTP_TIMEOUT)
    if not answer.ok:
        raise FileNotFoundError(f"{name}: the server answered {answer.status_code}.")
    image = decode_image(answer.content, channels)
    if image is None:
        raise UnreadableImageError(f"{name}: '{url2file(name)}' is not a picture.")
    return image


class LoadTensor:
    """A batch of pictures that is a tensor already.

    Args:
        im0: (B, C, H, W) RGB, 0 to 1, height and width multiples of 32.

    Raises:
        ValueError: for other shapes.
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
        if im.ndim != 4 or im.shape[2] % stride or im.shape[3] % stride:
            raise ValueError(f"{wanted}, not {tuple(im.shape)}.")
        highest = im.max().item() if im.numel() else 0.0
        if highest > 1.0 + torch.finfo(torch.float32).eps:
            LOGGER.warning(f"values of a tensor source are 0 to 1, but the highest is {highest:g}; dividing by 255.")
            im = im.float() / 255.0
        return im

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


def autocast_list(source: Sequence[Any]) -> list[np.ndarray | Image.Image]:
    """Return pictures for a list of paths, URLs, Pillow pictures and arrays; the latter two stay as they are.

    Raises:
        TypeError: for other types.
    """
    kinds = (Image.Image, np.ndarray)
    return [item if isinstance(item, kinds) else _as_bgr(item, 3) for item in source]
