"""The special commands of `yolo`, those that are no mode: one record each, with their arguments as records.

Help texts, the checks of a command's arguments and the lists of words are derived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ultralytics.cfg import values
from ultralytics.cfg.arg import Arg
from ultralytics.cfg.errors import check_keys
from ultralytics.cfg.schema import ARGS
from ultralytics.utils.sizes import LARGEST_SIDE

__all__ = [
    "CALIBRATE",
    "DYNAMIZE",
    "INFO",
    "MEASURE",
    "QUICKSTART",
    "ROUTING",
    "SERVE",
    "SHARDS",
    "SPECIALS",
    "TUNE",
    "Special",
]


@dataclass(frozen=True)
class Special:
    """One special command.

    Attributes:
        name: word on the command line.
        about: what it does, in a line.
        text: more about it, in a few sentences.
        examples: two commands.
        args: its arguments.
        takes: what else it takes, for the usage line.
        home: `package.module:function` that runs it, for those that load the network code; called with a mapping of the
            arguments.
        family: key of `interface.families.FAMILIES` where the command is not built.
    """

    name: str
    about: str
    text: str = ""
    examples: tuple[str, ...] = ()
    args: tuple[Arg, ...] = ()
    takes: str = ""
    home: str = ""
    family: str = ""

    @property
    def rows(self) -> dict[str, Arg]:
        """The arguments by name."""
        return {row.name: row for row in self.args}

    @property
    def defaults(self) -> dict[str, Any]:
        """The arguments' defaults by name."""
        return {row.name: row.default for row in self.args}

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call, checked.

        Raises:
            ConfigError: an unknown argument or a wrong value; names what is allowed.
        """
        rows = self.rows
        check_keys(self.name, given, rows)
        return {name: rows[name].check(value) for name, value in given.items()}

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all arguments: those of a call, checked, and the defaults of the others."""
        return {**self.defaults, **self.read(given)}


@values.allows("'stride2', '3x3', or layer numbers such as [3, 5, 7]")
def _read_layers(value: Any) -> Any:
    """Layers that become dynamic: a rule by name, or numbers, which may count from the end."""
    items = value if isinstance(value, (list, tuple)) else [value]
    if value in ("stride2", "3x3") or (items and all(isinstance(i, int) and not isinstance(i, bool) for i in items)):
        return value
    raise ValueError(_read_layers.allowed + values.suggestion(value, ("stride2", "3x3")))


_NC = Arg("nc", int, None, "", "number of classes, for a model description", ge=1)
_OUT_HELP = "name of the new files, without suffix; empty takes the model's with '-dynamic'"

INFO = Special(
    "info",
    "layers, parameters and true FLOPs of a model",
    "FLOPs are counted in full; beside them stands what profilers see that hook modules, which miss dynamic "
    "convolutions. model=all prints a table of every model that ships.",
    (
        "yolo info model=yolov8n-DynamicConv.yaml nc=3 per_layer=True",
        "yolo info model=all out=models.md",
    ),
    (
        replace(ARGS["model"], help="weights, a model description, or 'all'"),
        _NC,
        ARGS["imgsz"],
        Arg("per_layer", bool, False, "", "also a table of the layers"),
        Arg("detailed", bool, False, "", "the same as per_layer"),
        Arg("out", object, None, "", "with model=all: Markdown file to write", read=values.read_path, written="path"),
        ARGS["trust"],
    ),
    home="ultralytics.nn.cost.info:main",
)

DYNAMIZE = Special(
    "dynamize",
    "make a plain model dynamic",
    "Writes a model description with ParameterNet's dynamic convolutions and, for a model with weights, a checkpoint "
    "that starts with the same outputs.",
    (
        "yolo dynamize model=yolov8s.pt layers=stride2 num_experts=4",
        "yolo dynamize model=yolo11n.yaml layers=[3,5,7] out=mine",
    ),
    (
        ARGS["model"],
        Arg("layers", object, "stride2", "", "which layers: stride2, 3x3 or numbers", read=_read_layers),
        Arg("num_experts", int, 4, "", "kernels in a convolution", ge=1, le=1024),
        Arg("out", object, None, "", _OUT_HELP, read=values.read_path, written="path"),
        _NC,
        replace(ARGS["exist_ok"], help="write over existing files"),
        ARGS["trust"],
    ),
    home="ultralytics.nn.dynamic.dynamize:main",
)

