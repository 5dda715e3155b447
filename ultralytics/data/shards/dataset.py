"""`ShardedDataset`: a `YOLODataset` whose pictures lie in shards and whose labels come with them.

Samples, augmentation, loaders and resumption are those of every data set; only where bytes come from differs, and the
order of an epoch, which goes through the shards in windows so that few of them are needed at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.data.dataset import YOLODataset
from ultralytics.data.images.io import read_bytes
from ultralytics.data.labels.lists import LabelList
from ultralytics.data.samplers import SampleRef, spread_fraction
from ultralytics.data.shards.source import ShardSource
from ultralytics.utils.log import LOGGER

__all__ = ["ShardedDataset"]


class ShardedDataset(YOLODataset):
    """Images and YOLO labels in shards, for detection, segmentation, pose estimation or oriented boxes.

    Args:
        img_path: the set and the split: `path/to/set/train`.
        kwargs: those of `YOLODataset`.
    """

    def get_img_files(self, img_path: str | Sequence[str]) -> list[str]:
        """Open the split and return the names of its pictures, thinned out by `fraction`."""
        self.source = ShardSource(img_path)
        self._kept = np.arange(len(self.source.labels))
        if self.fraction != 1:
            seed = getattr(self.hyp, "seed", 0) or 0
            self._kept = spread_fraction(len(self._kept), self.fraction, seed=seed)
        return list(self.source.labels.files.take(self._kept))

    def get_labels(self) -> LabelList:
        """Return the labels that lie beside the shards."""
        packed = self.source.labels.take_images(self._kept)
        images, backgrounds = len(packed), int((np.diff(packed.offsets) == 0).sum())
        self.counts = {"found": images, "missing": 0, "empty": backgrounds, "corrupt": 0, "total": images}
        shards = len(self.source.index.shards)
        LOGGER.info(f"{self.prefix}{self.img_path}... {images} images, {backgrounds} backgrounds in {shards} shards")
        self._check_classes(int(packed.cls.max(initial=-1)))
        labels = LabelList(packed)
        self.verify_labels(labels, Path(str(self.img_path)))
        return labels if self.keeps_polygons else labels.without_polygons()

    def _check_classes(self, highest: int) -> None:
        rules = self.rules()
        if highest >= rules.nc and not self.single_cls:
            raise ValueError(f"{self.img_path} has labels of class {highest}, but there are {rules.nc} classes.")

    def epoch_order(self, rng: np.random.Generator) -> np.ndarray:
        """Return the order of a shuffled epoch, (n,)."""
        return self.source.epoch_order(self.packed.files, rng)

    def get_image_and_label(self, index: int | SampleRef) -> dict[str, Any]:
        """Return image and labels of one image; the next image stands in for a damaged one."""
        return self.source.skipping(super().get_image_and_label, index, len(self), self.prefix)

    def _picture(self, i: int) -> np.ndarray:
        file = self._file(i)
        return read_bytes(self.source.read(file), file, self.channels)

    def _content_key(self) -> str:
        return f"{super()._content_key()} {self.source.index.digest}"

    def check_cache_disk(self, safety_margin: float = 0.1) -> bool:
        """Say that pictures of shards are not unpacked to the disk."""
        LOGGER.warning(f"{self.prefix}cache='disk' is not for shards: they are read as they are.")
        return False
