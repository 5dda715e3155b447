"""Static facts about tasks and modes: one row a task, the public lookup tables derived from them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "MODES",
    "TASK2CALIBRATIONDATA",
    "TASK2DATA",
    "TASK2METRIC",
    "TASK2MODEL",
    "TASKS",
    "TASK_INFOS",
    "TaskInfo",
]

MODES = ("train", "val", "predict", "export", "track", "benchmark")


@dataclass(frozen=True)
class TaskInfo:
    """What is known about a task without building anything.

    Attributes:
        name: public name.
        suffix: part of file names that says the task, `-seg`; empty for detect.
        heads: class names of the heads that make a model one of this task.
        data: data set used where none is given.
        model: weights used where none are given.
        metric: key of the metric that ranks models.
        calibration: data set for INT8 calibration where none is given.
        imgsz: image size in pixels where none is given.
    """

    name: str
    suffix: str
    heads: tuple[str, ...]
    data: str
    model: str
    metric: str
    calibration: str
    imgsz: int = 640


_ROWS = (
    TaskInfo(
        "detect",
        "",
        ("Detect", "v10Detect", "WorldDetect", "YOLOEDetect", "RTDETRDecoder"),
        "coco8.yaml",
        "yolo26n.pt",
        "metrics/mAP50-95(B)",
        "coco128.yaml",
    ),
    TaskInfo(
        "segment",
        "-seg",
        ("Segment", "Segment26", "YOLOESegment", "YOLOESegment26"),
        "coco8-seg.yaml",
        "yolo26n-seg.pt",
        "metrics/mAP50-95(M)",
        "coco128-seg.yaml",
    ),
    TaskInfo(
        "semantic",
        "-sem",
        ("SemanticSegment",),
        "cityscapes8.yaml",
        "yolo26n-sem.pt",
        "metrics/mIoU",
        "cityscapes8.yaml",
    ),
    TaskInfo("depth", "-depth", ("Depth",), "depth8.yaml", "yolo26n-depth.pt", "metrics/delta1", "depth8.yaml"),
    TaskInfo(
        "classify",
        "-cls",
        ("Classify",),
        "imagenet10",
        "yolo26n-cls.pt",
        "metrics/accuracy_top1",
        "imagenet100",
        imgsz=224,
    ),
    TaskInfo(
        "pose",
        "-pose",
        ("Pose", "Pose26"),
        "coco8-pose.yaml",
        "yolo26n-pose.pt",
        "metrics/mAP50-95(P)",
        "coco8-pose.yaml",
    ),
    TaskInfo("obb", "-obb", ("OBB", "OBB26"), "dota8.yaml", "yolo26n-obb.pt", "metrics/mAP50-95(B)", "dota128.yaml"),
)

TASK_INFOS: dict[str, TaskInfo] = {row.name: row for row in _ROWS}
TASKS = tuple(TASK_INFOS)
TASK2DATA = {row.name: row.data for row in _ROWS}
TASK2MODEL = {row.name: row.model for row in _ROWS}
TASK2METRIC = {row.name: row.metric for row in _ROWS}
TASK2CALIBRATIONDATA = {row.name: row.calibration for row in _ROWS}
