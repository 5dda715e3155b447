"""Training of RT-DETR: pictures are stretched to squares, the network sees its targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ultralytics.cfg.merge import DEFAULT_CFG
from ultralytics.models.rtdetr.task import RTDETR_DETECT
from ultralytics.models.rtdetr.val import build_stretched_dataset
from ultralytics.models.yolo.family import FamilyTrainer
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["RTDETRTrainer"]


class RTDETRTrainer(FamilyTrainer):
    """Trains RT-DETR: `RTDETRTrainer(overrides={"model": "rtdetr-l.yaml", "data": "coco8.yaml"}).train()`."""

    spec = RTDETR_DETECT

    def __init__(
        self, cfg: Any = DEFAULT_CFG, overrides: Mapping[str, Any] | None = None, _callbacks: dict | None = None
    ) -> None:
        super().__init__(cfg, overrides, _callbacks)
        if self.args.compile:
            LOGGER.warning("compile=True would leave out the denoising queries of RT-DETR; training without it.")
            self.args.compile = False

    def build_dataset(self, img_path: Any, mode: str = "train", batch: int | None = None) -> Any:
        """Return the data set of one split.

        Args:
            img_path: images of the split.
            mode: `train` augments.
            batch: images per batch.
        """
        return build_stretched_dataset(self.args, img_path, batch, self.data, mode)


__getattr__, __dir__ = offer(__name__)
