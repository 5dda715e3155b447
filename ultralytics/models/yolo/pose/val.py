"""Validation of boxes and keypoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.engine.results import Results
from ultralytics.engine.task import SelectOptions
from ultralytics.models.yolo.detect.stages import to_rows
from ultralytics.models.yolo.detect.val import DetectionValidator, Tensors
from ultralytics.models.yolo.pose.data import check_pose_data
from ultralytics.models.yolo.pose.task import POSE
from ultralytics.ops.boxes import scale_coords
from ultralytics.ops.keypoints import oks_sigmas
from ultralytics.utils.lazy import offer

__all__ = ["PoseValidator"]


class PoseValidator(DetectionValidator):
    """Validator of pose models.

    Between its steps a picture's detections also have `keypoints` (N, K, D) in input pixels.

    Attributes:
        kpt_shape: keypoints per object, and numbers per keypoint.
        sigma: (K,) spread of every keypoint.
    """

    spec = POSE
    annotation_file = "person_keypoints_val2017.json"
    iou_types = ("bbox", "keypoints")

    def get_data(self) -> dict[str, Any]:
        """Return the description of the data set that `data` names.

        Raises:
            ValueError: if what it says about keypoints is missing or wrong.
        """
        data = super().get_data()
        check_pose_data(data)
        return data

    def init_metrics(self, model: Any) -> None:
        """Learn also what the keypoints are.

        Raises:
            ValueError: if they are others than the data set's.
        """
        super().init_metrics(model)
        given, source = self.data["kpt_shape"], self.data.get("yaml_file", self.args.data)
        self.kpt_shape = tuple(getattr(model, "kpt_shape", None) or given)
        if self.kpt_shape[0] != given[0]:
            raise ValueError(
                f"the model gives {self.kpt_shape[0]} keypoints per object, but {source} has kpt_shape={list(given)}; "
                "validate on data with the model's keypoints, or train the model on this data."
            )
        self.sigma = oks_sigmas(given, self.data.get("kpt_oks_sigmas"))

    def select_options(self) -> SelectOptions:
        """Return the thresholds of the selection stage, and where the keypoints begin."""
        return replace(super().select_options(), nc=self.nc)

    def postprocess(self, preds: Any) -> list[Tensors]:
        """Return the detections of every picture."""
        return [
            {**found, "keypoints": found["extra"].view(-1, *self.kpt_shape)} for found in super().postprocess(preds)
        ]

    def target_rows(self, batch: Mapping[str, Any]) -> Tensors:
        """Return what is matched of all targets of a batch, one row (n, ...) each, positions in input pixels."""
        height, width = batch["img"].shape[2:]
        points = batch["keypoints"].clone()
        points[..., :2] *= points.new_tensor((width, height))
        return {**super().target_rows(batch), "keypoints": points}

    def match(self, pred: Tensors, target: Mapping[str, Any]) -> dict[str, Any]:
        """Return one picture's row for the metrics."""
        return super().match(pred, {**target, "kpt_shape": self.kpt_shape, "sigmas": self.sigma})

    def drawable(self, pred: Tensors, target: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return detections and targets of one picture with keypoints of one form."""
        return pred, {**target, "keypoints": target["keypoints"][..., : self.kpt_shape[1]]}

    def drawn_rows(self, preds: Sequence[Tensors]) -> dict[str, Any]:
        """Return what `plot_images` draws."""
        return {**super().drawn_rows(preds), "keypoints": torch.cat([pred["keypoints"] for pred in preds])}

    # Files ------------------------------------------------------------------------------------------------------------

    def scale_preds(self, predn: Tensors, pbatch: Mapping[str, Any]) -> Tensors:
        """Return detections in the pixels of the original picture."""
        points = scale_coords(pbatch["imgsz"], predn["keypoints"], pbatch["ori_shape"], ratio_pad=pbatch["ratio_pad"])
        return {**super().scale_preds(predn, pbatch), "keypoints": points}

    def save_one_txt(self, predn: Tensors, save_conf: bool, shape: Sequence[int], file: str | Path) -> None:
        """Write one picture's boxes and keypoints; arguments as in `DetectionValidator.save_one_txt`."""
        found = self.as_detections(predn)
        rows = to_rows(replace(found, extra=found.extra[:, :0]))
        blank = np.broadcast_to(np.uint8(0), (*(int(side) for side in shape), 3))
        result = Results(blank, path="", names=self.names, boxes=rows, keypoints=predn["keypoints"])
        result.save_txt(file, save_conf=save_conf)

    def json_rows(self, predn: Tensors, pbatch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return one row per detection, with x, y and score of every keypoint."""
        points = predn["keypoints"]
        if points.shape[-1] == 2:
            points = torch.cat((points, torch.ones_like(points[..., :1])), -1)
        rows = super().json_rows(predn, pbatch)
        return [{**row, "keypoints": values} for row, values in zip(rows, points.flatten(1).tolist(), strict=True)]


__getattr__, __dir__ = offer(__name__)
