"""`YOLO`: the model class for every task of the YOLO families."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from ultralytics.engine.model import Model, entries
from ultralytics.engine.task import resolve
from ultralytics.nn.builder.names import yaml_model_load
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["YOLO"]

BUNDLES = {
    "detect": "ultralytics.models.yolo.detect.task:DETECT",
    "segment": "ultralytics.models.yolo.segment.task:SEGMENT",
    "semantic": "ultralytics.models.yolo.semantic.task:SEMANTIC",
    "pose": "ultralytics.models.yolo.pose.task:POSE",
    "obb": "ultralytics.models.yolo.obb.task:OBB",
    "classify": "ultralytics.models.yolo.classify.task:CLASSIFY",
    "depth": "ultralytics.models.yolo.depth.task:DEPTH",
}

# Part of a head's class name -> the model class of the family that it belongs to.
FAMILIES = {"RTDETR": "ultralytics.models.rtdetr.model:RTDETR"}


def join_family(model: Model, head: str) -> None:
    """Make `model` an object of the family that a head's class name belongs to."""
    for part, path in FAMILIES.items():
        if part in head:
            family, given = resolve(path), type(model)
            if given not in (YOLO, family):
                LOGGER.warning(
                    f"what {given.__name__} overrides has no effect on a model with the head {head}, which makes it "
                    f"an object of {family.__name__}; subclass {family.__name__} for it."
                )
            model.__class__ = family


class YOLO(Model):
    """YOLO model: `YOLO("yolov8n-DynamicConv.yaml")`, `YOLO("best.pt")`, `YOLO("best.onnx")`.

    A model whose head is of another family turns the object into one of that family's class, as scripts expect:
    `YOLO("rtdetr-l.yaml")` is an `RTDETR`.
    """

    def __init__(
        self,
        model: str | Path | Model = "yolo26n.pt",
        task: str | None = None,
        verbose: bool = False,
        trust: bool = False,
    ) -> None:
        super().__init__(model=model, task=task, verbose=verbose, trust=trust)
        join_family(self, self.head_name)

    def _new(self, cfg: str, *args: Any, **kwargs: Any) -> None:
        """Build an untrained network from a model YAML, by the class that its head asks for."""
        rows = yaml_model_load(cfg).get("head")
        last = rows[-1] if isinstance(rows, list) and rows else None
        join_family(self, str(last[2]) if isinstance(last, list) and len(last) > 2 else "")
        Model._new(self, cfg, *args, **kwargs)  # of whatever class this object is now

    @property
    def task_map(self) -> MutableMapping[str, MutableMapping[str, type]]:
        """Task name -> model, trainer, validator and predictor classes."""
        return entries(BUNDLES)


__getattr__, __dir__ = offer(__name__)
