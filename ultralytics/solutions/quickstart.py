"""`yolo quickstart`: the whole road once, on data that this package draws itself.

Train a small model on the embedded shapes, validate it, export it to ONNX with a dynamic batch, predict the test
pictures with both files and check that they agree. Everything it prints was measured in that run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.data.describe import check_det_dataset
from ultralytics.data.describe_classify import check_cls_dataset
from ultralytics.models.yolo.model import YOLO
from ultralytics.ops.iou import box_iou
from ultralytics.utils.checks import require
from ultralytics.utils.log import LOGGER

__all__ = ["Agreement", "ClassAgreement", "agreement", "class_agreement", "main"]


# Small pictures, small batches and a step after each: what gets furthest in a few minutes on two cores.
DEFAULTS: dict[str, Any] = {
    "epochs": 40,
    "imgsz": 160,
    "batch": 8,
    "nbs": 8,
    "optimizer": "AdamW",
    "lr0": 0.002,
    "momentum": 0.9,
    "seed": 0,
}
TASK_DEFAULTS: dict[str, dict[str, Any]] = {"classify": {"epochs": 25, "imgsz": 96, "batch": 16, "nbs": 16}}
DATA = {"detect": "shapes.yaml", "classify": "shapes-cls"}
DESCRIBE: dict[str, Callable[[str], dict[str, Any]]] = {"classify": check_cls_dataset}  # others: check_det_dataset


@dataclass(frozen=True)
class Agreement:
    """How far two runs over the same pictures agree.

    Attributes:
        images: pictures compared.
        boxes: boxes of the first run that have a partner of the same class in the second.
        missing: boxes of either run without a partner.
        box_px: largest distance between partner corners in pixels.
        conf: largest difference between partner scores.
    """

    images: int
    boxes: int
    missing: int
    box_px: float
    conf: float

    @property
    def ok(self) -> bool:
        """Whether both runs found boxes, and the same ones: all paired, corners within 1 px, scores within 0.01."""
        return self.boxes > 0 and self.missing == 0 and self.box_px <= 1.0 and self.conf <= 0.01

    @property
    def compared(self) -> bool:
        """Whether there was anything to compare."""
        return self.boxes + self.missing > 0

    @property
    def cells(self) -> tuple[str, str]:
        """Two cells of the closing table."""
        return (
            f"{self.boxes} boxes on {self.images} pictures, {self.missing} without a partner",
            f"within {self.box_px:.3f} px, {self.conf:.4f} score",
        )

    @property
    def problem(self) -> str:
        """What an error says."""
        return (
            f"{self.missing} boxes without a partner, corners up to {self.box_px:.2f} px and scores up to "
            f"{self.conf:.3f} apart."
        )


@dataclass(frozen=True)
class ClassAgreement:
    """How far two classifications of the same pictures agree.

    Attributes:
        images: pictures compared.
        different: pictures whose first guesses differ.
        conf: largest difference between probabilities.
    """

    images: int
    different: int
    conf: float

    @property
    def ok(self) -> bool:
        """Whether all first guesses are the same and probabilities within 0.01."""
        return self.images > 0 and self.different == 0 and self.conf <= 0.01

    @property
    def compared(self) -> bool:
        """Whether there was anything to compare."""
        return self.images > 0

    @property
    def cells(self) -> tuple[str, str]:
        """Two cells of the closing table."""
        return f"{self.images} pictures, {self.different} classes differ", f"within {self.conf:.4f} probability"

    @property
    def problem(self) -> str:
        """What an error says."""
        return f"{self.different} of {self.images} classes differ, probabilities are up to {self.conf:.3f} apart."


def agreement(first: Iterable[Any], second: Iterable[Any], iou: float = 0.9) -> Agreement:
    """Pair the boxes of two result lists, image by image: same class, best overlap above `iou`."""
    images = boxes = missing = 0
    box_px = conf = 0.0
    for a, b in zip(first, second, strict=True):
        images += 1
        left, right = a.boxes.data.float().cpu(), b.boxes.data.float().cpu()
        if not len(left) or not len(right):
            missing += len(left) + len(right)
            continue
        overlap = box_iou(left[:, :4], right[:, :4]) * (left[:, None, 5] == right[None, :, 5])
        best, partner = overlap.max(1)
        paired = best > iou
        count = int(paired.sum())
        boxes += count
        missing += max(len(left), len(right)) - min(count, len(torch.unique(partner[paired])))
        if count:
            delta = (left[paired] - right[partner[paired]]).abs()
            box_px = max(box_px, float(delta[:, :4].max()))
            conf = max(conf, float(delta[:, 4].max()))
    return Agreement(images, boxes, missing, box_px, conf)


def class_agreement(first: Iterable[Any], second: Iterable[Any]) -> ClassAgreement:
    """Compare the probabilities of two result lists, image by image."""
    pairs = [(a.probs.data.float().cpu(), b.probs.data.float().cpu()) for a, b in zip(first, second, strict=True)]
    different = sum(int(a.argmax()) != int(b.argmax()) for a, b in pairs)
    return ClassAgreement(len(pairs), different, max((float((a - b).abs().max()) for a, b in pairs), default=0.0))


def main(args: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run the quickstart.

    Args:
        args: `task`, `model`, `data` and any training argument; what is missing takes a default that ends within a few
            minutes on two CPU cores.

    Returns:
        The figures and paths of the printed table.

    Raises:
        ImportError: if the ONNX extra is not installed.
        NotImplementedError: for a task that is not built yet.
    """
    task = dict(args or {}).get("task", "detect")
    options = {**DEFAULTS, **TASK_DEFAULTS.get(task, {}), **(args or {})}
    options.pop("task", None)
    if task not in DATA:
        raise NotImplementedError(f"quickstart has no embedded data for task '{task}'; its tasks are {sorted(DATA)}.")
    for package in ("onnx", "onnxruntime"):
        require(package, extra="export", why="yolo quickstart exports to ONNX")
    info = TASK_INFOS[task]
    name = options.pop("model", f"yolov8n-DynamicConv{info.suffix}.yaml")
    data = options.pop("data", DATA[task])

    start = time.perf_counter()
    model = YOLO(name, task=task)
    model.train(data=data, **options)
    trained = time.perf_counter()
    folder = model.trainer.save_dir
    best = model.trainer.best
    common = {"data": data, "imgsz": options["imgsz"], "device": options.get("device")}

    metrics = model.val(**common, project=folder, name="val_pt", exist_ok=True)
    onnx = Path(model.export(format="onnx", dynamic=True, imgsz=options["imgsz"], device=options.get("device")))
    exported = YOLO(onnx, task=task)
    onnx_metrics = exported.val(**common, project=folder, name="val_onnx", exist_ok=True)

    pictures = test_pictures(data, DESCRIBE.get(task, check_det_dataset))
    shared = {"imgsz": options["imgsz"], "device": options.get("device"), "rect": False, "verbose": False}
    native = model.predict(pictures, **shared, project=folder, name="predict_pt", exist_ok=True, save=True)
    runtime = exported.predict(pictures, **shared, project=folder, name="predict_onnx", exist_ok=True, save=True)
    same = (agreement if native[0].probs is None else class_agreement)(native, runtime)

    key = info.metric
    figures = {
        "model": name,
        "parameters": sum(p.numel() for p in model.model.parameters()),
        "train_seconds": trained - start,
        "total_seconds": time.perf_counter() - start,
        key: float(metrics.results_dict[key]),
        f"{key} (ONNX)": float(onnx_metrics.results_dict[key]),
        "agreement": same,
        "weights": best,
        "onnx": onnx,
        "plots": folder / "results.png",
        "pictures": folder / "predict_pt",
    }
    report(figures, key, metrics, onnx_metrics)
    if not same.compared:
        raise RuntimeError("the model found no box on the test pictures, so there is nothing to compare: more epochs?")
    if not same.ok:
        raise RuntimeError(f"PyTorch and ONNX disagree on the test pictures: {same.problem}")
    return figures


