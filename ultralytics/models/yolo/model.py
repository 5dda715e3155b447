"""`YOLO`: the model class for every task of the YOLO families, and clear answers for the ones not built yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ultralytics.engine.model import Model, entries

__all__ = ["YOLO", "YOLOE", "YOLOWorld"]

BUNDLES = {"detect": "ultralytics.models.yolo.detect.task:DETECT"}


class YOLO(Model):
    """YOLO model: `YOLO("yolov8n-DynamicConv.yaml")`, `YOLO("best.pt")`, `YOLO("best.onnx")`."""

    def __init__(
        self,
        model: str | Path | Model = "yolov8n.pt",
        task: str | None = None,
        verbose: bool = False,
        trust: bool = False,
    ) -> None:
        stem = Path(str(model)).stem.lower() if not isinstance(model, Model) else ""
        if "-world" in stem or stem.startswith("yoloe"):
            raise NotImplementedError(
                f"'{model}': open-vocabulary models (YOLO-World, YOLOE) are not built yet. Train a closed-vocabulary "
                "detector on your classes instead: YOLO('yolov8n.yaml')."
            )
        super().__init__(model=model, task=task, verbose=verbose, trust=trust)

    @property
    def task_map(self) -> dict[str, dict[str, type]]:
        """Task name -> model, trainer, validator and predictor classes."""
        return entries(BUNDLES)


class YOLOWorld(Model):
    """Not built yet: see docs/compatibility.md."""

    def __init__(self, model: str | Path = "yolov8s-world.pt", verbose: bool = False, **kwargs: Any) -> None:
        raise NotImplementedError(
            "YOLOWorld is not built yet; train a closed-vocabulary detector instead: YOLO('yolov8n.yaml')."
        )


class YOLOE(Model):
    """Not built yet: see docs/compatibility.md."""

    def __init__(
        self, model: str | Path = "yoloe-11s-seg.pt", task: str | None = None, verbose: bool = False, **kwargs: Any
    ) -> None:
        raise NotImplementedError(
            "YOLOE is not built yet; train a closed-vocabulary detector instead: YOLO('yolov8n.yaml')."
        )
