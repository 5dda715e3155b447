"""One split of a set as data sets use it: labels with paths, bytes by path, the order of an epoch, damaged pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ultralytics.data.images.io import UnreadableImageError
from ultralytics.data.labels.table import PackedLabels, PackedStrings
from ultralytics.data.samplers import SampleRef
from ultralytics.data.shards.read import DamagedSampleError, ShardReader, ShardSet
from ultralytics.utils.log import LOGGER

__all__ = ["ShardSource", "row_of", "shuffled_in_windows"]

WINDOW = 16  # shards that an epoch reads from at a time
MOST_SKIPPED = 100  # damaged pictures one after another before it is an error
Sample = TypeVar("Sample")


def row_of(file: str) -> int:
    """Return the row of a picture in the index, which its path says: `<set>/<shard>/<row>/<name>`."""
    return int(Path(file).parent.name)


def shuffled_in_windows(shards: np.ndarray, rng: np.random.Generator, window: int = WINDOW) -> np.ndarray:
    """Order pictures at random such that few shards are needed at a time.

    The shards are shuffled and cut into windows; the pictures of a window are shuffled. With up to `window` shards this
    is any order.

    Args:
        shards: (n,) shard of every picture.
        rng: what to draw from.
        window: shards in a window.

    Returns:
        (n,) indices.
    """
    kinds, numbers = np.unique(shards, return_inverse=True)
    turn = rng.permutation(len(kinds)) // window
    random = rng.permutation(len(shards))
    return random[np.argsort(turn[numbers][random], kind="stable")]


class ShardSource:
    """One split of a set of shards.

    Args:
        path: the set and the split: `path/to/set/train`, or an address of that form.

    Attributes:
        where: the set.
        set, index, reader: what it consists of.
        labels: labels of all pictures; the files are `<set>/<shard>/<row>/<name>`.
    """

    def __init__(self, path: Any) -> None:
        self.where, _, split = str(path).rpartition("/")
        self.set = ShardSet(self.where)
        self.index = self.set.index(split)
        self.reader = ShardReader(self.set, self.index)
        parts = {field.name: getattr(self.index.labels, field.name) for field in fields(PackedLabels)}
        files = parts.pop("files")
        files = PackedStrings.from_parts(f"{self.where}/{files.prefix}", files.blob, files.ends)
        self.labels = PackedLabels(files, **parts)
        self._told: set[str] = set()
        self._shards: tuple[Sequence[str], np.ndarray] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave what can be found out again behind."""
        return {**self.__dict__, "_shards": None}

    def read(self, file: str) -> bytes:
        """Return the bytes of a picture file, see `ShardReader.read`."""
        return self.reader.read(row_of(file))

    def epoch_order(self, files: Sequence[str], rng: np.random.Generator) -> np.ndarray:
        """Return the order (n,) in which an epoch takes these pictures."""
        if self._shards is None or self._shards[0] is not files:
            rows = np.fromiter(map(row_of, files), np.int64, len(files))
            self._shards = files, self.index.places.shard[rows]
        return shuffled_in_windows(self._shards[1], rng)

    def skipping(self, make: Callable[[Any], Sample], index: int | SampleRef, n: int, prefix: str) -> Sample:
        """Return a sample, and where its picture is damaged that of the next one.

        Args:
            make: makes the sample of an index.
            index: which one is wanted.
            n: number of pictures.
            prefix: start of log lines.

        Raises:
            DamagedSampleError: where so many are damaged one after another that something else is wrong.
        """
        for _ in range(MOST_SKIPPED):
            try:
                return make(index)
            except (DamagedSampleError, UnreadableImageError) as error:
                if str(error) not in self._told:
                    self._told.add(str(error))
                    LOGGER.warning(f"{prefix}{error}; the next picture stands in for it")
                following = (int(index) + 1) % n
                index = index.at(following) if isinstance(index, SampleRef) else following
        raise DamagedSampleError(f"'{self.where}': {MOST_SKIPPED} pictures one after another are damaged.")
