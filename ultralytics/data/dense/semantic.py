"""Data sets of semantic segmentation: class maps from mask files, or drawn from the polygons of YOLO label files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ultralytics.data.augment import SemanticFormat
from ultralytics.data.augment.masks import paint_by_size
from ultralytics.data.dataset import YOLODataset, text_of_missing_polygons
from ultralytics.data.dense.base import MapDataset
from ultralytics.data.describe.locate import img2label_paths
from ultralytics.data.describe.maps import IGNORED, ClassIds, add_polygon_background
from ultralytics.data.images.maps import read_class_map
from ultralytics.data.labels.lists import LabelList
from ultralytics.data.labels.maps import MASK_SUFFIXES, find_map, scan_mask, verify_image_mask
from ultralytics.data.labels.verify import LabelRules, ScanRow
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.overrides import bypassed, in_use

__all__ = ["PolygonSemanticDataset", "SemanticDataset", "semantic_class"]

MAX_COUNTED = 1000  # masks whose pixels are counted


def semantic_class(data: Mapping[str, Any]) -> type[SemanticDataset]:
    """Return the data set class that a description asks for: mask files with `masks_dir`, polygons without."""
    kind = SemanticDataset if data.get("masks_dir") else PolygonSemanticDataset
    return in_use(kind, "ultralytics.data.build", "ultralytics.data.dataset", "ultralytics.data")


class SemanticDataset(MapDataset):
    """Pictures with mask files, in the folder that `masks_dir` names beside `images`.

    In training the short side of pictures is scaled to `imgsz`, in validation the long side. Pixels of 255 count for
    nothing. Samples have the key `semantic_mask`.

    Args:
        args, kwargs: those of `YOLODataset`.
        data: what `check_det_dataset` returned: `nc`, `names`, `masks_dir`, and perhaps `label_mapping`.

    Raises:
        ValueError: where no image is usable.
        NotImplementedError: for `single_cls`.
    """

    target = "semantic_mask"
    what = "masks"
    tasks = ("semantic",)
    format_class = SemanticFormat

    def __init__(self, *args: Any, data: Mapping[str, Any], task: str = "semantic", **kwargs: Any) -> None:
        self.ids = ClassIds.from_data(data)
        self.map_dtype = self.ids.dtype
        super().__init__(*args, data=data, task=task, **kwargs)

    @property
    def short_side(self) -> bool:
        """Whether the short side of pictures is scaled to `imgsz`."""
        return self.augment

    def get_labels(self) -> LabelList:
        """Return the labels of all usable images, which have no objects.

        Raises:
            NotImplementedError: for `single_cls`.
            ValueError: where not a single image is usable.
        """
        if self.single_cls:
            raise NotImplementedError(
                "single_cls=True: the classes of a class map cannot be made one, since all pixels would be of it. Use "
                "a data set of one class (nc: 1), whose masks have 0 for background, or map ids by 'label_mapping'."
            )
        return super().get_labels()

    # Files

    def get_label_files(self) -> list[str]:
        """Return the mask file of every image."""
        return [self._mask_file(image) for image in self.im_files]

    def _mask_file(self, image: str) -> str:
        return find_map(image, self.data["masks_dir"], MASK_SUFFIXES)

    def map_file(self, i: int) -> str:
        """Return the mask file of image `i`."""
        return self._mask_file(self._file(i))

    def rules(self) -> Any:
        """What the check of a mask depends on beside the files."""
        return "masks", self.ids.nc, self.ids.mapping, self.channels

    def check_pair(self, image: str, file: str) -> ScanRow:
        """Check an image with its mask."""
        return scan_mask(image, file, self.ids.meaningless, self.channels)

    @bypassed
    def verify_args(self) -> tuple[Callable[[Any], Any], Iterable[Any]]:
        """Return the function that checks an image with its mask, and what it is given, image by image."""
        pairs = zip(self.im_files, self.label_files, strict=True)
        return verify_image_mask, ((*pair, self.prefix, self.ids.meaningless) for pair in pairs)

    @bypassed
    def result_to_label(self, result: Sequence[Any]) -> tuple[dict[str, Any] | None, int, int, int, int, str]:
        """Make labels of what `verify_image_mask` returned; see `YOLODataset.result_to_label`."""
        file, mask, size_hw, _mode, missing, found, corrupt, message = result
        label = None
        if file:
            label = {"im_file": file, "mask_file": mask, "shape": size_hw, "cls": np.zeros((0, 1), np.float32)}
            label |= {"bboxes": np.zeros((0, 4), np.float32), "segments": [], "normalized": True, "bbox_format": "xywh"}
        return label, missing, found, 0, corrupt, message

    def update_labels(self, include_class: Sequence[int] | None) -> None:
        """Ignore the pixels of all but the given classes, which says nothing where there is a single one."""
        if include_class is None:
            return
        if self.ids.nc == 1:
            LOGGER.warning(
                f"{self.prefix}classes={include_class} is left out: of a single class the rest is background, and "
                "without that nothing could be learnt."
            )
            return
        background = self.data.get("bg_class_idx")
        always = [] if background is None else [background]
        self.ids = self.ids.keeping([*np.atleast_1d(np.asarray(include_class, np.int64)), *always])

    # Masks

    def read_numbers(self, file: str) -> np.ndarray:
        """Read the numbers of a mask file."""
        return read_class_map(file)

    def to_values(self, numbers: np.ndarray) -> np.ndarray:
        """Return the classes that numbers of mask files stand for."""
        return self.convert_label(numbers)

    def convert_label(self, label: np.ndarray, inverse: bool = False) -> np.ndarray:
        """Return the classes of numbers in mask files, or with `inverse` the numbers of classes."""
        return self.ids.to_numbers(label) if inverse else self.ids.to_classes(label)

    def load_mask(self, index: int, image_shape: tuple[int, int] | None = None) -> np.ndarray:
        """Return the class map of an image: (h, w) in full size, or of `image_shape`."""
        return super().load_map(index, image_shape)

    def load_map(self, i: int, size_hw: tuple[int, int] | None = None) -> np.ndarray:
        """Return the class map of image `i` as `load_mask` does, which subclasses override."""
        return self.load_mask(i, size_hw)

    def _map_key(self) -> str:
        return f"{super()._map_key()} {self.ids.shown}"

    def class_pixels(self, limit: int = MAX_COUNTED) -> np.ndarray:
        """Count the pixels of every class over at most `limit` masks, spread evenly: (nc,), ignored ones not counted.

        A single class has its own pixels as the only count.
        """
        kinds = max(self.ids.nc, 2)
        total = np.zeros(kinds, np.int64)
        for counts in self.each_map(limit, _histogram):
            total[: min(kinds, len(counts))] += counts[:kinds]
        return total[1:] if self.ids.nc == 1 else total


def _histogram(classes: np.ndarray) -> np.ndarray:
    if classes.dtype == np.uint8:
        counts = cv2.calcHist([classes], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    else:
        counts = np.bincount(classes.ravel(), minlength=IGNORED + 1)
    counts[IGNORED] = 0
    return counts


class PolygonSemanticDataset(SemanticDataset):
    """Pictures with polygons in YOLO label files, which are drawn into class maps, small objects on top of large ones.

    Several classes are joined by one more, `background`, the last; a single class is drawn as 1 on 0. A picture without
    a label file is all background.

    Args:
        args, kwargs: those of `YOLODataset`.
        data: what `check_det_dataset` returned; the background is added where it is not there.

    Raises:
        ValueError: where no image is usable, or label files have boxes only.
    """

    what = "polygons"

    def __init__(self, *args: Any, data: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, data=add_polygon_background(data), **kwargs)

    get_label_files = YOLODataset.get_label_files
    scan_files = YOLODataset.scan_files
    scan_summary = YOLODataset.scan_summary
    verify_args = YOLODataset.verify_args
    result_to_label = YOLODataset.result_to_label

    def rules(self) -> LabelRules:
        """What label files have to look like: polygons of the classes without the background."""
        return LabelRules(max(self.ids.nc - 1, 1), channels=self.channels, polygons=True)

    @property
    def keeps_polygons(self) -> bool:
        """Whether labels keep their polygons."""
        return True

    def verify_labels(self, labels: LabelList, cache_path: Path) -> None:
        """Refuse labels that cannot be drawn.

        Raises:
            ValueError: where none is usable, or there are boxes without polygons.
        """
        super().verify_labels(labels, cache_path)
        if len(bare := labels.packed.boxes_only()):
            raise ValueError(f"{text_of_missing_polygons(self.task)} {labels.packed.files[bare[0]]} has boxes only.")

    def map_file(self, i: int) -> str:
        """Return the label file of image `i`."""
        return img2label_paths([self._file(i)])[0]

    def load_mask(self, index: int, image_shape: tuple[int, int] | None = None) -> np.ndarray:
        """Draw the class map (h, w) of an image, of the size of the picture file where none is given."""
        rows = self._labels.sample(index)
        height, width = image_shape or tuple(int(side) for side in self.packed.shapes[index])
        polygons = [np.asarray(points, np.float32) * (width, height) for points in rows["segments"]]
        classes = np.asarray(rows["cls"], np.int64).reshape(-1)
        several = self.ids.nc > 1
        drawn = paint_by_size(
            (height, width),
            polygons,
            classes if several else np.ones_like(classes),
            self.data["bg_class_idx"],
            self.map_dtype,
        )
        return self.to_values(drawn)

    def cache_images(self) -> None:
        """Fill the cache; there is no file whose numbers a disk cache could hold."""
        YOLODataset.cache_images(self)

    def check_cache_disk(self, safety_margin: float = 0.1) -> bool:
        """Whether all images in full size fit onto the disk they lie on, and their folder can be written."""
        return YOLODataset.check_cache_disk(self, safety_margin)


__getattr__, __dir__ = offer(__name__)