ROUTING = Special(
    "routing",
    "how a model with dynamic convolutions weighs its experts",
    "Writes routing.csv and routing.png into the folder of the run.",
    (
        "yolo routing model=best.pt source=path/to/images",
        "yolo routing model=best.pt source=path/to/images by=class imgsz=320",
    ),
    (
        ARGS["model"],
        replace(ARGS["source"], help="a picture, a folder or a pattern", read=values.read_path, written="path"),
        Arg("by", str, "image", "", "a row for each image, or each class", read=values.read_choice("image", "class")),
        Arg("imgsz", int, 640, "", "image size in pixels", ge=1, le=LARGEST_SIDE),
        Arg("save_dir", object, None, "", "folder to write into", read=values.read_path, written="path"),
        ARGS["project"],
        ARGS["name"],
        ARGS["exist_ok"],
        ARGS["trust"],
    ),
    home="ultralytics.nn.dynamic.routing:main",
)

MEASURE = Special(
    "measure",
    "HOTA, MOTA and IDF1 of tracks against true ones",
    "Both are files of MOT-Challenge rows: frame, id, left, top, width, height, confidence, class, visibility. Needs "
    "the extra 'track-quality'.",
    ("yolo measure gt=gt.txt tracks=out.csv", "yolo measure gt=gt.txt tracks=out.csv classes=[0,2]"),
    (
        Arg("gt", object, None, "", "file of the true tracks", read=values.read_path, written="path"),
        Arg("tracks", object, None, "", "file of the tracks to measure", read=values.read_path, written="path"),
        replace(ARGS["classes"], tasks=(), help="count only these class numbers, from 0 as models have them"),
    ),
    home="ultralytics.trackers.measure:main",
)

CALIBRATE = Special(
    "calibrate",
    "fit the scale of a depth model to a data set",
    "Chooses among leaving distances as they are, the scale of before, and a fitted one, by up to 200 pictures, and "
    "puts it into the checkpoint. Training ends with the same.",
    (
        "yolo calibrate model=best.pt data=mine.yaml",
        "yolo calibrate model=yolo26n-depth.pt data=mine.yaml imgsz=640 out=mine.pt",
    ),
    (
        replace(ARGS["model"], help="checkpoint of a depth model"),
        ARGS["data"],
        Arg("out", object, None, "", "file to write instead of the checkpoint", read=values.read_path, written="path"),
        replace(ARGS["imgsz"], default=None, help="image size in pixels; that of the training where left out"),
        ARGS["batch"],
        ARGS["device"],
        ARGS["workers"],
        ARGS["split"],
        replace(ARGS["plots"], default=False, help="draw pictures of before and after"),
        ARGS["project"],
        ARGS["name"],
        ARGS["exist_ok"],
        ARGS["trust"],
    ),
    home="ultralytics.models.yolo.depth.command:main",
)

SHARDS = Special(
    "shards",
    "pack a data set into a few large tar files, to train from them",
    "The folder that it makes can be copied to a web server or an object store; data= takes the folder or the address. "
    "An interrupted run goes on when it is called again.",
    (
        "yolo shards data=coco.yaml out=coco-shards size=256MB",
        "yolo train model=yolov8n.yaml data=http://127.0.0.1:8000/coco-shards",
    ),
    (
        ARGS["data"],
        Arg("out", object, None, "", "folder to write into", read=values.read_path, written="path"),
        Arg("size", object, 256_000_000, "", "bytes of a file, such as 256MB", read=values.read_file_size),
        Arg(
            "task",
            object,
            None,
            "",
            "task of the labels; found out where there is none",
            read=values.read_choice("detect", "segment", "pose", "obb", "classify"),
        ),
        Arg("seed", int, 0, "", "of the order in which pictures to train on are packed", ge=0),
    ),
    home="ultralytics.data.shards.write:main",
)

