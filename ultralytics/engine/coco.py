"""COCO evaluation of predictions, by `faster-coco-eval` or `pycocotools` where one is installed.

Truth is an annotation file, or is built from a data set's own labels, so that any data set can be cross-checked.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["COCO80_TO_91", "coco_image_id", "evaluate_coco", "truth_from_labels"]

# COCO numbers its 80 classes from 1 to 90; these numbers belong to classes that were never released.
_UNUSED = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
COCO80_TO_91 = tuple(i for i in range(1, 91) if i not in _UNUSED)
SUMMARY = ("mAP50-95", "mAP50", "mAP75", "mAP_small", "mAP_medium", "mAP_large")  # order of the tools' `stats`
BACKENDS = ("faster_coco_eval", "pycocotools")


def coco_image_id(stem: str) -> int | str:
    """Return the id of a picture: its number where the file name is one, else the name."""
    return int(stem) if stem.isdigit() else stem


def truth_from_labels(labels: Sequence[Mapping[str, Any]], class_ids: Sequence[int], names: Mapping[int, str]) -> dict:
    """Return a data set's labels in COCO format.

    Args:
        labels: per picture `im_file`, `shape` (h, w), `cls` (n, 1) and `bboxes` (n, 4) centre and size as shares.
        class_ids: COCO category id of every class index.
        names: class index to class name.
    """
    images, annotations = [], []
    for label in labels:
        path = Path(label["im_file"])
        height, width = (int(side) for side in label["shape"])
        images.append({"id": coco_image_id(path.stem), "file_name": path.name, "height": height, "width": width})
        boxes = np.asarray(label["bboxes"], np.float64) * (width, height, width, height)
        for box, category in zip(
            boxes.tolist(), np.asarray(label["cls"]).reshape(-1).astype(int).tolist(), strict=True
        ):
            x, y, w, h = box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": images[-1]["id"],
                    "category_id": class_ids[category],
                    "bbox": [x - w / 2, y - h / 2, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": class_ids[i], "name": name} for i, name in names.items() if i < len(class_ids)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _numbered(truth: Mapping[str, Any], predictions: Sequence[Mapping[str, Any]]) -> tuple[dict, list[dict]]:
    """Return both with whole-number picture ids, which the tools need."""
    number = {image["id"]: i for i, image in enumerate(truth["images"], 1)}
    out = {
        **truth,
        "info": truth.get("info", {}),
        "images": [{**image, "id": number[image["id"]]} for image in truth["images"]],
        "annotations": [{**a, "image_id": number[a["image_id"]]} for a in truth["annotations"]],
    }
    known = [p for p in predictions if p["image_id"] in number]
    return out, [{**p, "image_id": number[p["image_id"]]} for p in known]


def evaluate_coco(
    truth: str | Path | Mapping[str, Any],
    predictions: Sequence[Mapping[str, Any]],
    iou_type: str = "bbox",
    images: Sequence[int | str] | None = None,
) -> dict[str, float]:
    """Return COCO's summary figures: mAP50-95, mAP50, mAP75, mAP_small, mAP_medium, mAP_large.

    At most 100 detections per picture count, as COCO defines it.

    Args:
        truth: annotation file or its content.
        predictions: rows of `predictions.json`.
        iou_type: "bbox", "segm" or "keypoints".
        images: evaluate only these picture ids; all when None.

    Raises:
        ImportError: if no evaluation tool is installed.
    """
    backend = next((name for name in BACKENDS if find_spec(name) is not None), None)
    if backend is None:
        raise ImportError("COCO evaluation needs faster-coco-eval: pip install 'ultralytics[extra]'.")
    if isinstance(truth, (str, Path)):
        truth = json.loads(Path(truth).read_text(encoding="utf-8"))
    if images is not None:
        wanted = set(images)
        truth = {
            **truth,
            "images": [image for image in truth["images"] if image["id"] in wanted],
            "annotations": [a for a in truth["annotations"] if a["image_id"] in wanted],
        }
    truth, rows = _numbered(truth, predictions)
    if not rows or not truth["annotations"]:
        return dict.fromkeys(SUMMARY, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):  # both tools print tables of their own
        stats = _run(backend, truth, rows, iou_type)
    return {name: float(value) for name, value in zip(SUMMARY, stats, strict=False)}


def _run(backend: str, truth: dict, rows: list[dict], iou_type: str) -> Sequence[float]:
    if backend == "faster_coco_eval":
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as Evaluation
    else:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval as Evaluation
    annotations = COCO()
    annotations.dataset = truth
    annotations.createIndex()
    evaluation = Evaluation(annotations, annotations.loadRes(rows), iou_type)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats
