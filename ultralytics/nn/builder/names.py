"""What a model's name says: which YAML it means, its size, its task."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.nn.builder.registry import admit_blocks, lookup, spec_of_entry
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


HEADS = {head: task for task, info in TASK_INFOS.items() for head in info.heads}


def _task_in_word(name: str) -> str | None:
    """Return the task that a head's name speaks of: names that contain a known one count, e.g. `WorldDetect`."""
    lower = name.lower()
    if lower in CLASSIFIER_NAMES:
        return "classify"
    # The longest known name wins: SemanticSegment also contains Segment.
    inside = [head for head in HEADS if head.lower() in lower]
    return HEADS[max(inside, key=len)] if inside else None


def _task_of_kind(kind: type) -> str | None:
    """Return the task of a head's class: what it says as `task`, else that of what it derives from."""
    said = getattr(kind, "task", None)
    if isinstance(said, str) and said in TASK_INFOS:
        return said
    return next((HEADS[base.__name__] for base in kind.__mro__ if base.__name__ in HEADS), None)


def _head_name(cfg: Any) -> str:
    """Return the module name of the last row of a YAML, empty where there is none."""
    try:
        return str(cfg["head"][-1][2])
    except (KeyError, IndexError, TypeError):
        return ""


def _task_of_rows(cfg: Mapping[str, Any]) -> str | None:
    """Return the task by the last row of a YAML: by its name, its class, or a known name inside its name."""
    name = _head_name(cfg)
    return HEADS.get(name) or (_task_of_own_head(name, cfg.get("modules")) if name else None) or _task_in_word(name)


def _task_of_own_head(name: str, modules: Any) -> str | None:
    """Return the task of a head that the user has brought along, None where the name leads nowhere."""
    try:
        entry = modules.get(name) if isinstance(modules, Mapping) else None
        found = (spec_of_entry(name, entry) if entry else lookup(name)).resolve()
    except (AttributeError, ImportError, KeyError, TypeError, ValueError):  # building the model will say what is wrong
        return None
    return _task_of_kind(found.func if isinstance(found, functools.partial) else found)


def _task_of_network(model: nn.Module) -> str | None:
    """Return the task of a network's head; stored arguments count where the head is of no known kind."""
    owners = [model]
    while isinstance(getattr(owners[-1], "model", None), nn.Module) and len(owners) < 3:
        owners.append(owners[-1].model)
    names = [_head_name(getattr(owner, "yaml", None)) for owner in owners]
    # From the output side, and subclasses before the classes they derive from.
    kinds = [type(module) for module in reversed(list(model.modules()))]
    guesses = (
        *(HEADS.get(name) for name in names),
        *map(_task_of_kind, kinds),
        *map(_task_in_word, names),
        *map(_task_of_args, owners),
    )
    return next(filter(None, guesses), None)


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
