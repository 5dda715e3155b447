"""What a model's name says: which YAML it means, its size, its task."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.nn.builder.registry import admit_blocks
from ultralytics.nn.builder.unbuilt import refuse_file
from ultralytics.utils.checks.files import check_yaml, check_yolov5u_filename
from ultralytics.utils.log import LOGGER
from ultralytics.utils.onnx_file import onnx_metadata
from ultralytics.utils.yaml_io import YAML

__all__ = ["guess_model_scale", "guess_model_task", "model_yaml_file", "yaml_model_load"]

SIZED = re.compile(r"(\d+)[nslmx](.*)$")  # a size letter right behind the version number
SCALE = re.compile(r"yolo(?:e-)?v?\d+([nslmx])")
P6_SHORTHAND = re.compile(r"(yolov[58][nslmx])6")
# A variant before the task's suffix: `yolov8-DynamicConv-seg`; the files have it behind.
SUFFIXES = "|".join(info.suffix for info in TASK_INFOS.values() if info.suffix)
VARIANT_FIRST = re.compile(rf"(yolo\D*\d+)(-.+)({SUFFIXES})$")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # one letter would be a drive
CLASSIFIER_NAMES = frozenset({"classify", "classifier", "cls", "fc"})


def spellings(name: str | Path) -> Iterator[str]:
    """Yield the file names that a model YAML's name may mean, best first.

    `yolov8n-seg.yaml` means itself, then `yolov8-seg.yaml`, which serves all sizes. An underscore may stand for the
    hyphen before a variant: `yolov8n_DynamicConv.yaml`. Variant and task may change places: `yolov8n-DynamicConv-seg`.
    """
    path = Path(name)
    unified = SIZED.sub(r"\1\2", path.stem, count=1)
    stems = (path.stem, unified, path.stem.replace("_", "-"), unified.replace("_", "-"))
    for stem in dict.fromkeys((*stems, VARIANT_FIRST.sub(r"\1\3\2", stems[-1]))):
        yield str(path.with_name(stem + path.suffix))


def model_yaml_file(name: str | Path) -> str:
    """Return the path of the YAML that a model name means: as given, or among the files of this package.

    Raises:
        FileNotFoundError: none exists; names the nearest ones.
        NotImplementedError: the name is one of a family that is not built.
    """
    for spelling in spellings(name):
        found = check_yaml(spelling, hard=False)
        if found:
            return str(found)
    refuse_file(name)
    return str(check_yaml(str(name)))  # raises with hints


def yaml_model_load(path: str | Path) -> dict[str, Any]:
    """Read a model YAML by path or by model name.

    Args:
        path: `yolov8n.yaml`, `yolov8n-seg.yaml`, `folder/mine.yaml`, ...

    Returns:
        Its content with the added keys `scale` (size letter of the name, else of the file, else empty) and `yaml_file`
        (the name as asked for). Blocks that a local file brings along under `modules:` may be imported from now on;
        those of a file that was fetched may not.
    """
    asked = Path(path)
    short = P6_SHORTHAND.fullmatch(asked.stem)
    if short:
        asked = asked.with_name(f"{short[1]}-p6{asked.suffix}")
        LOGGER.warning(f"'{path}' means '{asked.name}' in this package.")
    asked = Path(check_yolov5u_filename(str(asked), verbose=False))
    content = YAML.load(model_yaml_file(asked))
    if not ADDRESS.match(str(path).strip()):
        admit_blocks(content.get("modules"))
    return {**content, "scale": guess_model_scale(asked) or content.get("scale", ""), "yaml_file": str(asked)}


def guess_model_scale(model_path: str | Path) -> str:
    """Return the size letter in a model's name: `yolov8n-seg.yaml` gives `n`, a name without one the empty text."""
    found = SCALE.search(Path(model_path).stem)
    return found[1] if found else ""


def guess_model_task(model: str | Path | Mapping[str, Any] | nn.Module) -> str:
    """Return the task of a model: from its YAML content, the network itself, or a file.

    An ONNX file is asked for what it says about itself; other files, and those that say nothing, go by their name.

    Falls back to `detect` with a warning.
    """
    if isinstance(model, Mapping):
        task = _task_of_rows(model)
    elif isinstance(model, nn.Module):
        task = _task_of_network(model)
    elif isinstance(model, (str, Path)):
        task = _task_in_onnx(Path(model)) or _task_of_name(Path(model))
    else:
        task = None
    if task is None:
        LOGGER.warning(
            "unable to guess the model's task, assuming 'task=detect'. Say it with task=..., one of "
            f"{', '.join(TASK_INFOS)}."
        )
    return task or "detect"


def _task_of_class(name: str) -> str | None:
    """Return the task of a head by its class name; names that contain a known one count, e.g. `WorldDetect`."""
    heads = {head: task for task, info in TASK_INFOS.items() for head in info.heads}
    if name in heads:
        return heads[name]
    lower = name.lower()
    if lower in CLASSIFIER_NAMES:
        return "classify"
    # The longest known name wins: SemanticSegment also contains Segment.
    inside = [head for head in heads if head.lower() in lower]
    return heads[max(inside, key=len)] if inside else None


def _task_of_rows(cfg: Mapping[str, Any]) -> str | None:
    """Return the task by the module name of the last row of a YAML."""
    try:
        name = str(cfg["head"][-1][2])
    except (KeyError, IndexError, TypeError):
        return None
    return _task_of_class(name)


def _task_of_network(model: nn.Module) -> str | None:
    """Return the task of a network's head; stored arguments count where the head is of no known kind."""
    owners = [model]
    while isinstance(getattr(owners[-1], "model", None), nn.Module) and len(owners) < 3:
        owners.append(owners[-1].model)
    for owner in owners:
        task = _task_of_rows(getattr(owner, "yaml", None))
        if task:
            return task
    # From the output side, and subclasses before the classes they derive from.
    kinds = [kind.__name__ for module in reversed(list(model.modules())) for kind in type(module).__mro__[:-1]]
    known = {head: task for task, info in TASK_INFOS.items() for head in info.heads}
    by_head = next((known[name] for name in kinds if name in known), None)
    return by_head or next((t for t in map(_task_of_args, owners) if t), None)


def _task_of_args(owner: Any) -> str | None:
    """Return the task in a network's stored arguments, a dictionary or a namespace."""
    args = getattr(owner, "args", None)
    task = args.get("task") if isinstance(args, Mapping) else getattr(args, "task", None)
    return task if task in TASK_INFOS else None


def _task_in_onnx(path: Path) -> str | None:
    """Return the task in the metadata of an ONNX file, None where there is none or it cannot be read."""
    if path.suffix.lower() != ".onnx" or not path.is_file():
        return None
    try:
        task = onnx_metadata(path).get("task")
    except Exception as error:  # protobuf has errors of its own, and the package may be missing: the name is left
        LOGGER.debug(f"{path}: {error}")
        return None
    return task if task in TASK_INFOS else None


def _task_of_name(path: Path) -> str | None:
    """Return the task by a name's suffix (`-seg`) or a folder named like a task."""
    suffixes = {info.suffix: task for task, info in TASK_INFOS.items() if info.suffix}
    for suffix, task in suffixes.items():
        if suffix in path.stem:
            return task
    return next((part for part in path.parts if part in TASK_INFOS), None)
