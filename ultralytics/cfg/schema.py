"""Every argument of `train`, `val`, `predict`, `export` and the rest: one row each.

Defaults, type and range checks, help texts and documentation are derived from these rows; `default.yaml` repeats the
defaults for readers, and a test compares the two. The order is the public one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ultralytics.cfg import values
from ultralytics.cfg.errors import ConfigError, ConfigTypeError, ConfigValueError

__all__ = ["ARGS", "EXTRA_KEYS", "GROUPS", "REMOVED", "Arg", "defaults"]

GROUPS = {
    "run": "Run",
    "train": "Training",
    "val": "Validation",
    "predict": "Prediction and drawing",
    "export": "Export",
    "hyper": "Optimiser and losses",
    "augment": "Augmentation",
    "files": "Further files",
}

EXTRA_KEYS = frozenset({"augmentations", "save_dir"})  # legal in calls, never in a file

REMOVED = frozenset({"label_smoothing", "save_hybrid", "crop_fraction", "keras"})  # accepted with a warning, no effect


@dataclass(frozen=True)
class Arg:
    """One argument.

    Attributes:
        name: key.
        kind: int, float, bool, str, or object for anything.
        default: value where the user gives none.
        group: key of `GROUPS`.
        help: one line for people.
        ge, le: smallest and largest number.
        none: whether None is allowed; always where it is the default.
        read: further check that returns the value to use and raises with the allowed values as text.
    """

    name: str
    kind: type
    default: Any
    group: str
    help: str
    ge: float | None = None
    le: float | None = None
    none: bool = False
    read: Callable[[Any], Any] | None = None

    @property
    def allowed(self) -> str:
        """What the argument takes, in words."""
        noun = {int: "a whole number", float: "a number", bool: "True or False", str: "text"}.get(self.kind, "a value")
        if self.ge is not None and self.le is not None:
            noun += f" in {self.ge:g}..{self.le:g}"
        elif self.ge is not None:
            noun += f" of {self.ge:g} or more"
        return noun + (", or None" if self.default is None or self.none else "")

    def check(self, value: Any) -> Any:
        """Return the value to use.

        Raises:
            ConfigTypeError: wrong type, or None where there must be a value.
            ConfigValueError: out of range.
        """
        if value is None and (self.default is None or self.none):
            return None
        if self.read is not None:
            try:
                return self.read(value)
            except ConfigError:
                raise
            except TypeError as error:
                raise ConfigTypeError(self._fault(value, str(error))) from None
            except ValueError as error:
                raise ConfigValueError(self._fault(value, str(error))) from None
        if self.kind is object:
            return value
        value = int(value) if self.kind is int and isinstance(value, float) and value.is_integer() else value
        fits = values.is_number(value) if self.kind is float else isinstance(value, self.kind)
        if not fits or (isinstance(value, bool) and self.kind is not bool):
            raise ConfigTypeError(self._fault(value, self.allowed))
        if (self.ge is not None and value < self.ge) or (self.le is not None and value > self.le):
            raise ConfigValueError(self._fault(value, self.allowed))
        return value

    def cast(self, value: Any) -> Any:
        """Return the value converted to the argument's type and pressed into its range.

        Raises:
            ConfigError: it cannot be converted.
        """
        if value is None or self.read is not None or self.kind is object:
            return self.check(value)
        try:
            value = self.kind(value)
        except (TypeError, ValueError):
            raise ConfigTypeError(self._fault(value, self.allowed)) from None
        if self.ge is not None:
            value = max(value, self.kind(self.ge))
        return self.check(value if self.le is None else min(value, self.kind(self.le)))

    def _fault(self, value: Any, allowed: str) -> str:
        shown = f"'{value}' ({type(value).__name__})" if isinstance(value, str) else f"{value} ({type(value).__name__})"
        return f"{self.name}={shown} is not valid; {self.name} takes {allowed}. Default: {self.default}."


def _read_batch(value: Any) -> int | float:
    """A whole number of images, -1 for automatic, or a share of the GPU's memory."""
    allowed = "a whole number of images, -1 for automatic, or a share of the GPU's memory such as 0.7"
    if not values.is_number(value):
        raise TypeError(allowed)
    if value == int(value) and (value > 0 or value == -1):
        return int(value)
    if 0 < value < 1:
        return value
    raise ValueError(allowed)


def _share(name: str, default: float | None, group: str, help: str) -> Arg:
    return Arg(name, float, default, group, help, ge=0, le=1)


def _switch(name: str, default: bool | None, group: str, help: str) -> Arg:
    return Arg(name, bool, default, group, help)


