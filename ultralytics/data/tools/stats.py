"""Counts of what a data set holds, and a copy of its pictures in a small size."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.cfg.merge import get_cfg
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.describe.boxes import check_det_dataset, find_dataset_yaml
from ultralytics.data.describe.class_folders import list_pictures
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.data.images.cache import fill
from ultralytics.data.labels.lists import LabelList
from ultralytics.data.tools.compress import compress_one_image
from ultralytics.utils.downloads import extract_archive, is_archive
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER

__all__ = ["HUBDatasetStats"]

SPLITS = ("train", "val", "test")
DIGITS = 4  # of coordinates in the listing


class HUBDatasetStats:
    """Statistics of a data set, for any viewer of JSON; nothing is sent anywhere.

    Args:
        path: data set YAML, or archive of a folder that holds one; for classification whatever `check_cls_dataset`
            takes.
        task: detect, segment, pose, obb or classify.
        autodownload: fetch or draw what is missing.

    Attributes:
        data: description of the data set.
        stats: what `get_json` returned last.
        hub_dir: folder that results are written to, `<data set>-hub` beside it.
        im_dir: folder of the small pictures in it.
    """

    def __init__(self, path: str | Path = "coco8.yaml", task: str = "detect", autodownload: bool = False) -> None:
        self.task = task
        self._folders = task == "classify"
        if self._folders:
            self.data = check_cls_dataset(path)
        else:
            source = Path(path)
            if is_archive(source):
                source = find_dataset_yaml(extract_archive(source))
            self.data = check_det_dataset(source, autodownload)
        self.hub_dir = Path(f"{str(self.data['path']).rstrip('/')}-hub")
        self.im_dir = self.hub_dir / "images"
        self.stats: dict[str, Any] = {"nc": len(self.data["names"]), "names": list(self.data["names"].values())}

    def get_json(self, save: bool = False, verbose: bool = False) -> dict[str, Any]:
        """Return counts per split: objects and pictures, in all and per class, and the labels of every picture.

        Args:
            save: write them to `stats.json` in `hub_dir`.
            verbose: log them.
        """
        for split in SPLITS:
            self.stats[split] = None
            if self.data.get(split):
                self.stats[split] = self._of_folders(split) if self._folders else self._of_labels(split)
        text = json.dumps(self.stats, indent=2)
        if save:
            with atomic_write(self.hub_dir / "stats.json", "w") as stream:
                stream.write(text)
        if verbose:
            LOGGER.info(text)
        return self.stats

    def _of_folders(self, split: str) -> dict[str, Any]:
        listing = list_pictures(self.data[split])
        counts = listing.counts()
        per_class = [counts.get(name, 0) for name in self.stats["names"]]
        return {
            "instance_stats": {"total": len(listing.files), "per_class": per_class},
            "image_stats": {"total": len(listing.files), "unannotated": 0, "per_class": per_class},
            "labels": [{Path(file).name: owner} for file, owner in zip(listing.files, listing.owners, strict=True)],
        }

    def _dataset(self, split: str) -> YOLODataset:
        return YOLODataset(img_path=self.data[split], data=self.data, task=self.task, augment=False, hyp=get_cfg())

    def _of_labels(self, split: str) -> dict[str, Any]:
        labels = self._dataset(split).labels
        packed = labels.packed
        classes = packed.classes
        owners = np.repeat(np.arange(len(packed)), np.diff(packed.offsets))
        pairs = np.unique(np.stack((owners, classes)), axis=1)
        nc = self.stats["nc"]
        return {
            "instance_stats": {
                "total": len(packed.cls),
                "per_class": np.bincount(packed.classes, minlength=nc).tolist(),
            },
            "image_stats": {
                "total": len(packed),
                "unannotated": int((np.diff(packed.offsets) == 0).sum()),
                "per_class": np.bincount(pairs[1], minlength=nc).tolist(),
            },
            "labels": self._rows(labels),
        }

    @staticmethod
    def _rows(labels: LabelList) -> list[Mapping[str, Any]]:
        """Return the label rows of every picture: class, then polygon, or box and keypoints."""
        listed = []
        for label in labels:
            values = [np.asarray(label["bboxes"], np.float64)]
            if label["keypoints"] is not None:
                points = np.asarray(label["keypoints"], np.float64)
                values.append(points.reshape(len(points), math.prod(points.shape[1:])))
            rows = label["segments"] or np.concatenate(values, 1)
            classes = np.asarray(label["cls"]).reshape(-1).astype(int).tolist()
            shown = [
                [cls, *np.asarray(row, np.float64).ravel().round(DIGITS).tolist()]
                for cls, row in zip(classes, rows, strict=True)
            ]
            listed.append({Path(label["im_file"]).name: shown})
        return listed

    def process_images(self) -> Path:
        """Write all pictures in a small size into `im_dir` and return it."""
        files = []
        for split in SPLITS:
            if self.data.get(split):
                files += list_pictures(self.data[split]).files if self._folders else self._dataset(split).im_files
        files = list(dict.fromkeys(files))

        def small(i: int) -> int:
            target = self.im_dir / Path(files[i]).name
            compress_one_image(files[i], target)
            return target.stat().st_size

        fill(small, len(files), f"Compressing into {self.im_dir}")
        return self.im_dir
