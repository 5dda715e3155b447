"""Validation of oriented boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.engine.dota import merge_tiles, write_task1
from ultralytics.engine.results import Results
from ultralytics.models.yolo.detect.val import DetectionValidator, Tensors
from ultralytics.models.yolo.obb.task import OBB
from ultralytics.ops.boxes import scale_boxes
from ultralytics.ops.rotated import xywhr2xyxyxyxy
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["OBBValidator"]


class OBBValidator(DetectionValidator):
    """Validator of models of oriented boxes: `bboxes` are (N, 5) centre, size and angle everywhere.

    Attributes:
        is_dota: whether the split is one of DOTA's, whose predictions are also written in its own format.
    """

    spec = OBB
    default_conf = 0.01
    is_dota = False

    def init_metrics(self, model: Any) -> None:
        """Learn also whether this is DOTA."""
        super().init_metrics(model)
        split = self.data.get(self.args.split, "") if self.data else ""
        self.is_dota = isinstance(split, str) and "DOTA" in split

    def postprocess(self, preds: Any) -> list[Tensors]:
        """Return the detections of every picture."""
        return [{key: pred[key] for key in ("bboxes", "conf", "cls")} for pred in super().postprocess(preds)]

    @staticmethod
    def input_boxes(boxes: torch.Tensor, size_hw: Sequence[int]) -> torch.Tensor:
        """Return labels' boxes (M, 5), centre and size as shares of the input, in its pixels."""
        height, width = size_hw
        return boxes * boxes.new_tensor((width, height, width, height, 1), dtype=torch.float32)

    def drawn_rows(self, preds: Sequence[Tensors]) -> dict[str, Any]:
        """Return what `plot_images` draws."""
        return {key: torch.cat([pred[key] for pred in preds]) for key in ("conf", "cls", "bboxes")}

    # Files ------------------------------------------------------------------------------------------------------------

    def scale_preds(self, predn: Tensors, pbatch: Mapping[str, Any]) -> Tensors:
        """Return detections in the pixels of the original picture."""
        size, ratio_pad = pbatch["ori_shape"], pbatch["ratio_pad"]
        return {**predn, "bboxes": scale_boxes(pbatch["imgsz"], predn["bboxes"], size, ratio_pad, xywh=True)}

    def save_one_txt(self, predn: Tensors, save_conf: bool, shape: Sequence[int], file: str | Path) -> None:
        """Write one picture's corners; arguments as in `DetectionValidator.save_one_txt`."""
        self.as_result(predn, shape).save_txt(file, save_conf=save_conf)

    def as_result(self, predn: Tensors, shape: Sequence[int]) -> Results:
        """Return detections in the pixels of a picture of this height and width as `Results`."""
        blank = np.broadcast_to(np.uint8(0), (*(int(side) for side in shape), 3))
        rows = torch.cat((predn["bboxes"], predn["conf"][:, None], predn["cls"][:, None]), 1)
        return Results(blank, path="", names=self.names, obb=rows)

    def pred_to_json(self, predn: Tensors, pbatch: Mapping[str, Any]) -> None:
        """Append one row per detection for `predictions.json`.

        `rbox` is centre, size and angle, `poly` the four corners, in original pixels.
        """
        corners = xywhr2xyxyxyxy(predn["bboxes"]).flatten(1)
        columns = (predn["bboxes"].tolist(), corners.tolist(), predn["conf"].tolist(), predn["cls"].tolist())
        for box, poly, score, label in zip(*columns, strict=True):
            place = {"rbox": [round(v, 3) for v in box], "poly": [round(v, 3) for v in poly]}
            self.jdict.append({**self.json_facts(pbatch, label), "score": round(score, 5), **place})

    def eval_json(self, stats: dict[str, float]) -> dict[str, float]:
        """Write what DOTA's server takes, for tiles and for whole pictures; the figures stay as they are."""
        if self.is_dota:
            names = {self.class_map[i]: name for i, name in self.names.items()}
            tiles, merged = self.save_dir / "predictions_txt", self.save_dir / "predictions_merged_txt"
            LOGGER.info(f"Saving predictions in DOTA's format to {tiles} and {merged}...")
            write_task1(self.jdict, names, tiles)
            write_task1(merge_tiles(self.jdict), names, merged)
        return stats


__getattr__, __dir__ = offer(__name__)