# Small pictures, small batches and a step after each: what gets furthest in a few minutes on two cores.
_QUICK = {
    "epochs": 30,
    "imgsz": 160,
    "batch": 8,
    "nbs": 8,
    "optimizer": "AdamW",
    "lr0": 0.002,
    "momentum": 0.9,
    "seed": 0,
}
QUICKSTART = Special(
    "quickstart",
    "train, validate, export and predict once on drawn shapes",
    "Everything that it prints was measured in that run. Needs the extra 'export'. task=track trains a detector, "
    "follows the objects of a drawn film and, with the extra 'track-quality', measures the tracks. "
    "Takes every argument of train, conf and tracker; these have defaults of their own, some of which differ by task:",
    ("yolo quickstart", "yolo quickstart task=track tracker=bytetrack.yaml"),
    tuple(replace(ARGS[name], default=value) for name, value in _QUICK.items()),
    home="ultralytics.solutions.quickstart:main",
)

_SPACE_HELP = "what to search: names such as lr0,box, or a YAML file; empty takes the usual 26"
TUNE = Special(
    "tune",
    "search the training arguments that give the best model",
    "Trains again and again, each time in a process of its own, and keeps the best arguments and weights in "
    "runs/<task>/tune. Takes every argument of train; data may be a list, whose fitness is averaged. With use_ray=True "
    "Ray Tune runs several trials at a time; that needs the extra 'tune', as search=optuna does. To go on with a "
    "search: yolo tune resume=runs/detect/tune.",
    (
        "yolo tune model=yolov8n.pt data=coco8.yaml epochs=10 iterations=50 space=lr0,box,cls",
        "yolo segment tune model=yolov8n-seg.pt data=coco8-seg.yaml budget=2h",
    ),
    (
        ARGS["model"],
        ARGS["data"],
        Arg("iterations", int, 300, "", "trainings, those of a search that goes on included", ge=1),
        Arg("space", object, None, "", _SPACE_HELP),
        Arg(
            "search",
            str,
            "evolution",
            "",
            "how to choose: evolution, random, grid or optuna",
            read=values.read_choice("evolution", "random", "grid", "optuna"),
        ),
        Arg(
            "budget",
            float,
            None,
            "",
            "time to end in: 2h, 90m; without epochs= it also chooses those",
            read=values.read_hours,
            written="text",
        ),
        replace(ARGS["resume"], help="go on with a search: True (the newest), auto (if there is one), or its folder"),
        Arg("cleanup", bool, True, "", "delete the weights of all trials but the best"),
        Arg("use_ray", bool, False, "", "search with Ray Tune"),
        Arg(
            "gpu_per_trial", float, None, "", "with use_ray: GPUs of a trial; empty takes one where there is one", ge=0
        ),
        Arg("grace_period", int, 10, "", "with use_ray: epochs before a trial may be stopped", ge=1),
        Arg(
            "search_alg",
            object,
            "optuna",
            "",
            "with use_ray: how to choose; random, optuna, or another of Ray's",
            read=values.read_word,
        ),
    ),
    takes="[TASK]",
    home="ultralytics.engine.tune.command:main",
)