def test_pictures(data: str, describe: Callable[[str], dict[str, Any]] = check_det_dataset) -> list[str]:
    """Return the files of the data set's test split, or of its validation split where it has none."""
    described = describe(data)
    split = described.get("test") or described["val"]
    folders = split if isinstance(split, list) else [split]
    files = sorted(
        str(f) for folder in folders for f in Path(folder).rglob("*") if f.suffix.lower() in {".jpg", ".png"}
    )
    if not files:
        raise FileNotFoundError(f"no pictures to predict in {folders}.")
    return files


def report(figures: Mapping[str, Any], key: str, metrics: Any, onnx_metrics: Any) -> None:
    """Print the closing table."""
    same: Agreement | ClassAgreement = figures["agreement"]
    rows = [
        ("model", figures["model"], f"{figures['parameters']:,} parameters"),
        ("training", f"{figures['train_seconds']:.0f} s", f"everything {figures['total_seconds']:.0f} s"),
        *(
            (k.removeprefix("metrics/"), f"{metrics.results_dict[k]:.4f} PyTorch", f"{v:.4f} ONNX Runtime")
            for k, v in onnx_metrics.results_dict.items()
            if k.startswith(("metrics/mAP", "metrics/accuracy")) or k == key
        ),
        ("agreement", *same.cells),
        ("weights", figures["weights"], ""),
        ("ONNX", figures["onnx"], ""),
        ("plots", figures["plots"], ""),
        ("pictures", figures["pictures"], ""),
    ]
    lines = [f"{head:<14} {first!s:<44} {second!s}".rstrip() for head, first, second in rows]
    LOGGER.info("\n" + "\n".join(["Quickstart", "-" * 14, *lines]) + "\n")
