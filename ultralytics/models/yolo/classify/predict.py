"""Prediction of classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from ultralytics.cfg.merge import DEFAULT_CFG
from ultralytics.data.augment.classify import classify_transforms
from ultralytics.data.augment.picture import antialiased, centre_picture, channels_first, middle_part
from ultralytics.engine.predictor import BasePredictor
from ultralytics.models.yolo.classify.task import CLASSIFY
from ultralytics.utils.lazy import offer

__all__ = ["ClassificationPredictor"]


class ClassificationPredictor(BasePredictor):
    """Predictor of classification models.

    Attributes:
        transforms: from an RGB PIL picture to the network's input (C, h, w): those that the model was validated with
            where its checkpoint says so and they give this call's size, else resizing and cropping the middle.
    """

    spec = CLASSIFY

    def __init__(
        self,
        cfg: Any = DEFAULT_CFG,
        overrides: dict[str, Any] | None = None,
        _callbacks: dict[str, list[Callable]] | None = None,
    ) -> None:
        given = dict(overrides or {})
        if cfg is DEFAULT_CFG and given.get("imgsz") is None:
            given["imgsz"] = CLASSIFY.info.imgsz
        super().__init__(cfg, {**given, "task": CLASSIFY.name}, _callbacks)

    def setup_source(self, source: Any, stride: int | None = None) -> None:
        """Open a source, settle the input size and choose the transforms."""
        super().setup_source(source, stride)
        stored = getattr(self.model.model, "transforms", None)
        self.transforms = stored if _gives(stored, self.imgsz) else classify_transforms(tuple(self.imgsz))

    def pre_transform(self, im: Sequence[np.ndarray]) -> list[torch.Tensor]:
        """Return pictures (H, W, C) BGR as inputs (C, h, w) of the network; bytes where C is not 3."""
        if self.model.channels != 3:  # Pillow's pictures, which the transforms take, have one or three
            return [channels_first(_fitted(x, self.imgsz)) for x in im]
        square = self.imgsz[0] == self.imgsz[1]  # other sizes are stretched to, and see all of the picture
        return [self.transforms(_as_picture(middle_part(x) if square else x)) for x in im]

    def preprocess(self, img: torch.Tensor | Sequence[np.ndarray]) -> torch.Tensor:
        """Return the network input (B, C, h, w), RGB, 0..1, on the model's device.

        Args:
            img: (H, W, C) BGR pictures, or a tensor that is the network input already; of bytes it is brought to 0..1.
        """
        batch = img if isinstance(img, torch.Tensor) else self.pre_transform(img)
        if not isinstance(batch, torch.Tensor):
            if isinstance(batch[0], np.ndarray):  # pictures (h, w, C) BGR, from a subclass of somebody's own
                return self._as_input(batch)
            batch = torch.stack(batch)
        moved = batch.to(self.model.device)
        return moved.to(self._dtype).div_(255) if moved.dtype == torch.uint8 else moved.to(self._dtype)


def _as_picture(image: np.ndarray) -> Image.Image:
    """Return a BGR array (H, W, 3) as a PIL picture."""
    return Image.fromarray(np.ascontiguousarray(image[..., ::-1]))


def _fitted(image: np.ndarray, size_hw: Sequence[int]) -> np.ndarray:
    """Bring a picture (H, W, C) to the input size the way that `classify_transforms` does."""
    height, width = size_hw
    return centre_picture(image, height) if height == width else antialiased(image, (height, width))


def _gives(transforms: Any, imgsz: Sequence[int]) -> bool:
    """Whether stored transforms are a chain that resizes to this input size.

    Checkpoints of older versions hold transforms of other kinds; those of other sizes were made for another call.
    """
    steps = getattr(transforms, "transforms", None)
    if not isinstance(steps, (list, tuple)) or not steps or not all(callable(step) for step in steps):
        return False
    size = getattr(steps[0], "size", None)
    sides = set(size) if isinstance(size, (list, tuple)) else {size}
    return sides == set(imgsz)


__getattr__, __dir__ = offer(__name__)