SERVE = Special(
    "serve",
    "put a model behind HTTP",
    "POST pictures to /predict, as a body or as a form with files, and get what Results.summary() says as JSON. "
    "Requests of many callers run in batches; those beyond the queue are told to come later (429). /health, /metrics "
    "(Prometheus) and /openapi.json are there too. Needs the extra 'serve'.",
    (
        "yolo serve model=best.onnx port=8000",
        "yolo serve model=best.pt host=0.0.0.0 batch=16 wait=10 conf=0.4",
    ),
    (
        replace(ARGS["model"], help="weights, an exported file, or the address of a model on a Triton server"),
        Arg("host", str, "127.0.0.1", "", "address to listen at; the default one is reached from this machine only"),
        Arg("port", int, 8000, "", "port to listen at; 0 takes a free one", ge=0, le=65535),
        Arg("batch", int, 8, "", "pictures that run together, at most", ge=1, le=1024),
        Arg("wait", float, 5.0, "", "milliseconds that a picture waits for others", ge=0, le=10_000),
        Arg("queue", int, 256, "", "pictures that wait, at most; further requests get 429", ge=1, le=65536),
        Arg("max_mb", int, 16, "", "MiB of a request, at most", ge=1, le=1024),
        Arg("max_images", int, 16, "", "pictures of a request, at most", ge=1, le=1024),
        Arg("max_pixels", int, 25_000_000, "", "pixels of a picture, at most", ge=4096, le=1_000_000_000),
        Arg("memory", int, 2048, "", "MiB of bodies and pictures of all requests, at most", ge=16, le=1_000_000),
        Arg("timeout", float, 30.0, "", "seconds for a body to come, and for an answer", ge=0.1, le=3600),
        replace(ARGS["imgsz"], modes=()),
        ARGS["device"],
        replace(ARGS["conf"], help="lowest score, where a request says nothing else"),
        replace(ARGS["iou"], help="overlap of suppression, where a request says nothing else"),
        ARGS["max_det"],
        ARGS["agnostic_nms"],
        ARGS["quantize"],
        ARGS["dnn"],
        ARGS["nms"],
        replace(ARGS["task"], default=None, help="task, where the file does not say it"),
        ARGS["trust"],
    ),
    home="ultralytics.serve.main:main",
)

_ALL = (
    Special(
        "help",
        "this text; `yolo help WORD` explains a mode, a task, a command or an argument",
        "`yolo train help`, `yolo train --help` and `yolo -h train` are the same as `yolo help train`. A mode and a "
        "task together leave out the arguments of other tasks.",
        ("yolo help train segment", "yolo help lr0 epochs"),
        takes="WORD ...",
    ),
    Special(
        "checks",
        "the machine and the installed packages",
        "Loads torch to see what it can use.",
        ("yolo checks", "yolo checks > machine.txt"),
    ),
    Special("version", "the version number", "", ("yolo version", "yolo --version")),
    Special(
        "settings",
        "show settings; `yolo settings key=value` changes them, `yolo settings reset` restores the defaults",
        "They are kept in one JSON file, whose path stands in the first line.",
        ("yolo settings runs_dir=/data/runs datasets_dir=/data/datasets", "yolo settings reset"),
        takes="reset | key=value ...",
    ),
    Special("cfg", "all arguments with their defaults", "", ("yolo cfg", "yolo cfg > mine.yaml")),
    Special(
        "copy-cfg",
        "copy these to ./default_copy.yaml, for `yolo cfg=default_copy.yaml ...`",
        "A copy that was edited is not written over.",
        ("yolo copy-cfg", "yolo train cfg=default_copy.yaml model=yolov8n.pt"),
    ),
    INFO,
    DYNAMIZE,
    Special(
        "blocks",
        "the blocks that a model YAML may name, with their arguments; `yolo blocks C2f` explains one",
        "",
        ("yolo blocks", "yolo blocks C2f DynamicConv"),
        (Arg("name", object, None, "", "list only the blocks with this text in their name", read=values.read_name),),
        takes="BLOCK ...",
        home="ultralytics.nn.builder.catalogue:describe",
    ),
    ROUTING,
    MEASURE,
    CALIBRATE,
    SHARDS,
    QUICKSTART,
    SERVE,
    Special(
        "solutions",
        "ready-made video applications",
        "`yolo solutions NAME help` shows what one is about and its arguments. What is drawn is written to "
        "runs/solutions.",
        (
            "yolo solutions count source=film.mp4 region='[(20,400),(1080,400)]'",
            "yolo solutions heatmap source=film.mp4 model=best.pt show",
        ),
        takes="NAME [arg=value ...]",
    ),
    TUNE,
    Special("login", "log in to a cloud service", family="cloud"),
    Special("logout", "log out of a cloud service", family="cloud"),
    Special("hub", "the cloud service of earlier versions", family="cloud"),
    Special("explorer", "look at a data set in a browser", family="explorer"),
)

SPECIALS: dict[str, Special] = {row.name: row for row in _ALL}
