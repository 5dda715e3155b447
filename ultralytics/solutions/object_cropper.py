"""`ObjectCropper`: every object as a picture of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ultralytics.engine.plots.crops import save_one_box
from ultralytics.engine.results import Results
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["ObjectCropper"]


class ObjectCropper(BaseSolution):
    """Writes the objects of every frame to `crop_dir/crop_1.jpg`, `crop_2.jpg` ...; nothing is tracked or shown.

    Files that are there already are kept: the new one's name gets -2, -3 ...

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `crop_dir` is about this.

    Attributes:
        crop_dir: the folder.
        crop_idx: crops so far.
    """

    _kind_of_finding = "predict"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.CFG["show"]:
            LOGGER.warning("show=True has no effect: crops are written, and no frames are drawn.")
            self.CFG["show"] = False
        self.crop_dir = str(self.CFG["crop_dir"])
        self.crop_idx = 0
        self.iou, self.conf = self.CFG["iou"], self.CFG["conf"]

    def follow(self, im0: np.ndarray) -> Results:
        """Return the objects of a frame, which need no tracks."""
        if self._given is not None:
            return self._given
        args = {name: value for name, value in self.track_add_args.items() if name != "tracker"}
        return self.model.predict(im0, classes=self.classes, verbose=False, **args)[0]

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Write the objects of a frame (H, W, 3) BGR.

        Returns:
            `plot_im`, the frame as it was, and `total_crop_objects`.
        """
        with self.profilers[0]:
            found = self.follow(im0)
        objects = found.obb if getattr(found, "obb", None) is not None else found.boxes
        self.clss = [int(value) for value in objects.cls.tolist()]
        for box in objects.xyxyxyxy if hasattr(objects, "xyxyxyxy") else objects.xyxy:
            self.crop_idx += 1
            box = box.cpu() if isinstance(box, torch.Tensor) else box
            save_one_box(box, im0, file=Path(self.crop_dir) / f"crop_{self.crop_idx}.jpg", BGR=True)
        return SolutionResults(plot_im=im0, total_crop_objects=self.crop_idx)


__getattr__, __dir__ = offer(__name__)
