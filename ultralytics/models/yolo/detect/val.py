"""Validation of boxes.

Targets and detections meet in the pixels of the letterboxed network input, where the network saw them; only what is
written to files goes back to the original pictures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.cfg.merge import DEFAULT_CFG_DICT
from ultralytics.data.build import build_dataloader, build_yolo_dataset
from ultralytics.data.images.shares import as_shares
from ultralytics.engine.coco import COCO80_TO_91, coco_image_id, evaluate_coco, truth_from_labels, unique_image_ids
from ultralytics.engine.metrics.base import Metric
from ultralytics.engine.metrics.confusion import ConfusionMatrix
from ultralytics.engine.plots.mosaics import plot_images
from ultralytics.engine.results import Results
from ultralytics.engine.task import check_classes, resolve
from ultralytics.engine.validator import BaseValidator
from ultralytics.models.yolo.detect.boxes import box_table
from ultralytics.models.yolo.detect.task import DETECT
from ultralytics.ops.boxes import scale_boxes, xywh2xyxy, xyxy2ltwh, xyxy2xywh
from ultralytics.utils.dist import all_gather_object
from ultralytics.utils.env import rank
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import file_name, label_text

__all__ = ["DetectionValidator"]

Tensors = dict[str, torch.Tensor]
OF_OBJECTS = ("cls", "bboxes", "conf", "extra", "keypoints")  # one row per object, matched in main memory
OF_TARGETS = (*OF_OBJECTS, "masks")
DRAWN_ABOVE = 0.25  # score of the detections that pictures show


class _AnnotationError(ValueError):
    """A data set's annotation file that cannot be used."""


