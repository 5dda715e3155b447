"""`PoseTrainer`."""

from __future__ import annotations

from typing import Any

from ultralytics.models.yolo.family import FamilyTrainer
from ultralytics.models.yolo.pose.data import check_pose_data
from ultralytics.models.yolo.pose.task import POSE
from ultralytics.utils.lazy import offer

__all__ = ["PoseTrainer"]


class PoseTrainer(FamilyTrainer):
    """Trains pose models, as `PoseTrainer(overrides={"model": "yolov8n-pose.yaml", "data": "coco8-pose.yaml"})`."""

    spec = POSE

    def get_dataset(self) -> dict[str, Any]:
        """Return the description of the data set.

        Raises:
            ValueError: if what it says about keypoints is missing or wrong.
        """
        data = super().get_dataset()
        check_pose_data(data)
        return data

    def network_options(self) -> dict[str, Any]:
        """Let the keypoints of the data set decide about the network's."""
        return {"data_kpt_shape": self.data["kpt_shape"]}

    def set_model_attributes(self) -> None:
        """Give the network also the names and the spread of the keypoints."""
        super().set_model_attributes()
        self.model.kpt_shape = list(self.data["kpt_shape"])
        for key in ("kpt_names", "kpt_oks_sigmas"):
            if self.data.get(key) is not None:
                setattr(self.model, key, self.data[key])


__getattr__, __dir__ = offer(__name__)
