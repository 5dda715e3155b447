"""Names that older files have, and today's."""

from __future__ import annotations

__all__ = ["MOVED_CLASSES", "MOVED_MODULES", "modern"]

MOVED_MODULES = {
    "__builtin__": "builtins",  # of Python 2, which protocol 2 of pickle still writes
    "copy_reg": "copyreg",
    "ultralytics.yolo.utils": "ultralytics.utils",
    "ultralytics.yolo.v8": "ultralytics.models.yolo",
    "ultralytics.yolo.data": "ultralytics.data",
    "ultralytics.yolo.engine": "ultralytics.engine",
    "ultralytics.yolo.cfg": "ultralytics.cfg",
    "timm.models.layers": "timm.layers",  # removed by timm
}

MOVED_CLASSES = {
    "ultralytics.nn.modules.block.Silence": "torch.nn.modules.linear.Identity",
    "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
}


def modern(module: str, name: str) -> tuple[str, str]:
    """Return today's module and name of a global."""
    for old, new in MOVED_MODULES.items():
        if module == old or module.startswith(f"{old}."):
            module = new + module[len(old) :]
            break
    moved = MOVED_CLASSES.get(f"{module}.{name}")
    if moved:
        module, _, name = moved.rpartition(".")
    return module, name
