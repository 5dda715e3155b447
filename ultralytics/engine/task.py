"""The task bundle: everything that makes one task differ from another, in one record.

`engine` runs stages; a bundle says which. Trainer, validator and predictor read their bundle from the class attribute
`spec` and never ask for a task's name. Bundles live in `ultralytics/models/yolo/<task>/task.py`; `YOLO.task_map`
returns them, so this package needs no global table of tasks.

Shapes: B batch, A anchors, N detections, E extra columns per detection (mask coefficients, keypoints, an angle).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from ultralytics.utils.lazy import LateDict
from ultralytics.utils.overrides import in_use
from ultralytics.utils.text import printable

if TYPE_CHECKING:
    from ultralytics.cfg.tasks import TaskInfo

__all__ = ["Detections", "Frame", "SelectOptions", "Task", "check_classes", "resolve"]


@dataclass(frozen=True)
class Detections:
    """What one image's selection stage returns, in the pixels of the network input.

    Attributes:
        boxes: (N, 4) corners x1, y1, x2, y2, or (N, 5) centre x, y, width, height, angle in radians for oriented boxes.
        conf: (N,) scores in 0..1, in falling order.
        cls: (N,) class indices as floats, the way the public `Boxes` stores them.
        index: (N,) anchor row of every detection in the decoded tensor.
        extra: (N, E) further columns of the decoded tensor, (N, 0) where a task has none.
        shared: per-image tensor that belongs to all detections (mask prototypes), or None.
    """

    boxes: torch.Tensor
    conf: torch.Tensor
    cls: torch.Tensor
    index: torch.Tensor
    extra: torch.Tensor
    shared: torch.Tensor | None = None

    def __len__(self) -> int:
        return self.boxes.shape[0]

    def keep(self, mask: torch.Tensor) -> Detections:
        """Return the detections that `mask` (N,) bool, or an index tensor, selects."""
        return replace(
            self,
            boxes=self.boxes[mask],
            conf=self.conf[mask],
            cls=self.cls[mask],
            index=self.index[mask],
            extra=self.extra[mask],
        )


@dataclass(frozen=True)
class SelectOptions:
    """Thresholds of the selection stage; one value for a whole run.

    Attributes:
        conf: keep scores above this, 0..1.
        iou: overlap above which the weaker of two boxes is dropped, 0..1.
        classes: keep only these class indices, or all when None.
        agnostic: let boxes of different classes suppress each other.
        multi_label: an anchor may yield one detection per class (validation) instead of its best class only.
        max_det: keep at most so many detections an image.
        nc: number of classes of the model, 0 to read it from the tensor.
        end2end: the tensor already holds final rows (B, N, 6+E): no suppression.
        size_hw: height and width of the network input in pixels, where boxes are given as shares of them.
    """

    conf: float = 0.25
    iou: float = 0.7
    classes: Sequence[int] | None = None
    agnostic: bool = False
    multi_label: bool = False
    max_det: int = 300
    nc: int = 0
    end2end: bool = False
    size_hw: tuple[int, int] | None = None


@dataclass(frozen=True)
class Frame:
    """One source image on its way to a `Results`.

    Attributes:
        image: (H, W, 3) uint8 BGR original.
        path: where it came from.
        input_hw: height and width of the network input it was letterboxed into.
        names: class index to class name.
        info: facts a task needs to finish (`kpt_shape`, `retina_masks` ...).
    """

    image: np.ndarray
    path: str
    input_hw: tuple[int, int]
    names: Mapping[int, str]
    info: Mapping[str, Any] = field(default_factory=dict)


def check_classes(cls: torch.Tensor, names: Mapping[int, str], source: Any) -> None:
    """Refuse classes that a model gives without naming them: its metadata does not fit its graph.

    Args:
        cls: (N,) class indices.
        names: class index to class name, from 0 without gaps.
        source: the model, for the message.

    Raises:
        ValueError: naming the class.
    """
    if not len(cls):
        return
    low, high = (int(end) for end in cls.aminmax())
    if low < 0 or high >= len(names):
        raise ValueError(
            f"{printable(source)} finds class {low if low < 0 else high}, but it names {len(names)} classes: its names "
            "do not fit its output."
        )


class Select(Protocol):
    """Decoded network output -> final detections per image (NMS or top-k, class and confidence filters)."""

    def __call__(self, outputs: Any, options: SelectOptions) -> list[Detections]: ...


class Finish(Protocol):
    """Detections and their frame -> `Results` in the original image's pixels."""

    def __call__(self, detections: Detections, frame: Frame) -> Any: ...


class Overlap(Protocol):
    """Detections of one image against its targets -> how much they agree, (M, N) of every target and detection.

    Both are the dictionaries that pass between the steps of the validator. The result has one entry per branch of the
    metrics, under the key of that branch's true-positive table: `{"tp": ..., "tp_m": ...}`.
    """

    def __call__(self, preds: Mapping[str, Any], targets: Mapping[str, Any]) -> dict[str, torch.Tensor]: ...


@dataclass(frozen=True)
class Task:
    """One task: static facts plus the stages that the engine calls.

    Import paths are `package.module:Name`; `resolve` turns them into objects on first use, so that naming a task costs
    nothing.

    Attributes:
        info: static row of `cfg/tasks.py` (name, suffix, head names, default data and model, key metric).
        fields: label parts the data set has to load: {"boxes"}, {"boxes", "segments"} ...
        model, trainer, validator, predictor, metrics: import paths of the public classes.
        select, finish, overlap: the stages; tasks without objects have no overlap.
        loss_names: columns of the progress bar and of results.csv.
        val_batch_factor: validation batch size over training batch size.
    """

    info: TaskInfo
    fields: frozenset[str]
    model: str
    trainer: str
    validator: str
    predictor: str
    metrics: str
    select: Select
    finish: Finish
    loss_names: tuple[str, ...]
    overlap: Overlap | None = None
    val_batch_factor: int = 2

    @property
    def name(self) -> str:
        """Public task name, such as `detect`."""
        return self.info.name

    def entry(self) -> MutableMapping[str, type]:
        """Return the public `task_map` entry: model, trainer, validator and predictor classes, loaded when read."""
        parts = ("model", "trainer", "validator", "predictor")
        return LateDict({part: partial(resolve, getattr(self, part)) for part in parts})


def resolve(path: str) -> Any:
    """Import `package.module:Name` and return the object, or what a user has put in its place.

    That may be on the module's package, such as `ultralytics.models.yolo.detect`, or on `ultralytics.nn.tasks`.

    Raises:
        ValueError: if `path` has no colon.
        AttributeError: if the module does not define the name.
    """
    module, colon, name = path.partition(":")
    if not colon:
        raise ValueError(f"'{path}' is not an import path; expected 'package.module:Name'.")
    found = getattr(importlib.import_module(module), name)
    return in_use(found, module.rpartition(".")[0], "ultralytics.nn.tasks") if isinstance(found, type) else found
