"""Array functions that 8.1 named and 8.4 does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ultralytics.ops.boxes import RatioPad
from ultralytics.ops.masks import process_mask, scale_masks
from ultralytics.ops.nms import TorchNMS
from ultralytics.ops.rotated import batch_probiou

__all__ = ["nms_rotated", "process_mask_upsample", "scale_image"]


def nms_rotated(boxes: torch.Tensor, scores: torch.Tensor, threshold: float = 0.45) -> torch.Tensor:
    """Return the indices of the rotated boxes that no better one overlaps, best first.

    A box that is suppressed itself still suppresses others.

    Args:
        boxes: `(N, 5)` centre, size and angle in radians.
        scores: `(N,)`.
        threshold: overlap from which on the lower score goes, 0..1.
    """
    return TorchNMS.fast_nms(boxes, scores, threshold, iou_func=batch_probiou)


def process_mask_upsample(
    protos: torch.Tensor, masks_in: torch.Tensor, bboxes: torch.Tensor, shape: Sequence[int]
) -> torch.Tensor:
    """Return binary masks in the size of the network input: `process_mask` with `upsample=True`."""
    return process_mask(protos, masks_in, bboxes, shape, upsample=True)


def scale_image(masks: np.ndarray, im0_shape: Sequence[int], ratio_pad: RatioPad | None = None) -> np.ndarray:
    """Return masks of the letterboxed input in the size of the original picture.

    Args:
        masks: `(H, W)` or `(H, W, N)`.
        im0_shape: original height and width, and what follows them.
        ratio_pad: as for `scale_boxes`; computed from the sizes where None.

    Returns:
        `(height, width, N)` of the same dtype, N being 1 for `(H, W)`.
    """
    stack = masks[..., None] if masks.ndim == 2 else masks
    if stack.shape[:2] == tuple(im0_shape[:2]):
        return stack
    planes = torch.from_numpy(np.ascontiguousarray(stack.transpose(2, 0, 1))).float()[None]
    scaled = scale_masks(planes, tuple(im0_shape[:2]), ratio_pad)[0].numpy().transpose(1, 2, 0)
    return (scaled.round() if np.issubdtype(masks.dtype, np.integer) else scaled).astype(masks.dtype)
