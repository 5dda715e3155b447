"""What drawing, writing and counting read of one picture's results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ultralytics.engine.results.boxes import Boxes
from ultralytics.engine.results.dense import DepthMap, SemanticMask
from ultralytics.engine.results.keypoints import Keypoints
from ultralytics.engine.results.masks import Masks
from ultralytics.engine.results.obb import OBB
from ultralytics.engine.results.probs import Probs

__all__ = ["PictureResults"]


class PictureResults(Protocol):
    """A picture, its class names, and what was found in it; parts that a task does not give are None."""

    orig_img: np.ndarray  # (H, W, 3) BGR uint8
    orig_shape: tuple[int, int]  # height and width
    path: str
    names: Mapping[int, str]
    boxes: Boxes | None
    masks: Masks | None
    probs: Probs | None
    keypoints: Keypoints | None
    obb: OBB | None
    semantic_mask: SemanticMask | None
    depth: DepthMap | None

    def __len__(self) -> int:
        """Return the number of detections."""
        ...
