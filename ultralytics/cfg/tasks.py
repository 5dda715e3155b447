"""Static facts about tasks and modes: one row each, the public lookup tables derived from them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "MODES",
    "MODE_INFOS",
    "TASK2CALIBRATIONDATA",
    "TASK2DATA",
    "TASK2METRIC",
    "TASK2MODEL",
    "TASKS",
    "TASK_INFOS",
    "ModeInfo",
    "TaskInfo",
]


@dataclass(frozen=True)
class ModeInfo:
    """What the help says about a mode.

    Attributes:
        name: public name.
        about: what it does, in a line.
        text: more about it, in a few sentences.
        examples: two commands.
        family: key of `interface.families.FAMILIES` where the mode is not built.
    """

    name: str
    about: str
    text: str
    examples: tuple[str, str]
    family: str = ""


_MODES = (
    ModeInfo(
        "train",
        "train a model on a data set",
        "Starts from weights (.pt) or from a model description (.yaml), validates after every epoch and keeps "
        "weights/best.pt and weights/last.pt in the folder of the run. A run that was interrupted goes on with "
        "resume=path/to/last.pt.",
        (
            "yolo train model=yolov8n.pt data=coco8.yaml epochs=100 imgsz=640",
            "yolo train model=yolov8n-DynamicConv.yaml data=shapes.yaml epochs=20 imgsz=160",
        ),
    ),
    ModeInfo(
        "val",
        "measure a model on a data set",
        "Takes weights and exported files. Prints precision, recall and mAP by class, and writes curves and sample "
        "pictures.",
        ("yolo val model=yolov8n.pt data=coco8.yaml", "yolo val model=best.onnx data=coco8.yaml split=test save_json"),
    ),
    ModeInfo(
        "predict",
        "run a model on pictures, videos, folders, addresses or a camera",
        "Takes weights and exported files. The pictures are saved with what was found drawn into them; save=False "
        "saves nothing.",
        (
            "yolo predict model=yolov8n.pt source=path/to/images conf=0.4 save_txt",
            "yolo predict model=yolov8n-seg.pt source=video.mp4 vid_stride=2 classes=[0,2]",
        ),
    ),
    ModeInfo(
        "export",
        "write a model in another format",
        "The file stands beside the weights; 'yolo predict model=' and 'yolo val model=' take it.",
        (
            "yolo export model=yolov8n.pt format=onnx dynamic=True",
            "yolo export model=yolov8n.pt format=torchscript imgsz=224,128",
        ),
    ),
    ModeInfo(
        "track",
        "follow objects through a video",
        "Every object gets a number that it keeps. Takes the arguments of predict, and 'tracker=' with a file of "
        "settings, of your own or one of bytetrack.yaml, botsort.yaml, ocsort.yaml, deepocsort.yaml, fasttrack.yaml, "
        "tracktrack.yaml.",
        (
            "yolo track model=yolov8n.pt source=video.mp4 tracker=botsort.yaml",
            "yolo track model=yolov8n-seg.pt source=video.mp4 save_txt conf=0.2",
        ),
    ),
    ModeInfo(
        "benchmark",
        "compare a model in all export formats",
        "Exports, predicts and validates in a process of its own for each format, and writes a table with size, metric "
        "and milliseconds per image, or why a format failed. 'format=onnx,openvino' takes these alone, "
        "'beside=other.pt' adds the rows of a further model, 'verbose=0.3' is an error where a metric is not above "
        "0.3. Arguments of export and val go to those that take them.",
        (
            "yolo benchmark model=yolov8n.pt data=coco8.yaml imgsz=160",
            "yolo benchmark model=yolov8n-DynamicConv.pt beside=yolov8n.pt format=onnx,torchscript imgsz=320",
        ),
    ),
)

MODE_INFOS: dict[str, ModeInfo] = {row.name: row for row in _MODES}
MODES = tuple(MODE_INFOS)


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
        about: what models of it find, in a line.
        imgsz: image size in pixels where none is given.
        class_folders: data sets are folders of classes, and the network sees the middle of a picture.
        family: key of `interface.families.FAMILIES` where the task is not built.
        dataset: import path of a function that chooses the class of a data set by its description; empty for data sets
            with YOLO label files.
    """

    name: str
    suffix: str
    heads: tuple[str, ...]
    data: str
    model: str
    metric: str
    calibration: str
    about: str
    imgsz: int = 640
    class_folders: bool = False
    family: str = ""
    dataset: str = ""


_ROWS = (
    TaskInfo(
        "detect",
        "",
        ("Detect", "v10Detect", "WorldDetect", "YOLOEDetect", "RTDETRDecoder"),
        "coco8.yaml",
        "yolo26n.pt",
        "metrics/mAP50-95(B)",
        "coco128.yaml",
        "find objects as boxes with a class and a confidence",
    ),
    TaskInfo(
        "segment",
        "-seg",
        ("Segment", "Segment26", "YOLOESegment", "YOLOESegment26"),
        "coco8-seg.yaml",
        "yolo26n-seg.pt",
        "metrics/mAP50-95(M)",
        "coco128-seg.yaml",
        "find objects as boxes and outlines",
    ),
    TaskInfo(
        "semantic",
        "-sem",
        ("SemanticSegment",),
        "cityscapes8.yaml",
        "yolo26n-sem.pt",
        "metrics/mIoU",
        "cityscapes8.yaml",
        "give every pixel a class",
        dataset="ultralytics.data.dense.semantic:semantic_class",
    ),
    TaskInfo(
        "depth",
        "-depth",
        ("Depth",),
        "depth8.yaml",
        "yolo26n-depth.pt",
        "metrics/delta1",
        "depth8.yaml",
        "give every pixel a distance",
        dataset="ultralytics.data.dense.depth:depth_class",
    ),
    TaskInfo(
        "classify",
        "-cls",
        ("Classify",),
        "imagenet10",
        "yolo26n-cls.pt",
        "metrics/accuracy_top1",
        "imagenet100",
        "give the whole picture a class",
        imgsz=224,
        class_folders=True,
    ),
    TaskInfo(
        "pose",
        "-pose",
        ("Pose", "Pose26"),
        "coco8-pose.yaml",
        "yolo26n-pose.pt",
        "metrics/mAP50-95(P)",
        "coco8-pose.yaml",
        "find objects as boxes with keypoints",
    ),
    TaskInfo(
        "obb",
        "-obb",
        ("OBB", "OBB26"),
        "dota8.yaml",
        "yolo26n-obb.pt",
        "metrics/mAP50-95(B)",
        "dota128.yaml",
        "find objects as boxes that may stand at any angle",
    ),
)

TASK_INFOS: dict[str, TaskInfo] = {row.name: row for row in _ROWS}
TASKS = tuple(TASK_INFOS)
TASK2DATA = {row.name: row.data for row in _ROWS}
TASK2MODEL = {row.name: row.model for row in _ROWS}
TASK2METRIC = {row.name: row.metric for row in _ROWS}
TASK2CALIBRATIONDATA = {row.name: row.calibration for row in _ROWS}
