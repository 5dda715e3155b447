"""Validation of boxes and keypoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.engine.task import SelectOptions
from ultralytics.models.yolo.detect.val import DetectionValidator, Tensors, rows_of
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
        found = super().postprocess(preds)
        return [{**pred, "keypoints": pred.pop("extra").view(-1, *self.kpt_shape)} for pred in found]

    def _prepare_batch(self, si: int, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return the targets of picture `si` of a batch, with `keypoints` (M, K, D) in input pixels."""
        height, width = batch["img"].shape[2:]
        points = batch["keypoints"][rows_of(batch, si)]
        points = torch.cat((points[..., :2] * points.new_tensor((width, height)), points[..., 2:]), -1)
        return {**super()._prepare_batch(si, batch), "keypoints": points}

    def _process_batch(self, preds: Tensors, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return which detections of one picture are right by box and by keypoints, (N, 10) bool each."""
        return super()._process_batch(preds, {**batch, "sigmas": self.sigma})

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
        result = self.as_result(predn, shape)
        result.update(keypoints=predn["keypoints"])
        result.save_txt(file, save_conf=save_conf)

    def pred_to_json(self, predn: Tensors, pbatch: Mapping[str, Any]) -> None:
        """Append one row per detection for `predictions.json`, with x, y and score of every keypoint."""
        start, points = len(self.jdict), predn["keypoints"]
        super().pred_to_json(predn, pbatch)
        if points.shape[-1] == 2:
            points = torch.cat((points, torch.ones_like(points[..., :1])), -1)
        for row, values in zip(self.jdict[start:], points.flatten(1).tolist(), strict=True):
            row["keypoints"] = values


__getattr__, __dir__ = offer(__name__)
