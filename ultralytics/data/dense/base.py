"""`MapDataset`: pictures with a map each, which is read, scaled, cached and shared between processes like the pictures.

A map is scaled by nearest pixels to the size that its picture is scaled to. `cache=ram` holds maps in a block of shared
memory at that size, `cache=disk` the decoded numbers of a file beside it (`a.png` -> `a.map.npy`); without a cache the
maps of the images decoded last stay in memory as long as the images do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from ultralytics.data.dataset import YOLODataset
from ultralytics.data.images.buffer import ImageBuffer
from ultralytics.data.images.cache import DiskImages, RamImages, disk_has_room, fill, in_memory, ram_has_room
from ultralytics.data.images.formats import is_array
from ultralytics.data.labels.cache import ScanResult
from ultralytics.data.labels.instances import Instances
from ultralytics.data.labels.lists import LabelList
from ultralytics.data.labels.scan import scan_each
from ultralytics.data.labels.verify import ScanRow
from ultralytics.data.samplers import SampleRef
from ultralytics.utils import env
from ultralytics.utils.overrides import changed

__all__ = ["MapDataset", "resized_map"]

STORED_KINDS = frozenset({"uint8", "uint16", "int32"})  # numbers as mask and depth files hold them
NO_OBJECTS = np.zeros((0, 1), np.float32)


def resized_map(values: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Scale a map (H, W) by taking the pixel under the middle of each new one."""
    if values.shape == tuple(size_hw):
        return values
    return cv2.resize(values, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


class MapDataset(YOLODataset):
    """Base of data sets with a map for every picture.

    A subclass says where maps come from (`get_label_files`, `check_pair`, `read_numbers`), and what their numbers mean
    (`to_values`).

    Args:
        args, kwargs: those of `YOLODataset`.

    Attributes:
        target: key of the map in samples.
        map_dtype: type of the map's values.
        map_ram: block of shared memory with all maps, or None.
    """

    target: ClassVar[str]
    what: ClassVar[str]  # in messages
    map_dtype: Any = np.uint8

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.map_ram: RamImages | None = None
        self.map_disk: DiskImages | None = None
        self._maps = ImageBuffer(0)
        super().__init__(*args, **kwargs)
        self._maps = ImageBuffer(self._buffer.capacity)

    # What subclasses define

    def map_file(self, i: int) -> str:
        """Return the file that the map of image `i` comes from."""
        raise NotImplementedError(f"{type(self).__name__} must define map_file().")

    def check_pair(self, image: str, file: str) -> ScanRow:
        """Check an image with the file of its map."""
        raise NotImplementedError(f"{type(self).__name__} must define check_pair().")

    def read_numbers(self, file: str) -> np.ndarray:
        """Read a file's numbers (H, W) as they are."""
        raise NotImplementedError(f"{type(self).__name__} must define read_numbers().")

    def to_values(self, numbers: np.ndarray) -> np.ndarray:
        """Return what numbers (H, W) of files mean, of type `map_dtype`."""
        raise NotImplementedError(f"{type(self).__name__} must define to_values().")

    # Scan

    def scan_files(self, text: str) -> ScanResult:
        """Check every image with the file of its map.

        Args:
            text: of the progress bar.
        """
        images, files = self.im_files, self.label_files
        return scan_each(images, lambda i: self.check_pair(images[i], files[i]), text, self._summarize)

    def scan_summary(self, nf: int, nm: int, ne: int, nc: int) -> str:
        """Say what a scan has found so far.

        Args:
            nf: usable images.
            nm: images without a map.
            ne: not used: a map is never empty.
            nc: images left out.
        """
        return f"{nf} images, {nm} missing {self.what}, {nc} corrupt"

    def verify_labels(self, labels: LabelList, cache_path: Path) -> None:
        """Refuse a data set of which nothing is usable.

        Raises:
            ValueError: saying what is wrong with the first images.
        """
        if not len(labels):
            shown = "; ".join(map(str, self.findings[:3]))
            total = self.counts["total"]
            raise ValueError(f"{self.prefix}none of {total} images in {self.img_path} is usable: {shown}")

    # Maps

    def load_map(self, i: int, size_hw: tuple[int, int] | None = None) -> np.ndarray:
        """Return the map (h, w) of image `i`.

        Args:
            i: image.
            size_hw: wanted height and width; the file's own when None.
        """
        numbers = self._decode_numbers(i)
        return self.to_values(numbers if size_hw is None else resized_map(numbers, size_hw))

    def _decode_numbers(self, i: int) -> np.ndarray:
        file = self.map_file(i)
        stored = None if self.map_disk is None else self.map_disk.load(file, _stored_path(file))
        return self.read_numbers(file) if stored is None else stored[..., 0]

    def _map_beside(self, i: int, size_hw: tuple[int, int]) -> np.ndarray:
        """Return the map of image `i` at the size of its loaded picture, from memory where it is there."""
        if self.map_ram is not None:
            held = self.map_ram[i][..., 0]
        else:
            found = self._maps.get(i) if self._maps.capacity else None
            held = None if found is None else found[0]
        if held is None or held.shape != size_hw:
            held = self.load_map(i, size_hw)
            held.flags.writeable = False
            self._maps.put(i, held, size_hw)
        return held

    def get_image_and_label(self, index: int | SampleRef) -> dict[str, Any]:
        """Return image and map of one image before any transform; keys as in `BaseDataset`, and the map (h, w)."""
        label = super().get_image_and_label(index)
        return {**label, self.target: self._map_beside(range(len(self))[int(index)], label["resized_shape"])}

    def update_labels_info(self, label: dict[str, Any]) -> dict[str, Any]:
        """Leave objects out: the map says all."""
        objects = {"bboxes", "segments", "keypoints", "bbox_format", "normalized"}
        kept = {key: value for key, value in label.items() if key not in objects}
        return {**kept, "cls": NO_OBJECTS, "instances": Instances(np.zeros((0, 4), np.float32))}

    # Caches

    def prepare_worker(self, workers: int) -> None:
        """Give one of `workers` loader processes buffers of its own."""
        super().prepare_worker(workers)
        self._maps = ImageBuffer(self._buffer.capacity)

    def _map_shapes(self) -> np.ndarray:
        return np.column_stack([self._cached_shapes()[:, :2], np.ones(len(self), np.int64)])

    def check_cache_ram(self, safety_margin: float = 1.0) -> bool:
        """Whether all scaled images and maps fit into the available memory, with a margin of that share."""
        pixels = int(self._map_shapes().prod(1).sum())
        need = pixels * (self.channels + np.dtype(self.map_dtype).itemsize)
        return ram_has_room(need, safety_margin, self.prefix)

    def check_cache_disk(self, safety_margin: float = 0.1) -> bool:
        """Whether all images and maps in full size fit onto the disks they lie on, and their folders can be written."""
        need = int(self.packed.shapes.astype(np.int64).prod(1).sum()) * np.dtype(self.map_dtype).itemsize
        beside = disk_has_room(Path(self.map_file(0)).parent, need, safety_margin, self.prefix)
        return beside and super().check_cache_disk(safety_margin)

    def cache_images(self) -> None:
        """Fill the cache of the kind `self.cache` with images and maps."""
        super().cache_images()
        if self.cache == "disk":
            self.map_disk = DiskImages(kinds=STORED_KINDS)
            fill(self._store_map, self.ni, f"{self.prefix}Caching {self.what} (disk)")

    def _store_map(self, i: int) -> int:
        """Write the numbers of a map's file unless they are there or are an array anyway; return their bytes."""
        file = self.map_file(i)
        if not self._stores(file):
            return 0
        present = self.map_disk.load(file, _stored_path(file))
        if present is not None:
            return present.nbytes
        return self.map_disk.store(file, self.read_numbers(file)[..., None], _stored_path(file))

    def _stores(self, file: str) -> bool:
        return not is_array(file) and not changed(self, "cache_images_to_disk")

    def _fill_ram(self) -> None:
        super()._fill_ram()
        if self.ram is not None:
            shapes, key = self._map_shapes(), self._map_key()
            sizes = shapes[:, :2].tolist()
            self.map_ram = in_memory(
                shapes,
                key,
                lambda i: self.load_map(i, tuple(sizes[i]))[..., None],
                self.prefix,
                self.map_dtype,
                self.what,
            )

    def _map_key(self) -> str:
        """Text that stands for the values of all scaled maps."""
        return f"{self.target} {self._content_key()} {self.get_cache_hash()}"

    # Statistics

    def each_map(self, limit: int, reduce: Callable[[np.ndarray], Any]) -> Iterator[Any]:
        """Yield `reduce(map)` of at most `limit` maps in full size, spread evenly over all; made in threads."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(limit, len(self))).astype(int))
        with ThreadPoolExecutor(env.num_threads()) as pool:
            yield from pool.map(lambda i: reduce(self.load_map(int(i))), chosen)


def _stored_path(file: str) -> str:
    """Where the disk cache has the numbers of a map's file. No image is called so, and no depth file of one."""
    return os.path.splitext(file)[0] + ".map.npy"
