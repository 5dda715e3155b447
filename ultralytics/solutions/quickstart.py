"""`yolo quickstart`: the whole road once, on data that this package draws itself.

Train a small model on the embedded shapes, validate it, export it to ONNX with a dynamic batch, predict the test
pictures with both files and check that they agree. Everything it prints was measured in that run. `task=track` takes
another road, see `quickstart_track`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ultralytics.cfg.commands import QUICKSTART
from ultralytics.cfg.merge import DEFAULT_CFG_DICT, check_dict_alignment, checked, modernise
from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.models.yolo.model import YOLO
from ultralytics.solutions.agreement import (
    Agreement,
    ClassAgreement,
    MapAgreement,
    agreement,
    class_agreement,
    compare,
)
from ultralytics.solutions.quickstart_track import TRACK, TRACK_DEFAULTS, track_run
from ultralytics.utils.checks import require
from ultralytics.utils.log import LOGGER

__all__ = ["Agreement", "ClassAgreement", "agreement", "class_agreement", "compare", "main"]


DEFAULTS: dict[str, Any] = QUICKSTART.defaults
# An epoch costs 1.6 times the processor time of detect with masks, 1.2 times with keypoints or angles: fewer of them.
TASK_DEFAULTS: dict[str, dict[str, Any]] = {
    "segment": {"epochs": 14},
    "pose": {"epochs": 20},
    "obb": {"epochs": 20},
    "classify": {"epochs": 25, "imgsz": 96, "batch": 16, "nbs": 16},
    "depth": {"epochs": 20},
}
DATA = {
    "detect": "shapes.yaml",
    "segment": "shapes-seg.yaml",
    "semantic": "shapes-sem.yaml",
    "depth": "shapes-depth.yaml",
    "pose": "shapes-pose.yaml",
    "obb": "shapes-obb.yaml",
    "classify": "shapes-cls",
}
SHOWN = ("metrics/mAP", "metrics/accuracy", "metrics/mIoU", "metrics/pixel_acc", "metrics/delta1", "metrics/abs_rel")
DESCRIBE: dict[str, Callable[[str], dict[str, Any]]] = {"classify": check_cls_dataset}  # others: check_det_dataset


def main(args: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run the quickstart.

    Args:
        args: `task`, `model`, `data` and any training argument; what is missing takes a default that ends within a few
            minutes on two CPU cores. `conf` also holds for the predictions that are compared.

    Returns:
        The figures and paths of the printed table.

    Raises:
        ConfigError: an unknown argument or a wrong value.
        ImportError: if the ONNX extra is not installed.
        NotImplementedError: for a task without embedded data.
        RuntimeError: if PyTorch and ONNX disagree, or found nothing to compare.
    """
    check_dict_alignment(DEFAULT_CFG_DICT, args or {})
    given = checked(modernise(args or {}))
    task = given.pop("task", None) or "detect"
    if task == TRACK:
        return track_run({**DEFAULTS, **TRACK_DEFAULTS, **given})
    if task not in DATA:
        raise NotImplementedError(
            f"quickstart has no embedded data for task '{task}'; its tasks are {', '.join((*DATA, TRACK))}."
        )
    for package in ("onnx", "onnxruntime"):
        require(package, extra="export", why="yolo quickstart exports to ONNX")
    options = {**DEFAULTS, **TASK_DEFAULTS.get(task, {}), **given}
    name = options.pop("model", f"yolov8n-DynamicConv{TASK_INFOS[task].suffix}.yaml")
    data = options.pop("data", DATA[task])

    start = time.perf_counter()
    model = YOLO(name, task=task)
    model.train(data=data, **options)
    seconds = {"train_seconds": time.perf_counter() - start}
    figures = {"model": name, "parameters": sum(p.numel() for p in model.model.parameters()), **seconds}
    figures |= _compare_with_onnx(model, task, data, options)
    figures["total_seconds"] = time.perf_counter() - start

    same: Agreement | ClassAgreement | MapAgreement = figures["agreement"]
    report(figures)
    if not same.compared:
        raise RuntimeError("the model found no box on the test pictures, so there is nothing to compare: more epochs?")
    if not same.ok:
        raise RuntimeError(f"PyTorch and ONNX disagree on the test pictures: {same.problem}")
    return figures


def _compare_with_onnx(model: YOLO, task: str, data: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Validate, export and predict with a model that has just been trained, and with its ONNX file.

    Returns:
        `metrics` and `metrics (ONNX)` by name, the task's main metric of both under its own name, `agreement`, paths.
    """
    folder, best = model.trainer.save_dir, model.trainer.best
    common = {"imgsz": options["imgsz"], "device": options.get("device"), "project": folder, "exist_ok": True}
    metrics = model.val(**common, data=data, name="val_pt").results_dict
    onnx = Path(model.export(format="onnx", dynamic=True, imgsz=options["imgsz"], device=options.get("device")))
    exported = YOLO(onnx, task=task)
    onnx_metrics = exported.val(**common, data=data, name="val_onnx").results_dict

    pictures = test_pictures(data, DESCRIBE.get(task, check_det_dataset))
    shared = {**common, "conf": options.get("conf"), "rect": False, "verbose": False, "save": True}
    native = model.predict(pictures, **shared, name="predict_pt")
    runtime = exported.predict(pictures, **shared, name="predict_onnx")

    key = TASK_INFOS[task].metric
    return {
        key: float(metrics[key]),
        f"{key} (ONNX)": float(onnx_metrics[key]),
        "metrics": metrics,
        "metrics (ONNX)": onnx_metrics,
        "agreement": compare(native, runtime),
        "weights": best,
        "onnx": onnx,
        "plots": folder / "results.png",
        "pictures": folder / "predict_pt",
    }


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


def report(figures: Mapping[str, Any]) -> None:
    """Print the closing table."""
    same: Agreement | ClassAgreement | MapAgreement = figures["agreement"]
    metrics, onnx_metrics = figures["metrics"], figures["metrics (ONNX)"]
    rows = [
        ("model", figures["model"], f"{figures['parameters']:,} parameters"),
        ("training", f"{figures['train_seconds']:.0f} s", f"everything {figures['total_seconds']:.0f} s"),
        *(
            (k.removeprefix("metrics/"), f"{metrics[k]:.4f} PyTorch", f"{v:.4f} ONNX Runtime")
            for k, v in onnx_metrics.items()
            if k.startswith(SHOWN)
        ),
        ("agreement", *same.cells),
        ("weights", figures["weights"], ""),
        ("ONNX", figures["onnx"], ""),
        ("plots", figures["plots"], ""),
        ("pictures", figures["pictures"], ""),
    ]
    lines = [f"{head:<14} {first!s:<46} {second!s}".rstrip() for head, first, second in rows]
    LOGGER.info("\n" + "\n".join(["Quickstart", "-" * 14, *lines]) + "\n")
