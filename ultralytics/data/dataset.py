"""`YOLODataset`: images with YOLO text labels, scanned once, cached, and turned into training or validation samples."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset, get_worker_info

from ultralytics.data.augment import Compose, Format, LetterBox, v8_transforms
from ultralytics.data.augment.presets import transform_in_use
from ultralytics.data.base import BaseDataset
from ultralytics.data.describe.locate import img2label_paths
from ultralytics.data.labels.cache import CACHE_VERSION, ScanResult, get_hash, load_labels, save_labels
from ultralytics.data.labels.instances import Instances, convert_boxes
from ultralytics.data.labels.lists import FileList, LabelList
from ultralytics.data.labels.outlines import Outlines
from ultralytics.data.labels.scan import cache_path, report, scan, scan_public, summary
from ultralytics.data.labels.table import PackedLabels, PackedStrings
from ultralytics.data.labels.verify import BOX_VALUES, Finding, LabelRules, verify_image_label
from ultralytics.data.samplers import SampleRef
from ultralytics.ops.boxes import resample_segments
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.overrides import bypassed, changed, ignores, warn_of_ignored

__all__ = ["DATASET_CACHE_VERSION", "YOLOConcatDataset", "YOLODataset"]

DATASET_CACHE_VERSION = CACHE_VERSION
STACKED = {"img", "text_feats", "semantic_mask", "sem_masks", "depth"}
MIXING = ("mosaic", "copy_paste", "mixup", "cutmix")
JOINED = {"masks", "keypoints", "bboxes", "cls", "segments", "obb"}


@ignores(
    build_text_transforms="data sets with texts are not built; add a transform to what build_transforms() returns",
    _get_neg_texts="data sets with texts are not built; add a transform to what build_transforms() returns",
)
class YOLODataset(BaseDataset):
    """Images with YOLO label files for detection, segmentation, pose estimation or oriented boxes.

    Args:
        args: positional arguments of `BaseDataset`.
        data: what `check_det_dataset` returned: `names`, `nc`, for pose `kpt_shape` and `flip_idx`.
        task: `detect`, `segment`, `pose` or `obb`.
        kwargs: further arguments of `BaseDataset`.

    Attributes:
        findings: problems of the label scan (`verify.Finding`).
        counts: images by outcome of the scan: found, missing, empty, corrupt, total.

    Raises:
        ValueError: where no image is usable, for an unknown task, or for a pose data set without `kpt_shape`.
    """

    format_class = Format
    tasks: tuple[str, ...] = ("detect", "segment", "pose", "obb")

    def __init__(self, *args: Any, data: Mapping[str, Any] | None = None, task: str = "detect", **kwargs: Any):
        if task not in self.tasks:
            raise ValueError(f"task='{task}' is not for {type(self).__name__}; it has {', '.join(self.tasks)}.")
        self.data, self.task = dict(data or {}), task
        self.use_segments, self.use_keypoints, self.use_obb = task == "segment", task == "pose", task == "obb"
        self.findings: list[Finding] = []
        self.counts: dict[str, int] = {}
        super().__init__(*args, channels=self.data.get("channels", 3), **kwargs)
        warn_of_ignored(self)

    def rules(self) -> LabelRules:
        """What this data set's label files have to look like.

        Raises:
            ValueError: for a pose data set without a usable `kpt_shape`.
        """
        shape = self.data.get("kpt_shape")
        usable = isinstance(shape, Sequence) and len(shape) == 2 and shape[0] > 0 and shape[1] in {2, 3}
        if self.use_keypoints and not usable:
            raise ValueError(f"kpt_shape is {shape!r}; pose data sets need [keypoints, 2 or 3], such as [17, 3].")
        return LabelRules(
            len(self.data.get("names", ())),
            (shape[0], shape[1]) if self.use_keypoints else None,
            self.single_cls,
            self.channels,
            polygons=self.use_segments or self.use_obb,
            pose_values=BOX_VALUES + shape[0] * shape[1] if usable and self.task == "detect" else 0,
        )

    # Scanning the label files

    def get_label_files(self) -> list[str]:
        """Return the label file of every image."""
        return img2label_paths(self.im_files)

    @property
    def label_files(self) -> list[str]:
        """The label file of every image."""
        return self.__dict__.get("_label_files") or self.get_label_files()

    @label_files.setter
    def label_files(self, value: Sequence[str]) -> None:
        self._label_files = FileList(PackedStrings(map(str, value)))

    def get_cache_hash(self) -> str:
        """Return the key of the label cache, made of all files' names, sizes and times and the rules of the check."""
        return get_hash([*self.label_files, *self.im_files], self.rules())

    def get_labels(self) -> LabelList:
        """Return the labels of all usable images and keep what was found on the way.

        Raises:
            ValueError: where not a single image is usable.
        """
        self.label_files = self.get_label_files()
        whole = self.fraction == 1 and isinstance(self.img_path, (str, Path)) and Path(self.img_path).is_dir()
        names = "" if whole else get_hash((), list(self.im_files))
        path = cache_path(self.label_files[0], whole, names)
        found, existed = self._load_or_scan_cache(path, self.get_cache_hash())
        result = ScanResult.of(found)
        if existed:
            LOGGER.info(f"{self.prefix}Scanned before: {path.with_suffix('')}... {self._summarize(result.counts)}")
        report(result.findings, self.prefix)
        self.findings, self.counts = result.findings, result.counts
        labels = LabelList.of(result["labels"])
        self.verify_labels(labels, path)
        self.__dict__.pop("_label_files")  # they follow from the images
        return labels if self.keeps_polygons else labels.without_polygons()

    @property
    def keeps_polygons(self) -> bool:
        """Whether labels keep their polygons."""
        return self.use_segments or self.use_obb or self.use_outlines

    def _load_or_scan_cache(self, cache_path: Path, cache_hash: str) -> tuple[Mapping[str, Any], bool]:
        """Return the scan of the label files, and whether it was stored already.

        It is not looked for where somebody has replaced how files are scanned: a stored one tells nothing of that.

        Args:
            cache_path: where scans are stored.
            cache_hash: key that a stored one must have.
        """
        found = load_labels(cache_path, cache_hash) if self._scans_as_usual else None
        return (found, True) if found is not None else (self.cache_labels(cache_path), False)

    @bypassed
    def cache_labels(self, path: Path = Path("./labels.cache")) -> ScanResult:
        """Scan all files anew and store what was found.

        Args:
            path: where to.
        """
        text = f"{self.prefix}Scanning {path.with_suffix('')}..."
        if changed(self, "verify_args", "result_to_label"):
            return scan_public(*self.verify_args(), self.result_to_label, text, self._summarize)
        found = self.scan_files(text)
        found["hash"] = self.get_cache_hash()
        if self._scans_as_usual:
            save_labels(path, found["hash"], found)
        return found

    def scan_files(self, text: str) -> ScanResult:
        """Check every image with its label file.

        Args:
            text: of the progress bar.
        """
        return scan(self.im_files, self.label_files, self.rules(), text, self._summarize)

    @property
    def _scans_as_usual(self) -> bool:
        return not changed(self, "cache_labels", "verify_args", "result_to_label")

    def _summarize(self, counts: Mapping[str, int]) -> str:
        return self.scan_summary(*(counts[name] for name in ("found", "missing", "empty", "corrupt")))

    def scan_summary(self, nf: int, nm: int, ne: int, nc: int) -> str:
        """Say what a scan has found so far.

        Args:
            nf: images with a label file.
            nm: images without one.
            ne: empty label files.
            nc: images left out.
        """
        return summary({"found": nf, "missing": nm, "empty": ne, "corrupt": nc})

    @bypassed
    def verify_args(self) -> tuple[Callable[[Any], Any], Iterable[Any]]:
        """Return the function that checks an image with its labels, and what it is given, image by image."""
        rules = self.rules()
        shared = (self.prefix, self.use_keypoints, rules.nc, *(rules.kpt_shape or (0, 0)), rules.single_cls)
        pairs = zip(self.im_files, self.label_files, strict=True)
        return verify_image_label, (pair + shared for pair in pairs)

    @bypassed
    def result_to_label(self, result: Sequence[Any]) -> tuple[dict[str, Any] | None, int, int, int, int, str]:
        """Make labels of what `verify_image_label` returned.

        Returns:
            A dictionary as in `labels`, or None for an image to be left out; the numbers of images missing, found,
            empty and corrupt, and a message or ''.
        """
        file, rows, size_hw, segments, keypoints, *counts, message = result
        if not file:
            return None, *counts, message
        label = {"im_file": file, "shape": size_hw, "cls": rows[:, :1], "bboxes": rows[:, 1:], "segments": segments}
        return {**label, "keypoints": keypoints, "normalized": True, "bbox_format": "xywh"}, *counts, message

    def verify_labels(self, labels: LabelList, cache_path: Path) -> None:
        """Refuse or warn about labels that training cannot use.

        Args:
            labels: labels of the usable images.
            cache_path: where the scan is stored.

        Raises:
            ValueError: where there are none, none to train on, or no polygons where the task needs them.
        """
        self._check_packed(labels.packed)

    def _check_packed(self, labels: PackedLabels) -> None:
        boxes = [finding for finding in self.findings if finding.kind == "boxes where polygons are needed"]
        if boxes and not len(labels.cls):
            raise ValueError(f"{text_of_missing_polygons(self.task)} {self.img_path} has box labels only.")
        if not len(labels):
            shown = "; ".join(map(str, self.findings[:3]))
            total = self.counts["total"]
            raise ValueError(f"{self.prefix}none of {total} images in {self.img_path} is usable: {shown}")
        if not len(labels.cls):
            text = f"{self.prefix}no labels found for {len(labels)} images of {self.img_path}"
            if self.augment:
                first = img2label_paths([labels.files[0]])[0]
                raise ValueError(f"{text}; the label file of the first one would be {first}. Nothing to train on.")
            LOGGER.warning(f"{text}; metrics will be 0.")
        elif (self.use_segments or self.use_obb) and len(bare := labels.boxes_only()):  # labels of a subclass
            raise ValueError(f"{text_of_missing_polygons(self.task)} {labels.files[bare[0]]} has boxes only.")

    @bypassed
    def build_transforms(self, hyp: Any = None) -> Compose:
        """Return the training transforms, or letterboxing where `augment` is off, both ending in `Format`."""
        if self.augment:
            settings = type(hyp)(**vars(hyp))
            if self.rect:
                settings.mosaic = settings.mixup = settings.cutmix = 0.0
            transforms = transform_in_use(v8_transforms)(self, self.imgsz, settings)
        else:
            transforms = Compose([transform_in_use(LetterBox)(new_shape=(self.imgsz, self.imgsz), scaleup=False)])
        transforms.append(
            transform_in_use(self.format_class)(
                bbox_format="xywh",
                normalize=True,
                return_mask=self.use_segments,
                return_keypoint=self.use_keypoints,
                return_obb=self.use_obb,
                batch_idx=True,
                mask_ratio=getattr(hyp, "mask_ratio", 4),
                mask_overlap=getattr(hyp, "overlap_mask", True),
                bgr=getattr(hyp, "bgr", 0.0) if self.augment else 0.0,
            )
        )
        return transforms

    def close_mosaic(self, hyp: Any) -> None:
        """Turn mosaic, mixup, cutmix and copy-paste off from now on, also for samples of running workers.

        Transforms that somebody's own `build_transforms` makes are made anew, with these settings at 0: ours leave
        samples alone that say so, and stay with what was put between them.
        """
        self.hyp = hyp
        self.close_mosaic_epoch = 0
        if changed(self, "build_transforms"):
            self.transforms = self.build_transforms(type(hyp)(**{**vars(hyp), **dict.fromkeys(MIXING, 0.0)}))

    def update_labels_info(self, label: dict[str, Any]) -> dict[str, Any]:
        """Gather boxes, polygons and keypoints in one `Instances` under the key `instances`."""
        label = dict(label)
        boxes, segments, keypoints = label.pop("bboxes"), label.pop("segments", ()), label.pop("keypoints", None)
        points = 100 if self.use_obb else 1000
        box_format, normalized = label.pop("bbox_format", "xywh"), label.pop("normalized", True)
        if len(segments) and self.use_outlines:
            polygons = Outlines.pack(segments, convert_boxes(boxes, box_format, "xyxy"))
        else:
            polygons = resample_segments(segments, n=points) if len(segments) else np.zeros((0, points, 2), np.float32)
        label["instances"] = Instances(boxes, polygons, keypoints, box_format, normalized)
        return label

    @property
    def use_outlines(self) -> bool:
        """Whether polygons are moved along so that boxes stay tight: training of detection."""
        return self.task == "detect" and self.augment

    @staticmethod
    def collate_fn(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Join samples to a batch.

        Images are stacked to (B, C, H, W); labels of all images are joined to one (n, ...) tensor per key, and
        `batch_idx` (n,) says which image each row belongs to. Other keys become lists of length B.
        """
        joined: dict[str, Any] = {}
        for key in batch[0]:
            values = [sample[key] for sample in batch]
            if key == "batch_idx":
                joined[key] = torch.cat([value + i for i, value in enumerate(values)])
            elif key in STACKED:
                joined[key] = _stack(values)
            elif key in JOINED:
                joined[key] = torch.cat(values)
            else:
                joined[key] = values
        return joined


def text_of_missing_polygons(task: str) -> str:
    """Start of the error for a data set whose labels lack what a task needs."""
    return f"task '{task}' needs polygon labels (class x1 y1 x2 y2 x3 y3 ...);"


def _stack(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Stack to one tensor; in a worker process straight into shared memory, which saves a copy on the way out.

    Raises:
        ValueError: for different shapes.
    """
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        raise ValueError(f"a batch holds pictures of different shapes {sorted(shapes)}; use the data set's batch size.")
    out = torch.empty((len(tensors), *tensors[0].shape), dtype=tensors[0].dtype)
    if get_worker_info() is not None:
        out.share_memory_()
    rows = out.numpy()  # numpy copies in this thread; torch would start a team of threads beside the training's
    for i, tensor in enumerate(tensors):
        rows[i] = tensor.numpy()
    return out


class YOLOConcatDataset(ConcatDataset):
    """Several data sets one after another, with the methods that loaders and trainers ask of one.

    Mixing partners of an image come from its own part.
    """

    takes_refs = True

    def __getitem__(self, index: int | SampleRef) -> Any:
        """Return one sample."""
        position = range(len(self))[int(index)]
        part = bisect.bisect_right(self.cumulative_sizes, position)
        local = position - (self.cumulative_sizes[part - 1] if part else 0)
        if not isinstance(index, SampleRef):
            return self.datasets[part][local]
        plain = not getattr(self.datasets[part], "takes_refs", False)
        return self.datasets[part][local if plain else index.at(local, pool=None)]

    @staticmethod
    def collate_fn(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Join samples to a batch, see `YOLODataset.collate_fn`."""
        return YOLODataset.collate_fn(batch)

    @property
    def close_mosaic_epoch(self) -> int | None:
        """First epoch without mosaic, of the first part."""
        return getattr(self.datasets[0], "close_mosaic_epoch", None)

    @close_mosaic_epoch.setter
    def close_mosaic_epoch(self, epoch: int | None) -> None:
        for dataset in self.datasets:
            dataset.close_mosaic_epoch = epoch

    def close_mosaic(self, hyp: Any) -> None:
        """Turn mixing augmentations off in every part that has them."""
        for dataset in self.datasets:
            if callable(getattr(dataset, "close_mosaic", None)):
                dataset.close_mosaic(hyp)


# Loaded when asked for: one brings torchvision, which takes a second and which boxes do without; others build on this.
__getattr__, __dir__ = offer(
    __name__,
    {
        "ClassificationDataset": "ultralytics.data.classify:ClassificationDataset",
        "DepthDataset": "ultralytics.data.dense.depth:DepthDataset",
        "PolygonSemanticDataset": "ultralytics.data.dense.semantic:PolygonSemanticDataset",
        "SemanticDataset": "ultralytics.data.dense.semantic:SemanticDataset",
    },
)