class DetectionValidator(BaseValidator):
    """Validator of detection models.

    Between its steps detections are one dictionary per picture: `bboxes` (N, 4) corners in input pixels, `conf` (N,),
    `cls` (N,), `extra` (N, E) further values; best score first. Targets are what `_prepare_batch` returns.

    Attributes:
        class_map: category in `predictions.json` of every class.
        image_ids: path of every picture -> its id there.
    """

    spec = DETECT
    annotation_file = "instances_val2017.json"
    iou_types = ("bbox",)  # COCO's name for the comparison of every branch of the metrics

    def __init__(
        self,
        dataloader: Any = None,
        save_dir: str | Path | None = None,
        args: Any = None,
        _callbacks: dict[str, list] | None = None,
    ) -> None:
        super().__init__(dataloader, save_dir, args, _callbacks)
        self.args.task = self.spec.name
        self.is_coco = False
        self.is_lvis = False
        self.class_map: Sequence[int] = ()
        self.metrics = resolve(self.spec.metrics)()
        self.image_ids: dict[str, int | str] = {}
        self._prefix = ""
        self._told_of_classes = False

    # Data -------------------------------------------------------------------------------------------------------------

    def build_dataset(self, img_path: Any, mode: str = "val", batch: int | None = None) -> Any:
        """Return the data set of a split: letterboxed, rectangular batches where `rect` allows it."""
        return build_yolo_dataset(
            self.args, img_path, batch, self.data, mode=mode, rect=self.args.rect, stride=self.stride
        )

    def get_dataloader(self, dataset_path: Any, batch_size: int) -> Any:
        """Return a loader of a split, in fixed order."""
        dataset = self.build_dataset(dataset_path, batch=batch_size, mode="val")
        return build_dataloader(
            dataset, batch_size, self.args.workers, shuffle=False, rank=-1, device=self.device, pin_memory=True
        )

    def preprocess(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the batch on the device, pictures as 0..1."""
        moved = {
            key: value.to(self.device, non_blocking=self.device.type == "cuda")
            if isinstance(value, torch.Tensor)
            else value
            for key, value in batch.items()
        }
        moved["img"] = as_shares(moved["img"], "a batch", self._dtype)
        return moved

    # Metrics ----------------------------------------------------------------------------------------------------------

    def init_metrics(self, model: Any) -> None:
        """Reset what is counted and learn class names and the kind of data set."""
        path = self.data.get(self.args.split, "") if self.data else ""
        path = path if isinstance(path, str) else ""
        self.is_coco = "coco" in path and path.endswith(("val2017.txt", "test-dev2017.txt"))
        self.is_lvis = "lvis" in path and not self.is_coco
        self.names = model.names
        self.nc = len(model.names)
        self.end2end = bool(getattr(model, "end2end", False))
        self.class_map = COCO80_TO_91 if self.is_coco else range(1, self.nc + 1)
        self.args.save_json = bool(self.args.save_json) or (self.is_coco and not self.training and bool(self.args.val))
        self.metrics.names = self.names
        self.metrics.clear_stats()
        self.metrics.clear_image_metrics()
        self.confusion_matrix = ConfusionMatrix(names=self.names, save_matches=self._visualizing)
        files = list(getattr(self.dataloader.dataset, "im_files", ()))
        self._prefix = common_folder(files)
        self.image_ids = unique_image_ids({file: self._inner_path(file) for file in files})
        self._told_of_classes = False
        self._check_max_det(self.args, {self.args.split: self.dataloader.dataset})

    @staticmethod
    def _check_max_det(args: Any, datasets: Mapping[str, Any]) -> None:
        """Raise `max_det` to the objects of the fullest picture, which it would cap; one of the user's own stays.

        Args:
            args: configuration, changed in place.
            datasets: name of a split -> its data set.
        """
        if args.max_det == DEFAULT_CFG_DICT["max_det"]:
            args.max_det = max(args.max_det, *(box_table(dataset).most for dataset in datasets.values()))

    @property
    def _visualizing(self) -> bool:
        return self.plotting and bool(self.args.visualize)

    def postprocess(self, preds: Any) -> list[Tensors]:
        """Return the detections of every picture."""
        found = self.spec.select(preds, self.select_options())
        return [{"bboxes": d.boxes, "conf": d.conf, "cls": d.cls, "extra": d.extra} for d in found]

    def update_metrics(self, preds: Sequence[Mapping[str, torch.Tensor]], batch: dict[str, Any]) -> None:
        """Match the detections of a batch with its targets, and write what was asked for."""
        targets = [self._prepare_batch(i, batch) for i in range(len(preds))]
        found = [self._prepare_pred(pred) for pred in preds]
        if self.device.type != "cpu":  # matching is work for the processor
            targets, found = _on_host(targets), _on_host(found)
        for i, (predn, pbatch) in enumerate(zip(found, targets, strict=True)):
            self.seen += 1
            if self.exported:
                check_classes(predn["cls"], self.names, self.args.model)
            pbatch = self._known(pbatch)
            classes = pbatch["cls"].cpu().numpy()
            row = {
                **self._process_batch(predn, pbatch),
                "conf": predn["conf"].cpu().numpy(),
                "pred_cls": predn["cls"].cpu().numpy(),
                "target_cls": classes,
                "target_img": np.unique(classes),
                "im_name": self._inner_path(pbatch["im_file"]),
            }
            self.metrics.update_stats(row)
            if self.plotting:
                seen = self.drawable(predn, pbatch) if self._visualizing else (predn, pbatch)
                self.confusion_matrix.process_batch(*seen, conf=self.args.conf)
            if self._visualizing:
                self.confusion_matrix.plot_matches(batch["img"][i], pbatch["im_file"], self.save_dir)
            if self.args.save_json or self.args.save_txt:
                self._write(predn, pbatch)

    def _prepare_batch(self, si: int, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return the targets of picture `si` of a batch, and what is known of the picture.

        Returns:
            `cls` (M,), `bboxes` (M, 4) corners in input pixels, `ori_shape` and `imgsz` (height, width) of the picture
            and of the input, `ratio_pad`, `im_file`.
        """
        mine = rows_of(batch, si)
        size_hw = tuple(batch["img"].shape[2:])
        return {
            "cls": batch["cls"][mine].reshape(-1),
            "bboxes": self.input_boxes(batch["bboxes"][mine], size_hw),
            "ori_shape": batch["ori_shape"][si],
            "imgsz": size_hw,
            "ratio_pad": batch["ratio_pad"][si] if "ratio_pad" in batch else None,
            "im_file": batch["im_file"][si],
        }

    @staticmethod
    def input_boxes(boxes: torch.Tensor, size_hw: Sequence[int]) -> torch.Tensor:
        """Return labels' boxes (M, 4), centre and size as shares of the input, as corners in its pixels."""
        height, width = size_hw
        return xywh2xyxy(boxes) * boxes.new_tensor((width, height, width, height), dtype=torch.float32)

    def _prepare_pred(self, pred: Mapping[str, torch.Tensor]) -> Tensors:
        """Return one picture's detections ready to be matched."""
        return {**pred, "cls": torch.zeros_like(pred["cls"])} if self.args.single_cls else dict(pred)

    def _process_batch(self, preds: Mapping[str, torch.Tensor], batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return which detections of one picture are right, (N, 10) bool, for every branch of the metrics.

        Args:
            preds: what `_prepare_pred` returned.
            batch: what `_prepare_batch` returned.
        """
        if not len(preds["cls"]) or not len(batch["cls"]):
            return {branch.table: np.zeros((len(preds["cls"]), self.niou), bool) for branch in self.metrics.branches}
        return {
            table: self.match_predictions(preds["cls"], batch["cls"], overlaps).cpu().numpy()
            for table, overlaps in self.spec.overlap(preds, batch).items()
        }

    def _known(self, pbatch: dict[str, Any]) -> dict[str, Any]:
        """Return one picture's targets without those of classes that the model does not have."""
        known = pbatch["cls"] < self.nc
        if bool(known.all()):
            return pbatch
        if not self._told_of_classes:
            self._told_of_classes = True
            LOGGER.warning(
                f"{pbatch['im_file']}: class {int(pbatch['cls'].max())} is not one of the model's {self.nc}; labels of "
                "such classes are left out."
            )
        return {key: value[known] if key in OF_TARGETS else value for key, value in pbatch.items()}

    def drawable(self, pred: Tensors, target: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return detections and targets of one picture with everything in them as one tensor row each, to be drawn."""
        return pred, target

    def gather_stats(self) -> None:
        """Bring what the ranks counted to the main one."""
        metrics = self.metrics
        for branch in metrics.branches:
            self._gather_image_metrics(getattr(metrics, branch.name))
        parts = all_gather_object((metrics.stats, self.confusion_matrix.matrix, self.jdict, self.seen))
        if rank() not in {-1, 0}:
            metrics.clear_stats()
            self.jdict = []
            return
        metrics.stats = {key: [row for part in parts for row in part[0][key]] for key in metrics.stats}
        self.confusion_matrix.matrix = sum(part[1] for part in parts)
        self.jdict = [row for part in parts for row in part[2]]
        self.seen = sum(part[3] for part in parts)

    def _gather_image_metrics(self, metric: Metric) -> None:
        """Bring the figures per picture of one branch to the main rank."""
        parts = all_gather_object(metric.image_metrics)
        if rank() in {-1, 0}:
            metric.image_metrics = {name: row for part in parts for name, row in part.items()}

    def get_stats(self) -> dict[str, float]:
        """Return precision, recall, mAP50, mAP50-95 and the fitness."""
        self.metrics.process(save_dir=self.save_dir, plot=self.plotting, on_plot=self.on_plot)
        self.metrics.clear_stats()
        return self.metrics.results_dict

    # Text -------------------------------------------------------------------------------------------------------------

    def get_desc(self) -> str:
        """Return the head of the table."""
        figures = [
            text for branch in self.metrics.branches for text in (f"{branch.title}(P", "R", "mAP50", "mAP50-95)")
        ]
        return ("%22s" + "%11s" * (2 + len(figures))) % ("Class", "Images", "Instances", *figures)

    def print_results(self) -> None:
        """Log the table: all classes, and every class where there are several."""
        row = "%22s" + "%11i" * 2 + "%11.3g" * len(self.metrics.keys)
        metrics = self.metrics
        total = int(metrics.nt_per_class.sum())
        LOGGER.info(row % ("all", self.seen, total, *metrics.mean_results()))
        if not total:
            LOGGER.warning(
                f"no labels found in the '{self.args.split}' set: there is nothing to measure detections by."
            )
        if self.args.verbose and not self.training and self.nc > 1 and total:
            for i, c in enumerate(metrics.ap_class_index):
                counts = metrics.nt_per_image[c], metrics.nt_per_class[c]
                LOGGER.info(row % (label_text(self.names[c]), *counts, *metrics.class_result(i)))

    # Pictures ---------------------------------------------------------------------------------------------------------

    def plot_val_samples(self, batch: dict[str, Any], ni: int) -> None:
        """Write `val_batch<ni>_labels.jpg`."""
        fname = self.save_dir / f"val_batch{ni}_labels.jpg"
        plot_images(batch, paths=batch["im_file"], fname=fname, names=self.names, on_plot=self.on_plot)

    def plot_predictions(
        self, batch: dict[str, Any], preds: Sequence[Mapping[str, torch.Tensor]], ni: int, max_det: int | None = None
    ) -> None:
        """Write `val_batch<ni>_pred.jpg` with at most `max_det` detections per picture."""
        limit = max_det or self.args.max_det
        strong = [pred["conf"][:limit] > DRAWN_ABOVE for pred in preds]
        cut = [
            {key: value[:limit][mask] for key, value in pred.items()} for pred, mask in zip(preds, strong, strict=True)
        ]
        labels = self.drawn_rows(cut)
        labels["batch_idx"] = torch.cat([torch.full((len(pred["cls"]),), i) for i, pred in enumerate(cut)])
        fname = self.save_dir / f"val_batch{ni}_pred.jpg"
        plot_images(labels, batch["img"], batch["im_file"], fname, self.names, self.on_plot)

    def drawn_rows(self, preds: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, Any]:
        """Return what `plot_images` draws of the detections of a batch, those of all pictures joined."""
        joined: dict[str, Any] = {key: torch.cat([pred[key] for pred in preds]) for key in ("conf", "cls")}
        return {**joined, "bboxes": xyxy2xywh(torch.cat([pred["bboxes"] for pred in preds]))}

    # Files ------------------------------------------------------------------------------------------------------------

    def scale_preds(self, predn: Mapping[str, torch.Tensor], pbatch: Mapping[str, Any]) -> Tensors:
        """Return detections in the pixels of the original picture."""
        boxes = scale_boxes(pbatch["imgsz"], predn["bboxes"], pbatch["ori_shape"], ratio_pad=pbatch["ratio_pad"])
        return {**predn, "bboxes": boxes}

    def _write(self, pred: Tensors, target: Mapping[str, Any]) -> None:
        """Write one picture's detections as asked for."""
        scaled = self.scale_preds(pred, target)
        if self.args.save_json:
            self.pred_to_json(scaled, target)
        if self.args.save_txt:
            path = self.save_dir / "labels" / f"{self._flat_name(target['im_file'])}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            self.save_one_txt(scaled, self.args.save_conf, target["ori_shape"], path)

    def _inner_path(self, im_file: str) -> str:
        """Return the picture's path below the folder that holds all pictures of the split."""
        return Path(os.path.relpath(im_file, self._prefix) if self._prefix else os.path.basename(im_file)).as_posix()

    def _flat_name(self, im_file: str) -> str:
        """Return that path as one name without suffix, so that sub-folders do not collide."""
        return file_name("_".join(Path(self._inner_path(im_file)).with_suffix("").parts))

    def save_one_txt(
        self, predn: Mapping[str, torch.Tensor], save_conf: bool, shape: Sequence[int], file: str | Path
    ) -> None:
        """Write label rows of one picture.

        Args:
            predn: detections in original pixels.
            save_conf: add scores.
            shape: height and width of the original picture.
            file: target.
        """
        self.as_result(predn, shape).save_txt(file, save_conf=save_conf)

    def as_result(self, predn: Mapping[str, torch.Tensor], shape: Sequence[int]) -> Results:
        """Return detections in the pixels of a picture of this height and width as `Results`."""
        blank = np.broadcast_to(np.uint8(0), (*(int(side) for side in shape), 3))  # of that size, without memory
        rows = torch.cat((predn["bboxes"], predn["conf"][:, None], predn["cls"][:, None]), 1)
        return Results(blank, path="", names=self.names, boxes=rows)

    def pred_to_json(self, predn: Mapping[str, torch.Tensor], pbatch: Mapping[str, Any]) -> None:
        """Append one row per detection for `predictions.json`.

        Args:
            predn: detections in original pixels; boxes are written as upper left corner, width and height.
            pbatch: what `_prepare_batch` returned.
        """
        columns = (xyxy2ltwh(predn["bboxes"]).tolist(), predn["conf"].tolist(), predn["cls"].tolist())
        for box, score, label in zip(*columns, strict=True):
            place = {"bbox": [round(value, 3) for value in box]}
            self.jdict.append({**self.json_facts(pbatch, label), **place, "score": round(score, 5)})

    def json_facts(self, pbatch: Mapping[str, Any], label: float) -> dict[str, Any]:
        """Return what every row of `predictions.json` says of picture and class."""
        path = Path(pbatch["im_file"])
        image = self.image_ids.get(pbatch["im_file"], coco_image_id(path.stem))
        return {"image_id": image, "file_name": path.name, "category_id": self.class_map[int(label)]}

    def eval_json(self, stats: dict[str, float]) -> dict[str, float]:
        """Return the figures with COCO's own ones in the place of ours, where a tool for them is installed.

        Truth is the data set's annotation file where there is one, else its labels.
        """
        annotations = Path(self.data.get("path", "")) / "annotations" / self.annotation_file
        titles = [branch.title for branch in self.metrics.branches]
        truth = annotations if self.is_coco and annotations.is_file() else None
        return self.coco_evaluate(stats, self.jdict, truth, self.iou_types, titles)

    def coco_evaluate(
        self,
        stats: dict[str, float],
        pred_json: str | Path | Sequence[Mapping[str, Any]],
        anno_json: str | Path | Mapping[str, Any] | None,
        iou_types: str | Sequence[str] = "bbox",
        suffix: str | Sequence[str] = "Box",
    ) -> dict[str, float]:
        """Evaluate predictions by COCO's rules.

        Args:
            stats: our figures.
            pred_json: rows of `predictions.json`, or the file.
            anno_json: annotation file or its content; the labels of the data set serve where it is None.
            iou_types: "bbox", "segm" or "keypoints", or several of them.
            suffix: branch of the metrics for each: its first letter stands in the keys.

        Returns:
            `stats` with mAP50 and mAP50-95 replaced, `mAP_small`, `mAP_medium`, `mAP_large` added, and `fitness`
            0.9 mAP50-95 + 0.1 mAP50, summed over the branches; unchanged where no tool is installed.
        """
        rows = pred_json
        if isinstance(pred_json, (str, Path)):
            rows = json.loads(Path(pred_json).read_text(encoding="utf-8"))
        kinds = [iou_types] if isinstance(iou_types, str) else list(iou_types)
        titles = [suffix] if isinstance(suffix, str) else list(suffix)
        found: dict[str, float] = {}
        fitness = 0.0
        for kind, title in zip(kinds, titles, strict=True):
            try:
                figures = self._evaluate_branch(kind, rows, anno_json)
            except (ImportError, _AnnotationError) as error:
                LOGGER.warning(f"predictions are not evaluated by COCO's rules: {error}")
                return stats
            ours = (f"{name} {stats.get(f'metrics/{name}({title[0]})', 0.0):.4f}" for name in ("mAP50", "mAP50-95"))
            theirs = (f"{name} {value:.4f}" for name, value in figures.items())
            LOGGER.info(f"COCO evaluation, {title}: {', '.join(theirs)} (ours: {', '.join(ours)})")
            found.update({f"metrics/{k}({title[0]})": v for k, v in figures.items() if k != "mAP75"})
            fitness += 0.9 * figures["mAP50-95"] + 0.1 * figures["mAP50"]
        return {**stats, **found, "fitness": fitness}

    def _evaluate_branch(self, kind: str, rows: Any, truth: Any) -> dict[str, float]:
        """Return COCO's figures of one comparison, on the pictures that were validated."""
        labels, oks_sigmas = self.dataloader.dataset.labels, self.data.get("kpt_oks_sigmas")
        if truth is None:
            truth = truth_from_labels(labels, self.class_map, self.names, kind, self.image_ids)
            return evaluate_coco(truth, rows, kind, None, oks_sigmas)
        images = [self.image_ids[label["im_file"]] for label in labels]
        try:
            return evaluate_coco(truth, rows, kind, images, oks_sigmas)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            if isinstance(truth, Mapping):  # given by the caller, who is to know
                raise
            # a file of the data set, whose faults must not cost the figures that are there
            raise _AnnotationError(f"'{truth}' is no annotation file that can be used ({error}).") from error


def rows_of(batch: Mapping[str, Any], si: int) -> torch.Tensor:
    """Return which targets of a batch belong to its picture `si`, (n,) bool."""
    return batch["batch_idx"].reshape(-1) == si


def common_folder(files: Sequence[str]) -> str:
    """Return the deepest folder that holds all files, an empty text without any."""
    folders = {os.path.dirname(file) for file in files}
    return os.path.commonpath(folders) if folders else ""


def _on_host(pictures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return detections or targets of pictures with what is matched in main memory, in one transfer per kind."""
    sizes = [len(picture["cls"]) for picture in pictures]
    keys = [key for key in OF_OBJECTS if pictures and key in pictures[0]]
    columns = {key: torch.cat([picture[key] for picture in pictures]).cpu().split(sizes) for key in keys}
    return [{**picture, **{key: parts[i] for key, parts in columns.items()}} for i, picture in enumerate(pictures)]


__getattr__, __dir__ = offer(__name__)
