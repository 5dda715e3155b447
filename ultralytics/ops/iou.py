"""Overlap of axis-aligned boxes and masks.

Sources: GIoU, Rezatofighi et al. 2019 (arXiv:1902.09630); DIoU and CIoU, Zheng et al. 2020 (arXiv:1911.08287).
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ultralytics.ops.boxes import xywh2xyxy

__all__ = ["bbox_ioa", "bbox_iou", "box_iou", "mask_iou"]


def _aspect_penalty(size1: torch.Tensor, size2: torch.Tensor, iou: torch.Tensor, eps: float) -> torch.Tensor:
    """Return CIoU's aspect-ratio term for sizes `(2, ...)` (width, height); its weight carries no gradient."""
    v = (4 / math.pi**2) * (torch.atan(size2[0] / size2[1]) - torch.atan(size1[0] / size1[1])) ** 2
    with torch.no_grad():
        weight = v / (v - iou + (1 + eps))
    return weight * v


def bbox_iou(
    box1: torch.Tensor,
    box2: torch.Tensor,
    xywh: bool = True,
    GIoU: bool = False,
    DIoU: bool = False,
    CIoU: bool = False,
    eps: float = 1e-7,
) -> torch.Tensor:
    """Return the overlap of paired boxes, optionally in one of its generalised forms.

    Args:
        box1: `(..., 4)` boxes.
        box2: `(..., 4)` boxes; the leading shapes broadcast.
        xywh: the boxes are centre and size, else corners.
        GIoU: subtract the empty share of the enclosing box.
        DIoU: subtract the squared centre distance over the squared diagonal of the enclosing box.
        CIoU: as DIoU, and subtract an aspect-ratio term.
        eps: keeps divisions finite, also for boxes without area.

    Returns:
        `(..., 1)`; IoU in 0..1, GIoU in -1..1, DIoU and CIoU below 1.
    """
    if xywh:
        box1, box2 = xywh2xyxy(box1), xywh2xyxy(box2)
    low1, high1, low2, high2 = box1[..., :2], box1[..., 2:4], box2[..., :2], box2[..., 2:4]
    offset = torch.tensor([0.0, eps], dtype=box1.dtype, device=box1.device)  # heights are never exactly zero
    size1, size2 = high1 - low1 + offset, high2 - low2 + offset

    inter = (torch.minimum(high1, high2) - torch.maximum(low1, low2)).clamp(min=0).prod(-1)
    union = size1.prod(-1) + size2.prod(-1) - inter + eps
    iou = inter / union
    if GIoU or DIoU or CIoU:
        hull = torch.maximum(high1, high2) - torch.minimum(low1, low2)
        if GIoU and not (DIoU or CIoU):
            hull_area = hull.prod(-1) + eps
            iou = iou - (hull_area - union) / hull_area
        else:
            distance2 = ((low2 + high2 - low1 - high1) ** 2).sum(-1) / 4
            penalty = distance2 / ((hull**2).sum(-1) + eps)
            if CIoU:
                penalty = penalty + _aspect_penalty(size1.movedim(-1, 0), size2.movedim(-1, 0), iou, eps)
            iou = iou - penalty
    return iou.unsqueeze(-1)


def box_iou(box1: torch.Tensor, box2: torch.Tensor, eps: float = 1e-7) -> torch.Tensor:
    """Return the IoU `(N, M)` of every pair of corner boxes `(N, 4)` and `(M, 4)`."""
    box1, box2 = box1.float(), box2.float()
    inter = (torch.minimum(box1[:, None, 2:4], box2[:, 2:4]) - torch.maximum(box1[:, None, :2], box2[:, :2])).clamp_(0)
    inter = inter[..., 0] * inter[..., 1]
    area1, area2 = (box1[:, 2:4] - box1[:, :2]).prod(1), (box2[:, 2:4] - box2[:, :2]).prod(1)
    return inter / (area1[:, None] + area2 - inter + eps)


def bbox_ioa(box1: np.ndarray, box2: np.ndarray, iou: bool = False, eps: float = 1e-7) -> np.ndarray:
    """Return the share of every `box2` that every `box1` covers.

    Args:
        box1: `(N, 4)` corners.
        box2: `(M, 4)` corners.
        iou: divide by the union instead of by the area of `box2`.
        eps: keeps divisions finite.

    Returns:
        `(N, M)` numpy array.
    """
    # One matrix per side: numpy goes through long rows several times as fast as through many short ones.
    left1, top1, right1, bottom1 = box1.T[:4, :, None]
    left2, top2, right2, bottom2 = np.ascontiguousarray(box2.T[:4])
    inter = np.minimum(right1, right2)
    inter -= np.maximum(left1, left2)
    np.maximum(inter, 0, out=inter)
    high = np.minimum(bottom1, bottom2)
    high -= np.maximum(top1, top2)
    inter *= np.maximum(high, 0, out=high)
    whole = (right2 - left2) * (bottom2 - top2) + eps
    if iou:
        whole = (right1 - left1) * (bottom1 - top1) + whole
        whole -= inter
    return inter / whole


def mask_iou(mask1: torch.Tensor, mask2: torch.Tensor, eps: float = 1e-7) -> torch.Tensor:
    """Return the IoU `(N, M)` of flattened binary masks `(N, P)` and `(M, P)`."""
    mask1, mask2 = mask1.float(), mask2.float()
    inter = (mask1 @ mask2.T).clamp_(0)
    return inter / (mask1.sum(1)[:, None] + mask2.sum(1) - inter + eps)
