"""Texts that the command line prints. They are derived from the tables of tasks, modes and arguments."""

from __future__ import annotations

from ultralytics.cfg.schema import ARGS, GROUPS
from ultralytics.cfg.tasks import MODES, TASK2DATA, TASK2MODEL, TASKS

__all__ = ["CLI_HELP_MSG", "PYTHON_HELP", "SOLUTIONS_HELP_MSG", "SOLUTION_MAP", "SPECIALS", "argument_help"]

SPECIALS = {
    "help": "this text; `yolo help ARG` explains one argument",
    "checks": "the machine and the installed packages",
    "version": "the version number",
    "settings": "show settings; `yolo settings key=value` changes them, `yolo settings reset` restores the defaults",
    "cfg": "all arguments with their defaults",
    "copy-cfg": "copy these to ./default_copy.yaml, for `yolo cfg=default_copy.yaml ...`",
    "info": "layers, parameters and true FLOPs of a model: `yolo info model=yolov8n.yaml`; `model=all` for a table",
    "dynamize": "make a plain model dynamic: `yolo dynamize model=yolov8s.pt layers=stride2 num_experts=4`",
    "blocks": "the blocks that a model YAML may name, with their arguments; `yolo blocks C2f` explains one",
    "routing": "how a model with dynamic convolutions weighs its experts: `yolo routing model=best.pt source=images`",
    "quickstart": "train, validate, export and predict once on drawn shapes; `task=segment`, `pose`, `obb`, `classify`",
    "solutions": "ready-made video applications",
    "login": "not available, there is no cloud service",
    "logout": "not available, there is no cloud service",
}

CLI_HELP_MSG = f"""
    yolo [TASK] MODE [arg=value ...]

        TASK  one of {", ".join(TASKS)}; left out, the model decides
        MODE  one of {", ".join(MODES)}
        arg   any argument of 'yolo cfg', in any order; a switch such as 'save_txt' alone means True

    yolo train data=coco8.yaml model=yolov8n.pt epochs=10 lr0=0.01
    yolo train data=shapes.yaml model=yolov8n-DynamicConv.yaml epochs=20 imgsz=160
    yolo val model=yolov8n.pt data=coco8.yaml batch=1 imgsz=640
    yolo predict model=yolov8n.pt source=path/to/images conf=0.4 save_txt
    yolo export model=yolov8n.pt format=onnx imgsz=224,128

    Special commands

{chr(10).join(f"        yolo {name:<12}{text}" for name, text in SPECIALS.items())}
"""

PYTHON_HELP = (
    """
    from ultralytics import YOLO

    model = YOLO("yolov8n.yaml")  # a new model, or
    model = YOLO("yolov8n.pt")  # one with trained weights
    model.train(data="coco8.yaml", epochs=3)
    metrics = model.val()
    results = model("path/to/image.jpg")
    path = model.export(format="onnx")
"""
    + CLI_HELP_MSG
)

SOLUTION_MAP = {
    "count": "ObjectCounter",
    "crop": "ObjectCropper",
    "blur": "ObjectBlurrer",
    "workout": "AIGym",
    "heatmap": "Heatmap",
    "isegment": "InstanceSegmentation",
    "visioneye": "VisionEye",
    "speed": "SpeedEstimator",
    "queue": "QueueManager",
    "analytics": "Analytics",
    "inference": "Inference",
    "trackzone": "TrackZone",
    "region": "RegionCounter",
    "security": "SecurityAlarm",
    "parking": "ParkingManagement",
}

SOLUTIONS_HELP_MSG = f"""
    yolo solutions NAME [arg=value ...]

        NAME  one of {", ".join(SOLUTION_MAP)}
"""


def argument_help(name: str) -> str:
    """Return what one argument means, takes and defaults to; with tasks' defaults for `model` and `data`."""
    row = ARGS[name]
    lines = [f"{name}: {row.help}", f"    group    {GROUPS[row.group].title}", f"    takes    {row.allowed}"]
    lines.append(f"    default  {row.default}")
    by_task = {"model": TASK2MODEL, "data": TASK2DATA}.get(name, {})
    lines += [f"             {value} for {task}" for task, value in by_task.items()]
    return "\n".join(lines)
