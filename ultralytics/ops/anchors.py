"""Anchor points of a feature pyramid, and the distance codecs between anchor points and boxes.

Anchors run level by level from the finest stride, row by row inside a level. All codecs work in the unit of their
arguments (grid cells in the losses and heads, pixels elsewhere) and only use operations that export to ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ultralytics.ops.halves import halves

__all__ = ["bbox2dist", "dist2bbox", "dist2rbox", "make_anchors", "rbox2dist"]


def make_anchors(
    feats: Sequence[torch.Tensor], strides: Sequence[float] | torch.Tensor, grid_cell_offset: float = 0.5
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the anchor points of feature maps.

    Args:
        feats: one tensor `(B, C, H, W)` per level; only shape, type and device matter.
        strides: input pixels per cell of every level.
        grid_cell_offset: where the point lies inside its cell, 0.5 for the middle.

    Returns:
        Points `(A, 2)` x, y in grid cells, and strides `(A, 1)`.
    """
    points, steps = [], []
    for level, feat in enumerate(feats):
        h, w = feat.shape[-2:]
        like = {"dtype": feat.dtype, "device": feat.device}
        y = (torch.arange(h, **like) + grid_cell_offset).view(-1, 1).expand(h, w)
        x = (torch.arange(w, **like) + grid_cell_offset).view(1, -1).expand(h, w)
        points.append(torch.stack((x, y), -1).reshape(-1, 2))
        steps.append(torch.ones((h * w, 1), **like) * strides[level])
    return torch.cat(points), torch.cat(steps)


def dist2bbox(distance: torch.Tensor, anchor_points: torch.Tensor, xywh: bool = True, dim: int = -1) -> torch.Tensor:
    """Turn distances to the left, top, right and bottom side into boxes.

    Args:
        distance: left, top, right, bottom along `dim`, such as `(B, A, 4)`.
        anchor_points: x, y along `dim`, such as `(A, 2)`.
        xywh: return centre and size, else corners.
        dim: axis that holds the four numbers.
    """
    left_top, right_bottom = halves(distance, dim)
    low, high = anchor_points - left_top, anchor_points + right_bottom
    return torch.cat(((low + high) / 2, high - low) if xywh else (low, high), dim)


def bbox2dist(anchor_points: torch.Tensor, bbox: torch.Tensor, reg_max: float | None = None) -> torch.Tensor:
    """Turn corner boxes `(..., 4)` into distances left, top, right, bottom from `anchor_points` `(..., 2)`.

    Args:
        anchor_points: points in the unit of the boxes.
        bbox: corners.
        reg_max: largest bin of the distance distribution; distances are limited to 0 .. reg_max - 0.01, so that the
            bin above always exists. None leaves them as they are.
    """
    low, high = halves(bbox, -1)
    distance = torch.cat((anchor_points - low, high - anchor_points), -1)
    return distance if reg_max is None else distance.clamp(0, reg_max - 0.01)


def _turn(x: torch.Tensor, y: torch.Tensor, angle: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate vectors by `angle` (radians, from x towards y)."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    return x * cos - y * sin, x * sin + y * cos


def dist2rbox(
    pred_dist: torch.Tensor, pred_angle: torch.Tensor, anchor_points: torch.Tensor, dim: int = -1
) -> torch.Tensor:
    """Turn distances, measured along the box's own axes, into centre and size of rotated boxes.

    Args:
        pred_dist: left, top, right, bottom along `dim`, such as `(B, A, 4)`.
        pred_angle: one angle in radians along `dim`.
        anchor_points: x, y along `dim`.
        dim: axis that holds the numbers.

    Returns:
        Centre x, centre y, width, height along `dim`.
    """
    left_top, right_bottom = halves(pred_dist, dim)
    x, y = _turn(*halves((right_bottom - left_top) / 2, dim), pred_angle)
    return torch.cat((torch.cat((x, y), dim) + anchor_points, left_top + right_bottom), dim)


def rbox2dist(
    target_bboxes: torch.Tensor,
    anchor_points: torch.Tensor,
    target_angle: torch.Tensor,
    dim: int = -1,
    reg_max: float | None = None,
) -> torch.Tensor:
    """Invert `dist2rbox`.

    Args:
        target_bboxes: centre x, centre y, width, height along `dim`.
        anchor_points: x, y along `dim`.
        target_angle: one angle in radians along `dim`.
        dim: axis that holds the numbers.
        reg_max: as in `bbox2dist`.

    Returns:
        Left, top, right, bottom along `dim`, measured along the box's own axes.
    """
    centre, size = halves(target_bboxes, dim)
    offset = torch.cat(_turn(*halves(centre - anchor_points, dim), -target_angle), dim)
    distance = torch.cat((size / 2 - offset, size / 2 + offset), dim)
    return distance if reg_max is None else distance.clamp(0, reg_max - 0.01)
