"""`RTDETR`: the model class of the RT-DETR family."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

from ultralytics.engine.model import Model, entries
from ultralytics.utils.lazy import offer

__all__ = ["RTDETR"]

BUNDLES = {"detect": "ultralytics.models.rtdetr.task:RTDETR_DETECT"}


class RTDETR(Model):
    """RT-DETR model: `RTDETR("rtdetr-l.yaml")`, `RTDETR("best.pt")`, `RTDETR("best.onnx")`.

    Args:
        model: a checkpoint, a model YAML, an exported file, or another model to share state with.
        verbose: print the layer table of a model built from YAML.
        trust: open checkpoints with the ordinary unpickler.

    Raises:
        ValueError: the model has another head than RT-DETR's.
    """

    def __init__(self, model: str | Path | Model = "rtdetr-l.pt", verbose: bool = False, trust: bool = False) -> None:
        super().__init__(model=model, task="detect", verbose=verbose, trust=trust)
        head = self.head_name
        if head and "RTDETR" not in head:
            raise ValueError(f"'{model}' is no RT-DETR model, its head is {head}; open it with YOLO('{model}').")

    @property
    def task_map(self) -> MutableMapping[str, MutableMapping[str, type]]:
        """Task name -> model, trainer, validator and predictor classes."""
        return entries(BUNDLES)


__getattr__, __dir__ = offer(__name__)
