"""Rotated boxes: corners, canonical form, and the probabilistic overlap of Llerena et al. 2021 (arXiv:2106.06072).

A rotated box is centre x, centre y, width, height, angle (`xywhr`); the angle is in radians and turns x towards y.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ultralytics.ops.common import Array, as_float, stack_last

__all__ = ["batch_probiou", "far_apart", "probiou", "regularize_rboxes", "xywhr2xyxyxyxy", "xyxyxyxy2xywhr"]


def xywhr2xyxyxyxy(x: Array) -> Array:
    """Return the four corners `(..., 4, 2)` of rotated boxes `(..., 5)`, going round the box."""
    x = as_float(x)
    lib = torch if isinstance(x, torch.Tensor) else np
    centre, angle = x[..., :2], x[..., 4]
    cos, sin = lib.cos(angle), lib.sin(angle)
    half_w, half_h = x[..., 2] / 2, x[..., 3] / 2
    along = stack_last([half_w * cos, half_w * sin])
    across = stack_last([-half_h * sin, half_h * cos])
    corners = [centre + along + across, centre + along - across, centre - along - across, centre - along + across]
    return torch.stack(corners, -2) if lib is torch else np.stack(corners, -2)


def xyxyxyxy2xywhr(x: Array) -> Array:
    """Return rotated boxes `(N, 5)` around polygons `(N, 8)` or `(N, P, 2)`: their rectangles of least area.

    The result is canonical: width >= height and an angle in [-pi/4, 3 pi/4). A polygon without points gives zeros.
    """
    import cv2

    points = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    points = points.reshape(len(points), math.prod(points.shape[1:]) // 2, 2).astype(np.float32)
    rows = np.zeros((len(points), 5), dtype=np.float32)
    for row, polygon in zip(rows, points, strict=True) if points.size else ():
        (cx, cy), (w, h), degrees = cv2.minAreaRect(polygon)
        angle = math.radians(degrees)
        if w < h:
            w, h, angle = h, w, angle + math.pi / 2
        row[:] = cx, cy, w, h, (angle + math.pi / 4) % math.pi - math.pi / 4
    return torch.from_numpy(rows).to(x.device, x.dtype) if isinstance(x, torch.Tensor) else rows


def regularize_rboxes(rboxes: torch.Tensor) -> torch.Tensor:
    """Return the same rotated boxes `(..., 5)` with the angle in [0, pi/2), width and height exchanged where needed."""
    x, y, w, h, angle = rboxes.unbind(-1)
    sideways = angle % math.pi >= math.pi / 2
    return torch.stack([x, y, torch.where(sideways, h, w), torch.where(sideways, w, h), angle % (math.pi / 2)], -1)


def _covariance(rboxes: torch.Tensor, floor: float = 0.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the entries xx, yy, xy `(...)` of the covariance of the Gaussian that stands for a box `(..., 5)`."""
    var_w, var_h = rboxes[..., 2] ** 2 / 12 + floor, rboxes[..., 3] ** 2 / 12 + floor
    cos, sin = torch.cos(rboxes[..., 4]), torch.sin(rboxes[..., 4])
    cos2, sin2 = cos**2, sin**2
    return var_w * cos2 + var_h * sin2, var_w * sin2 + var_h * cos2, (var_w - var_h) * cos * sin


def _gaussian_overlap(box1: torch.Tensor, box2: torch.Tensor, eps: float, floor: float = 0.0) -> torch.Tensor:
    """Return 1 - Hellinger distance of broadcastable rotated boxes `(..., 5)`: `(...)` in 0..1."""
    xx1, yy1, xy1 = _covariance(box1, floor)
    xx2, yy2, xy2 = _covariance(box2, floor)
    dx, dy = box1[..., 0] - box2[..., 0], box1[..., 1] - box2[..., 1]
    xx, yy, xy = xx1 + xx2, yy1 + yy2, xy1 + xy2
    det = xx * yy - xy**2
    mahalanobis = (xx * dy**2 + yy * dx**2) / (det + eps) * 0.25 - xy * dx * dy / (det + eps) * 0.5
    det1, det2 = (xx1 * yy1 - xy1**2).clamp(0), (xx2 * yy2 - xy2**2).clamp(0)
    spread = 0.5 * (det / (4 * (det1 * det2).sqrt() + eps) + eps).log()
    bhattacharyya = (mahalanobis + spread).clamp(eps, 100.0)
    return 1 - (1 - (-bhattacharyya).exp() + eps).sqrt()


def probiou(
    obb1: torch.Tensor, obb2: torch.Tensor, CIoU: bool = False, eps: float = 1e-7, floor: float = 0.0
) -> torch.Tensor:
    """Return the probabilistic IoU of paired rotated boxes.

    Args:
        obb1: `(..., 5)`.
        obb2: `(..., 5)`; the leading shapes broadcast.
        CIoU: subtract the aspect-ratio term of CIoU.
        eps: keeps divisions and roots finite.
        floor: added to both variances; keeps the gradient of very thin boxes finite in training.

    Returns:
        `(..., 1)`.
    """
    iou = _gaussian_overlap(obb1, obb2, eps, floor)
    if CIoU:
        ratio1, ratio2 = (torch.atan(b[..., 2] / (b[..., 3] + eps)) for b in (obb1, obb2))
        v = (4 / math.pi**2) * (ratio2 - ratio1) ** 2
        with torch.no_grad():
            weight = v / (v - iou + (1 + eps))
        iou = iou - weight * v
    return iou.unsqueeze(-1)


def batch_probiou(obb1: Array, obb2: Array, eps: float = 1e-7) -> torch.Tensor:
    """Return the probabilistic IoU `(N, M)` of every pair of rotated boxes `(N, 5)` and `(M, 5)`."""
    obb1, obb2 = (torch.as_tensor(b) for b in (obb1, obb2))
    return _gaussian_overlap(obb1[:, None], obb2[None], eps)


def far_apart(obb1: torch.Tensor, obb2: torch.Tensor, iou: float) -> torch.Tensor:
    """Return which pairs of rotated boxes `(N, 5)` and `(M, 5)` are too far apart for a probabilistic IoU above `iou`.

    A sufficient condition at the cost of a few operations per pair. The overlap fixes the largest Bhattacharyya
    distance `b`. Its part from the centres is at least a quarter of their squared distance over the largest variance of
    the sum of both Gaussians, and that is at most a twelfth of the squares of the longer sides.

    Returns:
        `(N, M)` bool.
    """
    largest = -math.log(max(1.0 - (1.0 - iou) ** 2, 1e-7)) + 1e-3  # with room for rounding
    reach1, reach2 = (b[:, 2:4].amax(1) ** 2 * (largest / 3) for b in (obb1, obb2))
    dx, dy = obb1[:, None, 0] - obb2[:, 0], obb1[:, None, 1] - obb2[:, 1]
    return dx * dx + dy * dy > reach1[:, None] + reach2
