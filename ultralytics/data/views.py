"""What scripts and subclasses expect to find on a data set: its lists of pictures, files and indices.

Nothing of it is kept for our own use. Each attribute is a list that shows what the data set holds elsewhere, and from
its first change (or when it is replaced) a list that counts: a picture put into `dataset.ims[7]` is the one that
`load_image(7)` returns, and the disk cache uses the paths in `dataset.npy_files`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.data.labels.lists import FileList, LabelList, LateList, WatchedList
from ultralytics.data.labels.table import PackedLabels, PackedStrings

__all__ = ["DatasetViews"]


class DatasetViews:
    """Public attributes of a data set, made from `_labels`, `_held_image` and `_recent`."""

    _labels: LabelList
    _image_files: FileList | None = None  # where it differs from what the labels say

    def _recent(self) -> list[int]:
        """Return the indices of the images decoded last."""
        raise NotImplementedError(f"{type(self).__name__} must define _recent().")

    def _held_image(self, i: int) -> tuple[np.ndarray, tuple[int, int]] | None:
        """Return an image that is held in memory, scaled, with its original size (height, width)."""
        raise NotImplementedError(f"{type(self).__name__} must define _held_image().")

    # Labels and files

    @property
    def packed(self) -> PackedLabels:
        """The labels' arrays."""
        return self._labels.packed

    @property
    def labels(self) -> LabelList:
        """The labels: a list of dictionaries, one per image."""
        return self._labels

    @labels.setter
    def labels(self, value: Sequence[dict[str, Any]]) -> None:
        self._labels, self._image_files = LabelList.of(value), None
        for name in ("_number", "_lists"):
            self.__dict__.pop(name, None)

    @property
    def im_files(self) -> FileList:
        """The image files: a list of paths."""
        if self._image_files is None:
            self._image_files = FileList(self._labels.files)
        return self._image_files

    @im_files.setter
    def im_files(self, value: Sequence[str]) -> None:
        packed = value.packed() if isinstance(value, FileList) else PackedStrings(map(os.fspath, value))
        self._image_files = FileList(packed)

    @property
    def ni(self) -> int:
        """Number of images."""
        return self.__dict__.get("_number", len(self._labels))

    @ni.setter
    def ni(self, value: int) -> None:
        self._number = value

    # Lists

    def _list(self, name: str, make: Callable[[int], Any]) -> list:
        lists = self.__dict__.setdefault("_lists", {})
        if name not in lists:
            lists[name] = LateList(self.ni, make)
        return lists[name]

    def _set_list(self, name: str, value: Sequence[Any]) -> None:
        self.__dict__.setdefault("_lists", {})[name] = value if isinstance(value, list) else list(value)

    def _own_list(self, name: str) -> list | None:
        """The list that somebody has changed or put there, if any."""
        found = self.__dict__.get("_lists", {}).get(name)
        return None if isinstance(found, LateList) and not found.held else found

    def _held(self, i: int, part: int) -> Any:
        found = self._held_image(i)
        return None if found is None else (found[0], found[1], found[0].shape[:2])[part]

    @property
    def ims(self) -> list[np.ndarray | None]:
        """Images that are held in memory, (H, W, C) uint8 BGR; None for others."""
        return self._list("ims", lambda i: self._held(i, 0))

    @ims.setter
    def ims(self, value: Sequence[np.ndarray | None]) -> None:
        self._set_list("ims", value)

    @property
    def im_hw0(self) -> list[tuple[int, int] | None]:
        """Original sizes (height, width) of the images held."""
        return self._list("im_hw0", lambda i: self._held(i, 1))

    @im_hw0.setter
    def im_hw0(self, value: Sequence[tuple[int, int] | None]) -> None:
        self._set_list("im_hw0", value)

    @property
    def im_hw(self) -> list[tuple[int, int] | None]:
        """Sizes (height, width) of the images held."""
        return self._list("im_hw", lambda i: self._held(i, 2))

    @im_hw.setter
    def im_hw(self, value: Sequence[tuple[int, int] | None]) -> None:
        self._set_list("im_hw", value)

    @property
    def npy_files(self) -> list[Path]:
        """Where the disk cache has the array of every image."""
        return self._list("npy_files", lambda i: Path(self.im_files[i]).with_suffix(".npy"))

    @npy_files.setter
    def npy_files(self, value: Sequence[Path]) -> None:
        self._set_list("npy_files", value)

    @property
    def buffer(self) -> list[int]:
        """Indices of the images decoded last, the next one to be forgotten first."""
        own = self._own_list("buffer")
        return WatchedList(self._recent(), partial(self._set_list, "buffer")) if own is None else own

    @buffer.setter
    def buffer(self, value: Sequence[int]) -> None:
        self._set_list("buffer", value)

    @property
    def indices(self) -> Sequence[int]:
        """Numbers of all images. The order of an epoch comes from the sampler, not from here."""
        return range(self.ni)

    def __getstate__(self) -> dict[str, Any]:
        """Leave lists that only show something out of copies and other processes."""
        kept = {name: found for name in self.__dict__.get("_lists", {}) if (found := self._own_list(name)) is not None}
        return {**self.__dict__, "_lists": kept}