_ROWS = (
    # run
    Arg("task", object, "detect", "run", "what the model does: detect, segment, semantic, depth, classify, pose, obb"),
    Arg("mode", object, "train", "run", "what to do: train, val, predict, export, track, benchmark"),
    Arg("model", object, None, "run", "weights such as yolov8n.pt, or a model description such as yolov8n.yaml"),
    Arg("data", object, None, "run", "data set description such as coco8.yaml; for classify a folder"),
    # training
    Arg("epochs", int, 100, "train", "passes over the training set", ge=1),
    Arg("time", float, None, "train", "hours to train; takes the place of epochs"),
    Arg("patience", int, 100, "train", "stop after so many epochs without a gain; 0 never stops early", ge=0),
    Arg(
        "batch",
        object,
        16,
        "train",
        "images in a step; -1 or a share of GPU memory such as 0.7 finds it",
        read=_read_batch,
    ),
    Arg("imgsz", object, 640, "train", "image size in pixels; [height, width] for predict and export"),
    _switch("save", True, "train", "write checkpoints, or the drawn predictions"),
    Arg("save_period", int, -1, "train", "also keep a checkpoint every so many epochs; below 1 off"),
    Arg("cache", object, False, "train", "keep images in memory: True or ram, disk, False", read=values.read_cache),
    Arg("device", object, None, "train", "cpu, mps, 0, 0,1 or -1 for an idle GPU; empty takes the best there is"),
    Arg("workers", int, 8, "train", "processes that load images, for each training process", ge=0),
    Arg("project", object, None, "train", "folder that holds the runs"),
    Arg("name", object, None, "train", "name of the run; for some export formats the target chip"),
    _switch("exist_ok", False, "train", "write into an existing run folder"),
    Arg("pretrained", object, True, "train", "start from pretrained weights: True, False or a path"),
    _switch("cls_remap", True, "train", "take over classifier rows of classes with the same name"),
    Arg("optimizer", str, "auto", "train", "SGD, MuSGD, Adam, Adamax, AdamW, NAdam, RAdam, RMSProp or auto"),
    _switch("verbose", True, "train", "say more"),
    Arg("seed", int, 0, "train", "seed of all random numbers", ge=0),
    _switch("deterministic", True, "train", "use kernels that repeat their results exactly"),
    _switch("single_cls", False, "train", "treat all classes as one"),
    _switch("rect", False, "train", "batches of similar shapes instead of squares"),
    _switch("cos_lr", False, "train", "let the learning rate fall along a cosine"),
    Arg("close_mosaic", int, 10, "train", "no mosaic and mixing in so many last epochs"),
    Arg("resume", object, False, "train", "go on with an interrupted run: True, or the path of its last.pt"),
    Arg("amp", object, True, "train", "mixed precision: True or fp16, bf16, False or fp32", read=values.read_amp),
    Arg("fraction", object, 1.0, "train", "ratio or number of images to use", read=values.read_fraction),
    _switch("profile", False, "train", "time exported models for loggers"),
    Arg("freeze", object, None, "train", "freeze the first n layers, or a list of layers", read=values.read_freeze),
    _share("multi_scale", 0.0, "train", "vary the image size by this share of it"),
    Arg(
        "compile",
        object,
        False,
        "train",
        "compile the model: True, False or a mode of torch.compile",
        read=values.read_compile,
    ),
    _switch("channels_last", None, "train", "memory order of images; empty decides by device"),
    _switch("overlap_mask", True, "train", "one mask for all objects, larger ones below"),
    Arg("mask_ratio", int, 4, "train", "masks are so many times smaller than images in training", ge=1),
    _share("dropout", 0.0, "train", "dropout of the classify head"),
    # validation
    _switch("val", True, "val", "validate during training"),
    Arg("split", str, "val", "val", "part of the data set to validate on: val, test or train"),
    _switch("save_json", False, "val", "write detections as COCO JSON"),
    _share("conf", None, "val", "confidence a detection needs; empty is 0.25 for predict, 0.001 for val (obb 0.01)"),
    _share("iou", 0.7, "val", "overlap above which the weaker of two boxes is dropped"),
    Arg("max_det", int, 300, "val", "most detections in an image", ge=1),
    Arg("quantize", object, None, "val", "precision: 8, 16, 32, w8a16, w8a32", read=values.read_quantize),
    _switch("dnn", False, "val", "run ONNX files with OpenCV; in export: for any OpenCV"),
    _switch("plots", True, "val", "draw curves and sample images"),
    _switch("nms", None, "val", "True: suppression inside the export; False: the head without suppression"),
    # prediction
    Arg("source", object, None, "predict", "image, video, folder, address, camera number, list"),
    Arg("vid_stride", int, 1, "predict", "take every n-th frame of a video", ge=1),
    _switch("stream_buffer", False, "predict", "keep all frames of a stream instead of the newest"),
    _switch("visualize", False, "predict", "draw feature maps; for val hits and misses"),
    _switch("augment", False, "predict", "combine several sizes and flips"),
    _switch("agnostic_nms", False, "predict", "boxes of different classes suppress each other"),
    Arg("classes", object, None, "predict", "keep only these class numbers"),
    _switch("retina_masks", False, "predict", "masks at the size of the image"),
    Arg("embed", object, None, "predict", "return features of these layers instead of detections"),
    _switch("show", False, "predict", "show results in a window"),
    _switch("save_frames", False, "predict", "save the frames of videos as images"),
    _switch("save_txt", False, "predict", "save results as label files"),
    _switch("save_conf", False, "predict", "add the confidence to label files"),
    _switch("save_crop", False, "predict", "save the detected objects as images"),
    _switch("show_labels", True, "predict", "draw class names"),
    _switch("show_conf", True, "predict", "draw confidences"),
    _switch("show_boxes", True, "predict", "draw boxes"),
    Arg("line_width", int, None, "predict", "line width in pixels; empty follows the image size"),
    # export
    Arg("format", object, "torchscript", "export", "format to export to"),
    _switch("optimize", False, "export", "optimise for the target where the format can"),
    _switch("dynamic", False, "export", "let batch and image size vary"),
    _switch("simplify", True, "export", "simplify the graph"),
    Arg("opset", int, None, "export", "ONNX operator set; empty takes a well supported one"),
    Arg("workspace", float, None, "export", "working memory for TensorRT in GiB"),
    # hyper-parameters
    _share("lr0", 0.01, "hyper", "learning rate at the start"),
    _share("lrf", 0.01, "hyper", "learning rate at the end, as a share of lr0"),
    _share("momentum", 0.937, "hyper", "momentum of SGD, beta1 of Adam"),
    _share("weight_decay", 0.0005, "hyper", "weight decay"),
    Arg("warmup_epochs", float, 3.0, "hyper", "epochs of rising learning rate", ge=0),
    _share("warmup_momentum", 0.8, "hyper", "momentum at the start of the warm-up"),
    _share("warmup_bias_lr", 0.1, "hyper", "learning rate of biases at the start of the warm-up"),
    Arg("distill_model", object, None, "hyper", "weights of a teacher model"),
    Arg("dis", float, 6.0, "hyper", "gain of the distillation loss"),
    Arg("box", float, 7.5, "hyper", "gain of the box loss"),
    Arg("cls", float, 0.5, "hyper", "gain of the class loss"),
    _share("cls_pw", 0.0, "hyper", "power of class weights by inverse frequency"),
    Arg("dfl", float, 1.5, "hyper", "gain of the distribution focal loss"),
    Arg("pose", float, 12.0, "hyper", "gain of the keypoint loss"),
    Arg("kobj", float, 1.0, "hyper", "gain of the keypoint visibility loss"),
    Arg("rle", float, 1.0, "hyper", "gain of the keypoint likelihood loss"),
    Arg("angle", float, 1.0, "hyper", "gain of the angle loss"),
    Arg("dlog", float, 1.0, "hyper", "gain of the depth loss in logarithms"),
    Arg("dgrad", float, 0.5, "hyper", "gain of the depth gradient loss"),
    _share("dlam", 1.0, "hyper", "variance focus of the depth loss"),
    Arg("nbs", int, 64, "hyper", "batch size that weight decay and gains refer to", ge=1),
    # augmentation
    _share("hsv_h", 0.015, "augment", "hue change"),
    _share("hsv_s", 0.7, "augment", "saturation change"),
    _share("hsv_v", 0.4, "augment", "brightness change"),
    Arg("degrees", float, 0.0, "augment", "rotation in degrees, both ways"),
    _share("translate", 0.1, "augment", "shift as a share of the image"),
    Arg("scale", object, 0.5, "augment", "change of size: a gain, or two factors", read=values.read_scale),
    Arg("shear", float, 0.0, "augment", "shear in degrees, both ways"),
    _share("perspective", 0.0, "augment", "perspective, useful up to 0.001"),
    _share("flipud", 0.0, "augment", "probability of a flip upside down"),
    _share("fliplr", 0.5, "augment", "probability of a flip left to right"),
    _share("bgr", 0.0, "augment", "probability of swapped colour channels"),
    _share("mosaic", 1.0, "augment", "probability of a mosaic of four images"),
    _share("mixup", 0.0, "augment", "probability of blending two images"),
    _share("cutmix", 0.0, "augment", "probability of pasting a part of another image"),
    _share("copy_paste", 0.0, "augment", "probability of copying objects"),
    Arg("copy_paste_mode", str, "flip", "augment", "flip or mixup", read=values.read_choice("flip", "mixup")),
    Arg(
        "auto_augment",
        str,
        "randaugment",
        "augment",
        "policy for classify: randaugment, autoaugment, augmix",
        none=True,
    ),
    _share("erasing", 0.4, "augment", "probability of erasing a part, for classify"),
    # further files
    Arg("cfg", object, None, "files", "YAML file whose values replace these defaults"),
    Arg("tracker", object, "tracktrack.yaml", "files", "tracker settings"),
    _switch("trust", False, "files", "run code that a checkpoint or a data set brings; only for files you trust"),
)

ARGS: dict[str, Arg] = {row.name: row for row in _ROWS}


def defaults() -> dict[str, Any]:
    """Return a new dictionary of all defaults in the public order."""
    return {name: row.default for name, row in ARGS.items()}
