"""What descriptions of data sets say about maps: which number in a mask is which class, and what depth files hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ultralytics.cfg.errors import ConfigTypeError, ConfigValueError, shown

__all__ = ["IGNORED", "ClassIds", "add_polygon_background", "checked_map_keys"]

IGNORED = 255  # of a class map: the pixel counts for nothing
IGNORE_LABEL = "ignore_label"  # of a mapping: the same
BACKGROUND = "background"
MAX_ID = 65535  # in a mask file


@dataclass(frozen=True)
class ClassIds:
    """Which number in a mask file is which class.

    Attributes:
        nc: number of classes; of a single one, 0 is background and 1 the class.
        mapping: pairs of a number in the file and its class, 255 for pixels to ignore; other numbers stay as they are.
        shown: classes that are not ignored, or None for all.
    """

    nc: int
    mapping: tuple[tuple[int, int], ...] = ()
    shown: tuple[int, ...] | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any], source: str = "") -> ClassIds:
        """Read `nc` and `label_mapping` of a description.

        Raises:
            ConfigTypeError, ConfigValueError: naming the entry and what is allowed.
        """
        source = source or str(data.get("yaml_file", "the data set"))
        return cls(int(data.get("nc") or len(data["names"])), _mapping(data.get("label_mapping") or {}, source))

    @property
    def dtype(self) -> Any:
        """Type that holds all classes and 255."""
        return np.uint8 if self.nc <= IGNORED else np.uint16

    def keeping(self, classes: Iterable[int] | None) -> ClassIds:
        """Return the same, with the pixels of all but some classes ignored."""
        return replace(self, shown=None if classes is None else tuple(sorted({int(c) for c in classes})))

    @cached_property
    def classes(self) -> np.ndarray:
        """(65536,) the class of every number that a file may hold, or 255; numbers without a meaning stay."""
        table = np.arange(MAX_ID + 1, dtype=np.int32)
        for number, target in self.mapping:
            if 0 <= number <= MAX_ID:
                table[number] = target
        return table

    @cached_property
    def meaningless(self) -> np.ndarray:
        """(65536,) uint8, 1 for numbers that are neither a class nor to be ignored."""
        known = (self.classes < max(self.nc, 2)) | (self.classes == IGNORED)
        return (~known).astype(np.uint8)

    @cached_property
    def _table(self) -> np.ndarray:
        table = self.classes.copy()
        if self.shown is not None:
            table[~np.isin(table, self.shown)] = IGNORED
        return np.where(self.meaningless, IGNORED, table).astype(self.dtype)

    @cached_property
    def _numbers(self) -> np.ndarray:
        numbers = np.arange(MAX_ID + 1, dtype=np.int32)
        for number, target in self.mapping:
            if number >= 0:
                numbers[target] = number
        return numbers.astype(np.uint8 if numbers[: IGNORED + 1].max() <= IGNORED and self.nc <= IGNORED else np.uint16)

    def to_classes(self, numbers: np.ndarray) -> np.ndarray:
        """Return the classes (H, W) of the numbers in a file; what has no meaning is ignored."""
        if numbers.dtype == np.uint8:
            return cv2.LUT(numbers, self._table[: IGNORED + 1])
        return self._table[np.clip(numbers, 0, MAX_ID)]

    def to_numbers(self, classes: np.ndarray) -> np.ndarray:
        """Return the numbers (H, W) that stand for classes in a file; of several for one class, the last named."""
        return self._numbers[classes]


def _mapping(given: Any, source: str) -> tuple[tuple[int, int], ...]:
    if not isinstance(given, Mapping):
        raise ConfigTypeError(f"{source}: 'label_mapping' gives a class for numbers in masks, not {shown(given)}.")
    pairs = []
    for number, target in given.items():
        target = IGNORED if target is None or target == IGNORE_LABEL else target
        try:
            pair = int(number), int(target)
            whole = pair == (float(number), float(target)) and not isinstance(target, bool)
        except (TypeError, ValueError, OverflowError):
            whole = False
        if not whole or not 0 <= pair[1] <= MAX_ID:
            raise ConfigValueError(
                f"{source}: 'label_mapping' has {shown(number)}: {shown(target)}; give whole numbers, a class or "
                f"'{IGNORE_LABEL}' for a number in the masks."
            )
        pairs.append(pair)
    return tuple(pairs)


def add_polygon_background(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with the class `background`, if its class maps are drawn from polygons.

    Of several classes the background is one more, the last; a single class is told from 0. `bg_class_idx` says which
    it is, and that the description has it already. Where `masks_dir` names mask files nothing is added.
    """
    data = dict(data)
    if data.get("masks_dir") or data.get("bg_class_idx") is not None:
        return data
    names = data["names"]
    names = dict(names) if isinstance(names, Mapping) else dict(enumerate(names))
    if len(names) == 1:
        return {**data, "bg_class_idx": 0}
    background = len(names)
    return {**data, "names": {**names, background: BACKGROUND}, "nc": background + 1, "bg_class_idx": background}


def checked_map_keys(data: Mapping[str, Any], file: str | Path) -> None:
    """Check what a description says about masks and depth.

    Raises:
        ConfigTypeError, ConfigValueError: naming the key and what is allowed.
    """
    folder = data.get("masks_dir")
    if folder is not None and (not isinstance(folder, str) or not folder.strip() or "\0" in folder):
        raise ConfigTypeError(f"{file}: 'masks_dir' is the folder beside 'images', such as masks, not {shown(folder)}.")
    for key in ("depth_scale", "max_depth"):
        value = data.get(key, 1)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value <= 0:
            raise ConfigValueError(f"{file}: '{key}' must be a number above 0, not {shown(value)}.")
    _mapping(data.get("label_mapping") or {}, str(file))
