"""`ShardedClasses`: a `ClassificationDataset` whose pictures lie in shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.data.classify import ClassificationDataset
from ultralytics.data.describe.class_folders import Listing
from ultralytics.data.images.io import read_bytes
from ultralytics.data.labels.cache import ScanResult
from ultralytics.data.labels.table import PackedLabels
from ultralytics.data.samplers import SampleRef
from ultralytics.data.shards.source import ShardSource, row_of
from ultralytics.utils.log import LOGGER

__all__ = ["ShardedClasses", "class_kind"]


class ShardedClasses(ClassificationDataset):
    """Pictures of classes in shards.

    Args:
        root: the set and the split: `path/to/set/train`.
        args: positional arguments of `ClassificationDataset`.
        kwargs: further ones.
    """

    def _list(self, root: str | Path) -> Listing:
        self.source = ShardSource(root)
        labels, names = self.source.labels, self.source.set.facts["names"]
        listed = names.values() if isinstance(names, Mapping) else names
        return Listing(tuple(map(str, listed)), tuple(labels.files), tuple(labels.classes.tolist()), (), ())

    def _scan(self, files: Sequence[str], classes: Sequence[int], whole: bool) -> PackedLabels:
        """Return the labels that lie beside the shards."""
        labels = self.source.labels.take_images([row_of(file) for file in files])
        labels = replace(labels, cls=np.asarray(classes, np.float32))
        counts = {"found": len(labels), "missing": 0, "empty": 0, "corrupt": 0, "total": len(labels)}
        LOGGER.info(f"{self.prefix}{self.root}... {len(labels)} images in {len(self.source.index.shards)} shards")
        self._check(ScanResult(labels, counts, []))
        return labels

    def epoch_order(self, rng: np.random.Generator) -> np.ndarray:
        """Return the order of a shuffled epoch, (n,)."""
        return self.source.epoch_order(self.packed.files, rng)

    def __getitem__(self, index: int | SampleRef) -> dict[str, Any]:
        """Return one sample; the next picture stands in for a damaged one."""
        return self.source.skipping(super().__getitem__, index, len(self), self.prefix)

    def _read(self, file: str, reduce: int = 1) -> np.ndarray:
        return read_bytes(self.source.read(file), file, self.channels, reduce)

    def _open_cache(self, cache: Any) -> None:
        if str(cache).lower() == "disk":
            LOGGER.warning(f"{self.prefix}cache='disk' is not for shards: they are read as they are.")
            cache = False
        super()._open_cache(cache)


def class_kind(data: Mapping[str, Any], usual: type[ClassificationDataset]) -> type[ClassificationDataset]:
    """Return the class of data sets that `check_cls_dataset` has described.

    Args:
        data: the description.
        usual: the class for folders.
    """
    return ShardedClasses if data.get("shards") else usual
