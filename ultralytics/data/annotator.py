"""Labelling pictures by models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ultralytics.utils.lazy import offer

__all__ = ["auto_annotate"]


def auto_annotate(
    data: str | Path,
    det_model: str = "yolov8x.pt",
    sam_model: str = "sam_b.pt",
    device: Any = "",
    conf: float = 0.25,
    iou: float = 0.45,
    imgsz: int = 640,
    max_det: int = 300,
    classes: Sequence[int] | None = None,
    output_dir: str | Path | None = None,
) -> None:
    """Polygons of what a detector finds, drawn by a SAM model; not built."""
    raise NotImplementedError(
        f"auto_annotate needs the SAM model '{sam_model}', which is not built. A segmentation model writes polygons by "
        f"itself: YOLO('yolov8x-seg.pt').predict('{data}', save_txt=True); a detector writes boxes in the same way."
    )


__getattr__, __dir__ = offer(__name__)
