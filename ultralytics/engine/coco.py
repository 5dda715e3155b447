"""COCO evaluation of predictions, by `faster-coco-eval` or `pycocotools` where one is installed.

Truth is an annotation file, or is built from a data set's own labels, so that any data set can be cross-checked.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.data.tools.coco_ids import COCO80_TO_91
from ultralytics.ops.keypoints import BODY_SHARE, oks_sigmas
from ultralytics.utils.literals import read_json

__all__ = ["COCO80_TO_91", "coco_image_id", "encode_masks", "evaluate_coco", "truth_from_labels", "unique_image_ids"]

# What the tools' `stats` begin with; keypoints have no small objects.
SUMMARY = ("mAP50-95", "mAP50", "mAP75", "mAP_small", "mAP_medium", "mAP_large")
KEYPOINT_SUMMARY = ("mAP50-95", "mAP50", "mAP75", "mAP_medium", "mAP_large")
MAX_DIGITS = 19  # of a number that fits 64 bits
BACKENDS = ("faster_coco_eval", "pycocotools")


def coco_image_id(stem: str) -> int | str:
    """Return the id of a picture: its number where the file name is one, else the name."""
    return int(stem) if stem.isdecimal() and len(stem) < MAX_DIGITS else stem


def unique_image_ids(files: Mapping[str, str]) -> dict[str, int | str]:
    """Return an id for every picture of a set: COCO's where no other picture would have the same, else its path.

    Args:
        files: path of a picture -> its path below the folder of all pictures.
    """
    plain = {file: coco_image_id(Path(file).stem) for file in files}
    inner = {file: str(Path(path).with_suffix("")) for file, path in files.items()}
    often = Counter(plain.values()), Counter(inner.values())
    return {
        file: plain[file] if often[0][plain[file]] == 1 else inner[file] if often[1][inner[file]] == 1 else path
        for file, path in files.items()
    }


def truth_from_labels(
    labels: Sequence[Mapping[str, Any]],
    class_ids: Sequence[int],
    names: Mapping[int, str],
    iou_type: str = "bbox",
    image_ids: Mapping[str, int | str] | None = None,
) -> dict:
    """Return a data set's labels in COCO format.

    Args:
        labels: per picture `im_file`, `shape` (h, w), `cls` (n, 1), `bboxes` (n, 4) centre and size as shares, and for
            the types below `segments`, n outlines (P, 2), or `keypoints` (n, K, 3), as shares.
        class_ids: COCO category id of every class index.
        names: class index to class name.
        iou_type: "bbox", "segm" or "keypoints": what the annotations are compared by.
        image_ids: path of a picture -> its id; its name decides where it is not among them.

    Returns:
        `images`, `annotations` and `categories`; objects of classes without an id are left out.
    """
    images, annotations = [], []
    known = image_ids or {}
    for label in labels:
        path = Path(label["im_file"])
        height, width = (int(side) for side in label["shape"])
        number = known.get(str(label["im_file"]), coco_image_id(path.stem))
        images.append({"id": number, "file_name": path.name, "height": height, "width": width})
        for i, category in enumerate(np.asarray(label["cls"]).reshape(-1).astype(int).tolist()):
            if category >= len(class_ids):
                continue
            row = {
                "id": len(annotations) + 1,
                "image_id": images[-1]["id"],
                "category_id": class_ids[category],
                "iscrowd": 0,
            }
            annotations.append({**row, **_annotation(label, i, (height, width), iou_type)})
    categories = [{"id": class_ids[i], "name": name} for i, name in names.items() if i < len(class_ids)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _annotation(label: Mapping[str, Any], i: int, size_hw: tuple[int, int], iou_type: str) -> dict[str, Any]:
    """Return the geometry of object `i` of a picture in pixels."""
    height, width = size_hw
    sides = np.array([width, height], np.float64)
    centre, size = (np.asarray(label["bboxes"][i], np.float64).reshape(2, 2) * sides).tolist()
    x, y = centre[0] - size[0] / 2, centre[1] - size[1] / 2
    out: dict[str, Any] = {"bbox": [x, y, *size], "area": size[0] * size[1]}
    if iou_type == "keypoints":
        points = np.array(label["keypoints"][i], np.float64)
        points[:, :2] *= sides
        seen = int((points[:, 2] > 0).sum())
        return {
            **out,
            "keypoints": points.reshape(-1).tolist(),
            "num_keypoints": seen,
            "area": out["area"] * BODY_SHARE,
        }
    if iou_type == "segm":
        outline = np.asarray(label["segments"][i], np.float64) * sides
        a, b = outline.T
        area = abs(float(a @ np.roll(b, -1) - b @ np.roll(a, -1))) / 2
        return {**out, "segmentation": [outline.reshape(-1).tolist()], "area": area}
    return out


def encode_masks(masks: np.ndarray) -> list[dict[str, Any]]:
    """Return binary masks (N, H, W) as COCO's compressed run lengths: `size` [H, W] and `counts` text.

    Runs go down the columns, zeros first. A run is written as its difference from the last run but one of its kind, in
    groups of five bits, lowest first; a sixth bit says that more groups follow.
    """
    height, width = masks.shape[1:]
    out = []
    for mask in masks:
        column_wise = np.concatenate(([0], np.asarray(mask, bool).T.reshape(-1), [0]))
        turns = np.flatnonzero(column_wise[1:] != column_wise[:-1])
        turns = turns[turns < height * width]
        runs = np.diff(np.concatenate(([0], turns, [height * width])))
        out.append({"size": [int(height), int(width)], "counts": _packed_runs(runs)})
    return out


def _packed_runs(runs: np.ndarray) -> str:
    values = runs.astype(np.int64)
    values[3:] -= runs[1:-2]
    shifts = 5 * np.arange(8)
    groups = (values[:, None] >> shifts) & 31
    rest = values[:, None] >> (shifts + 5)
    last = rest == -(groups >> 4)  # what remains only repeats the sign bit
    kept = np.cumsum(last, 1) - last == 0
    letters = groups + 48 + 32 * ~last
    return letters[kept].astype(np.uint8).tobytes().decode("ascii")


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
    sigmas: Sequence[float] | None = None,
) -> dict[str, float]:
    """Return COCO's summary figures: mAP50-95, mAP50, mAP75, mAP_small, mAP_medium, mAP_large.

    At most 100 detections per picture count, as COCO defines it.

    Args:
        truth: annotation file or its content.
        predictions: rows of `predictions.json`.
        iou_type: "bbox", "segm" or "keypoints".
        images: evaluate only these picture ids; all when None.
        sigmas: spread of every keypoint; those of COCO's 17 joints, or 1 / K for other numbers, when None.

    Raises:
        ImportError: if no evaluation tool is installed.
    """
    backend = next((name for name in BACKENDS if find_spec(name) is not None), None)
    if backend is None:
        raise ImportError("COCO evaluation needs faster-coco-eval: pip install 'ultralytics[extra]'.")
    if isinstance(truth, (str, Path)):
        truth = read_json(truth)
    if images is not None:
        wanted = set(images)
        truth = {
            **truth,
            "images": [image for image in truth["images"] if image["id"] in wanted],
            "annotations": [a for a in truth["annotations"] if a["image_id"] in wanted],
        }
    truth, rows = _numbered(truth, predictions)
    keys = KEYPOINT_SUMMARY if iou_type == "keypoints" else SUMMARY
    if not rows or not truth["annotations"]:
        return dict.fromkeys(keys, 0.0)
    if iou_type == "keypoints":
        count = len(truth["annotations"][0]["keypoints"]) // 3
        sigmas = oks_sigmas((count, 3), sigmas)
    with contextlib.redirect_stdout(io.StringIO()):  # both tools print tables of their own
        stats = _run(backend, truth, rows, iou_type, sigmas)
    return {name: float(value) for name, value in zip(keys, stats, strict=False)}


def _run(
    backend: str, truth: dict, rows: list[dict], iou_type: str, sigmas: np.ndarray | None = None
) -> Sequence[float]:
    if backend == "faster_coco_eval":
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as Evaluation
    else:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval as Evaluation
    annotations = COCO()
    annotations.dataset = truth
    annotations.createIndex()
    evaluation = Evaluation(annotations, annotations.loadRes(_of_type(rows, iou_type)), iou_type)
    if sigmas is not None:
        evaluation.params.kpt_oks_sigmas = np.asarray(sigmas, np.float64)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


def _of_type(rows: list[dict], iou_type: str) -> list[dict]:
    """Return predictions without the geometry of other types: the tools take the first kind that they find."""
    own = {"bbox": "bbox", "segm": "segmentation", "keypoints": "keypoints"}
    others = set(own.values()) - {own[iou_type]}
    return [{key: value for key, value in row.items() if key not in others} for row in rows]
