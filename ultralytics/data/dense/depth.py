"""The data set of depth estimation: pictures with the distance of every pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ultralytics.data.augment import Compose, DepthFormat
from ultralytics.data.dataset import MIXING
from ultralytics.data.dense.base import MapDataset
from ultralytics.data.images.maps import DEPTH_PNG_SCALE, check_depth_scale, metres, read_depth_numbers
from ultralytics.data.labels.lists import LabelList
from ultralytics.data.labels.maps import DEPTH_SUFFIXES, find_map, scan_depth, verify_image_depth
from ultralytics.data.labels.verify import ScanRow
from ultralytics.utils.overrides import bypassed, in_use

__all__ = ["DepthDataset", "depth_class"]

FOLDER = "depth"
MAX_MAPS, MAX_PIXELS = 1000, 10_000  # of which depths are collected, and of each


def depth_class(data: Mapping[str, Any]) -> type[DepthDataset]:
    """Return the data set class, or what a user has put in its place."""
    return in_use(DepthDataset, "ultralytics.data.build", "ultralytics.data.dataset", "ultralytics.data")


class DepthDataset(MapDataset):
    """Pictures with depth files in a folder `depth` beside `images`: grey PNG of 16 bits, or arrays of metres.

    In training pictures keep their shape, in validation they are stretched to squares. Samples have the key `depth`,
    metres, 0 where the depth is not known. Augmentation that puts several pictures together is off.

    Args:
        args, kwargs: those of `YOLODataset`.
        data: what `check_det_dataset` returned; `depth_scale` is what the numbers of a PNG are divided by.

    Raises:
        ValueError: for an impossible `depth_scale`, or where no image is usable.
    """

    target = "depth"
    what = "depth"
    tasks = ("depth",)
    format_class = DepthFormat
    map_dtype = np.float32

    def __init__(self, *args: Any, data: Mapping[str, Any], task: str = "depth", **kwargs: Any) -> None:
        self.depth_scale = check_depth_scale(data.get("depth_scale", DEPTH_PNG_SCALE))
        super().__init__(*args, data=data, task=task, **kwargs)

    @property
    def stretched(self) -> bool:
        """Whether pictures are stretched to squares."""
        return not self.augment

    def get_labels(self) -> LabelList:
        """Return the labels of all usable images, which have no objects."""
        self.rect = self.rect and not self.stretched  # squares leave nothing for it to do
        return super().get_labels()

    def buffer_capacity(self, workers: int = 0) -> int:
        """Return how many decoded images a process keeps: all or none, as without partners few would be met again."""
        most = super().buffer_capacity(workers)
        return most if most >= self.ni else 0

    def get_label_files(self) -> list[str]:
        """Return the depth file of every image."""
        return [find_map(image, FOLDER, DEPTH_SUFFIXES) for image in self.im_files]

    def map_file(self, i: int) -> str:
        """Return the depth file of image `i`."""
        return find_map(self._file(i), FOLDER, DEPTH_SUFFIXES)

    def rules(self) -> Any:
        """What the check of a depth file depends on beside the files."""
        return "depth", self.depth_scale, self.channels

    def check_pair(self, image: str, file: str) -> ScanRow:
        """Check an image with its depth file."""
        return scan_depth(image, file, self.depth_scale, self.channels)

    @bypassed
    def verify_args(self) -> tuple[Callable[[Any], Any], Iterable[Any]]:
        """Return the function that checks an image with its depth file, and what it is given, image by image."""
        pairs = zip(self.im_files, self.label_files, strict=True)
        return verify_image_depth, ((*pair, self.prefix, self.depth_scale) for pair in pairs)

    @bypassed
    def result_to_label(self, result: Sequence[Any]) -> tuple[dict[str, Any] | None, int, int, int, int, str]:
        """Make labels of what `verify_image_depth` returned; see `YOLODataset.result_to_label`."""
        file, size_hw, found, missing, corrupt, message = result
        label = None
        if file:
            label = {"im_file": file, "shape": size_hw, "cls": np.zeros((0, 1), np.float32), "segments": []}
            label |= {"bboxes": np.zeros((0, 4), np.float32), "normalized": True, "bbox_format": "xywh"}
        return label, missing, found, 0, corrupt, message

    def update_labels(self, include_class: Sequence[int] | None) -> None:
        """Do nothing: depth has no classes."""

    def read_numbers(self, file: str) -> np.ndarray:
        """Read the numbers of a depth file."""
        return read_depth_numbers(file)

    def to_values(self, numbers: np.ndarray) -> np.ndarray:
        """Return the metres that numbers of depth files stand for."""
        return metres(numbers, self.depth_scale)

    @bypassed
    def build_transforms(self, hyp: Any = None) -> Compose:
        """Return the transforms of training without those that put pictures together, or those of validation."""
        if not self.augment:
            return super().build_transforms(hyp)
        return super().build_transforms(type(hyp)(**{**vars(hyp), **dict.fromkeys(MIXING, 0.0)}))

    def known_depths(self, limit: int = MAX_MAPS, pixels: int = MAX_PIXELS) -> np.ndarray:
        """Return depths in metres (n,) float32 of pixels where it is known, spread evenly.

        Args:
            limit: files to read at most.
            pixels: depths to take of each at most.
        """

        def spread(depth: np.ndarray) -> np.ndarray:
            known = depth[depth > 0]
            return known[:: max(1, -(-len(known) // pixels))]

        return np.concatenate(list(self.each_map(limit, spread)), dtype=np.float32)
