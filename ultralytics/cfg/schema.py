"""Every argument of `train`, `val`, `predict`, `export` and the rest: one row each.

Defaults, type and range checks, help texts and documentation are derived from these rows; `default.yaml` repeats the
defaults for readers, and a test compares the two. The order is the public one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ultralytics.cfg import values
from ultralytics.cfg.arg import Arg
from ultralytics.cfg.tasks import MODES, TASKS

__all__ = ["ARGS", "EXTRA_ARGS", "EXTRA_KEYS", "GROUPS", "REMOVED", "Arg", "Group", "defaults"]


@dataclass(frozen=True)
class Group:
    """Arguments of one subject.

    Attributes:
        title: heading.
        modes: modes that use them, where a row says nothing else.
    """

    title: str
    modes: tuple[str, ...]


PREDICT = ("predict", "track")
EVERY = MODES
GROUPS = {
    "run": Group("Run", EVERY),
    "train": Group("Training", ("train",)),
    "val": Group("Validation", ("train", "val")),
    "predict": Group("Prediction and drawing", PREDICT),
    "export": Group("Export", ("export",)),
    "hyper": Group("Optimiser and losses", ("train",)),
    "augment": Group("Augmentation", ("train",)),
    "files": Group("Further files", EVERY),
}

REMOVED = frozenset({"label_smoothing", "save_hybrid", "crop_fraction", "keras"})  # accepted with a warning, no effect

# Tasks by what their models give, for rows that not every task uses.
BOXES = ("detect", "segment", "pose", "obb")
PICTURES = tuple(task for task in TASKS if task != "classify")  # whole pictures are cut and put together


def _share(name: str, default: float | None, group: str, help: str, **more: Any) -> Arg:
    return Arg(name, float, default, group, help, ge=0, le=1, **more)


def _switch(name: str, default: bool | None, group: str, help: str, **more: Any) -> Arg:
    return Arg(name, bool, default, group, help, **more)


def _gain(name: str, default: float, help: str, *tasks: str) -> Arg:
    return Arg(name, float, default, "hyper", help, ge=0, tasks=tasks)


def _path(name: str, default: Any, group: str, help: str, read: Any = values.read_path, **more: Any) -> Arg:
    return Arg(name, object, default, group, help, read=read, **{"written": "path", **more})


_ROWS = (
    # run
    Arg(
        "task",
        object,
        "detect",
        "run",
        "what the model does: detect, segment, semantic, depth, classify, pose, obb",
        none=True,
        read=values.read_word,
    ),
    Arg(
        "mode",
        object,
        "train",
        "run",
        "what to do: train, val, predict, export, track, benchmark",
        none=True,
        read=values.read_word,
    ),
    _path(
        "model",
        None,
        "run",
        "weights such as yolov8n.pt, or a model description such as yolov8n.yaml",
        read=values.read_model,
    ),
    _path(
        "data",
        None,
        "run",
        "data set description such as coco8.yaml; for classify a folder",
        read=values.read_data,
        modes=("train", "val", "export", "benchmark"),
    ),
    # training
    Arg("epochs", int, 100, "train", "passes over the training set", ge=1),
    Arg("time", float, None, "train", "hours to train; takes the place of epochs", ge=0),
    Arg("patience", int, 100, "train", "stop after so many epochs without a gain; 0 never stops early", ge=0),
    Arg(
        "batch",
        object,
        16,
        "train",
        "images in a step; -1 or a share of GPU memory such as 0.7 finds it",
        read=values.read_batch,
        modes=("train", "val", "predict", "track", "export"),
    ),
    Arg(
        "imgsz",
        object,
        640,
        "train",
        "image size in pixels; [height, width] for predict and export",
        read=values.read_imgsz,
        modes=EVERY,
    ),
    _switch("save", True, "train", "write checkpoints, or the drawn predictions", modes=("train", *PREDICT)),
    Arg("save_batches", int, 0, "train", "also write last.pt every so many batches of an epoch; 0 off", ge=0),
    Arg("save_period", int, -1, "train", "also keep a checkpoint every so many epochs; below 1 off"),
    Arg(
        "cache",
        object,
        False,
        "train",
        "keep images in memory: True or ram, disk, False",
        read=values.read_cache,
        modes=("train", "val"),
    ),
    Arg(
        "device",
        object,
        None,
        "train",
        "cpu, mps, 0, 0,1 or -1 for an idle GPU; empty takes the best there is",
        read=values.read_device,
        modes=EVERY,
    ),
    Arg(
        "workers",
        int,
        8,
        "train",
        "processes that load images, for each training process",
        ge=0,
        modes=("train", "val"),
    ),
    _path(
        "project",
        None,
        "train",
        "folder that holds the runs",
        read=values.read_name,
        written="text",
        modes=("train", "val", *PREDICT),
    ),
    _path(
        "name",
        None,
        "train",
        "name of the run; for some export formats the target chip",
        read=values.read_name,
        written="text",
        modes=("train", "val", *PREDICT, "export"),
    ),
    _switch("exist_ok", False, "train", "write into an existing run folder", modes=("train", "val", *PREDICT)),
    _path(
        "pretrained",
        True,
        "train",
        "start from pretrained weights: True, False or a path",
        read=values.read_switch_or_path,
        none=True,
    ),
    _switch("cls_remap", True, "train", "take over classifier rows of classes with the same name"),
    Arg("optimizer", str, "auto", "train", "SGD, MuSGD, Adam, Adamax, AdamW, NAdam, RAdam, RMSProp or auto"),
    _switch("verbose", True, "train", "say more", modes=EVERY),
    Arg("seed", int, 0, "train", "seed of all random numbers", ge=0),
    _switch("deterministic", True, "train", "use kernels that repeat their results exactly"),
    _switch("single_cls", False, "train", "treat all classes as one", modes=("train", "val")),
    _switch("rect", False, "train", "batches of similar shapes instead of squares", modes=("train", "val", *PREDICT)),
    _switch("cos_lr", False, "train", "let the learning rate fall along a cosine"),
    Arg("close_mosaic", int, 10, "train", "no mosaic and mixing in so many last epochs", tasks=PICTURES),
    _path(
        "resume",
        False,
        "train",
        "go on with an interrupted run: True, the path of its last.pt, or auto",
        read=values.read_switch_or_path,
        none=True,
    ),
    Arg("amp", object, True, "train", "mixed precision: True or fp16, bf16, False or fp32", read=values.read_amp),
    Arg(
        "fraction",
        object,
        1.0,
        "train",
        "ratio or number of images to use",
        read=values.read_fraction,
        modes=("train", "val", "export"),
    ),
    _switch("profile", False, "train", "time exported models for loggers"),
    Arg("freeze", object, None, "train", "freeze the first n layers, or a list of layers", read=values.read_freeze),
    _share("multi_scale", 0.0, "train", "vary the image size by this share of it", tasks=PICTURES),
    Arg(
        "compile",
        object,
        False,
        "train",
        "compile the model: True, False or a mode of torch.compile",
        read=values.read_compile,
        modes=("train", "val", *PREDICT),
    ),
    _switch(
        "channels_last",
        None,
        "train",
        "memory order of images; empty decides by device",
        modes=("train", "val", *PREDICT),
    ),
    _switch(
        "overlap_mask",
        True,
        "train",
        "one mask for all objects, larger ones below",
        modes=("train", "val"),
        tasks=("segment",),
    ),
    Arg(
        "mask_ratio",
        int,
        4,
        "train",
        "masks are so many times smaller than images in training",
        ge=1,
        le=32,
        modes=("train", "val"),
        tasks=("segment",),
    ),
    _share("dropout", 0.0, "train", "dropout of the classify head", tasks=("classify",)),
    # validation
    _switch("val", True, "val", "validate during training", modes=("train",)),
    Arg("split", str, "val", "val", "part of the data set to validate on: val, test or train", modes=("val",)),
    _switch("save_json", False, "val", "write detections as COCO JSON", tasks=BOXES),
    _share(
        "conf",
        None,
        "val",
        "confidence a detection needs; empty: predict 0.25, track 0.1, val 0.001 (obb 0.01)",
        modes=("train", "val", *PREDICT, "export"),
        tasks=BOXES,
    ),
    _share(
        "iou",
        0.7,
        "val",
        "overlap above which the weaker of two boxes is dropped",
        modes=("train", "val", *PREDICT, "export"),
        tasks=BOXES,
    ),
    Arg(
        "max_det",
        int,
        300,
        "val",
        "most detections in an image",
        ge=1,
        modes=("train", "val", *PREDICT, "export"),
        tasks=BOXES,
    ),
    Arg(
        "quantize",
        object,
        None,
        "val",
        "precision: 8, 16, 32, w8a16, w8a32",
        read=values.read_quantize,
        modes=("val", *PREDICT, "export", "benchmark"),
    ),
    _switch(
        "dnn",
        False,
        "val",
        "run ONNX files with OpenCV; in export: for any OpenCV",
        modes=("val", *PREDICT, "export"),
    ),
    _switch("plots", True, "val", "draw curves and sample images"),
    _switch(
        "nms",
        None,
        "val",
        "True: suppression inside the export; False: the head without suppression",
        modes=("val", *PREDICT, "export"),
        tasks=BOXES,
    ),
    # prediction
    _path(
        "source",
        None,
        "predict",
        "image, video, folder, address, camera number, list",
        read=values.read_source,
        written="source",
    ),
    Arg("vid_stride", int, 1, "predict", "take every n-th frame of a video", ge=1),
    _switch("stream_buffer", False, "predict", "keep all frames of a stream instead of the newest"),
    _switch("visualize", False, "predict", "draw feature maps; for val hits and misses", modes=("val", *PREDICT)),
    _switch("augment", False, "predict", "combine several sizes and flips", modes=("val", *PREDICT)),
    _switch(
        "agnostic_nms",
        False,
        "predict",
        "boxes of different classes suppress each other",
        modes=("val", *PREDICT, "export"),
        tasks=BOXES,
    ),
    Arg("classes", object, None, "predict", "keep only these class numbers", read=values.read_classes, tasks=BOXES),
    _switch("retina_masks", False, "predict", "masks at the size of the image", tasks=("segment",)),
    Arg(
        "embed",
        object,
        None,
        "predict",
        "return features of these layers instead of detections",
        read=values.read_layers,
        modes=("predict",),
    ),
    _switch("show", False, "predict", "show results in a window"),
    _switch("save_frames", False, "predict", "save the frames of videos as images"),
    _switch("save_txt", False, "predict", "save results as label files", modes=("val", *PREDICT)),
    _switch("save_conf", False, "predict", "add the confidence to label files", modes=("val", *PREDICT)),
    _switch("save_crop", False, "predict", "save the detected objects as images", tasks=BOXES),
    _switch("show_labels", True, "predict", "draw class names"),
    _switch("show_conf", True, "predict", "draw confidences"),
    _switch("show_boxes", True, "predict", "draw boxes", tasks=BOXES),
    Arg("line_width", int, None, "predict", "line width in pixels; empty follows the image size", ge=0, le=32767),
    # export
    Arg(
        "format",
        object,
        "torchscript",
        "export",
        "format to export to",
        read=values.read_word,
        modes=("export", "benchmark"),
    ),
    _switch("optimize", False, "export", "optimise for the target where the format can"),
    Arg(
        "dynamic",
        object,
        False,
        "export",
        "let batch and image size vary, or with batch that alone",
        read=values.read_dynamic,
    ),
    _switch("simplify", True, "export", "simplify the graph"),
    Arg("opset", int, None, "export", "ONNX operator set; empty takes a well supported one", ge=1),
    Arg("workspace", float, None, "export", "working memory for TensorRT in GiB", ge=0),
    # hyper-parameters
    _share("lr0", 0.01, "hyper", "learning rate at the start"),
    _share("lrf", 0.01, "hyper", "learning rate at the end, as a share of lr0"),
    _share("momentum", 0.937, "hyper", "momentum of SGD, beta1 of Adam"),
    _share("weight_decay", 0.0005, "hyper", "weight decay"),
    Arg("warmup_epochs", float, 3.0, "hyper", "epochs of rising learning rate", ge=0),
    _share("warmup_momentum", 0.8, "hyper", "momentum at the start of the warm-up"),
    _share("warmup_bias_lr", 0.1, "hyper", "learning rate of biases at the start of the warm-up"),
    _path("distill_model", None, "hyper", "weights of a teacher model"),
    _gain("dis", 6.0, "gain of the distillation loss"),
    _gain("box", 7.5, "gain of the box loss", *BOXES),
    _gain("cls", 0.5, "gain of the class loss", *BOXES),
    _share("cls_smoothing", 0.0, "hyper", "share of a label that goes to all classes", tasks=("classify",)),
    _switch("cls_bce", False, "hyper", "a yes or no for each class instead of one of them", tasks=("classify",)),
    _share("cls_pw", 0.0, "hyper", "power of class weights by inverse frequency", tasks=BOXES),
    _gain("dfl", 1.5, "gain of the distribution focal loss", *BOXES),
    _gain("pose", 12.0, "gain of the keypoint loss", "pose"),
    _gain("kobj", 1.0, "gain of the keypoint visibility loss", "pose"),
    _gain("rle", 1.0, "gain of the keypoint likelihood loss", "pose"),
    _gain("angle", 1.0, "gain of the angle loss", "obb"),
    _gain("dlog", 1.0, "gain of the depth loss in logarithms", "depth"),
    _gain("dgrad", 0.5, "gain of the depth gradient loss", "depth"),
    _share("dlam", 1.0, "hyper", "variance focus of the depth loss", tasks=("depth",)),
    Arg("nbs", int, 64, "hyper", "batch size that weight decay and gains refer to", ge=1),
    # augmentation
    _share("hsv_h", 0.015, "augment", "hue change"),
    _share("hsv_s", 0.7, "augment", "saturation change"),
    _share("hsv_v", 0.4, "augment", "brightness change"),
    Arg("degrees", float, 0.0, "augment", "rotation in degrees, both ways", tasks=PICTURES),
    _share("translate", 0.1, "augment", "shift as a share of the image", tasks=PICTURES),
    Arg("scale", object, 0.5, "augment", "change of size: a gain, or two factors", read=values.read_scale),
    Arg("shear", float, 0.0, "augment", "shear in degrees, both ways", tasks=PICTURES),
    _share("perspective", 0.0, "augment", "perspective, useful up to 0.001", tasks=PICTURES),
    _share("flipud", 0.0, "augment", "probability of a flip upside down"),
    _share("fliplr", 0.5, "augment", "probability of a flip left to right"),
    _share("bgr", 0.0, "augment", "probability of swapped colour channels", tasks=PICTURES),
    _share("mosaic", 1.0, "augment", "probability of a mosaic of four images", tasks=PICTURES),
    _share("mixup", 0.0, "augment", "probability of blending two images"),
    _share("cutmix", 0.0, "augment", "probability of pasting a part of another image"),
    _share("copy_paste", 0.0, "augment", "probability of copying objects", tasks=("detect", "segment")),
    Arg(
        "copy_paste_mode",
        str,
        "flip",
        "augment",
        "flip or mixup",
        read=values.read_choice("flip", "mixup"),
        tasks=("detect", "segment"),
    ),
    Arg(
        "auto_augment",
        str,
        "randaugment",
        "augment",
        "policy for classify: randaugment, autoaugment, augmix",
        none=True,
        tasks=("classify",),
    ),
    _share("erasing", 0.4, "augment", "probability of erasing a part, for classify", tasks=("classify",)),
    # further files
    _path("cfg", None, "files", "YAML file whose values replace these defaults"),
    _path("tracker", "tracktrack.yaml", "files", "tracker settings", modes=("track",)),
    _path(
        "tracks", None, "files", "file for the tracks of a film, as MOT-Challenge rows", modes=("track",), tasks=BOXES
    ),
    _path("file", None, "files", "where an export goes: a path with the format's suffix, or folder", modes=("export",)),
    _switch("trust", False, "files", "run code that a checkpoint or a data set brings; only for files you trust"),
)

ARGS: dict[str, Arg] = {row.name: row for row in _ROWS}

# Legal in calls, never in a file.
EXTRA_ARGS: dict[str, Arg] = {
    "augmentations": Arg(
        "augmentations", object, None, "augment", "transforms of albumentations", read=values.read_transforms
    ),
    "save_dir": _path("save_dir", None, "train", "folder of the run, whatever project and name say"),
    "beside": _path(
        "beside",
        None,
        "run",
        "further models in the table of a benchmark",
        read=values.read_models,
        modes=("benchmark",),
    ),
}
EXTRA_KEYS = frozenset(EXTRA_ARGS)


def defaults() -> dict[str, Any]:
    """Return a new dictionary of all defaults in the public order."""
    return {name: row.default for name, row in ARGS.items()}
