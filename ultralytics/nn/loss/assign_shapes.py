"""Task-aligned assignment that looks at more than boxes: at keypoints, or at masks.

Shapes: B images, M objects per image after padding, G real objects, A anchors, P pairs, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ultralytics.nn.loss.assign import TaskAlignedAssigner
from ultralytics.nn.public import public
from ultralytics.ops.keypoints import BODY_SHARE

__all__ = ["PoseTaskAlignedAssigner", "SegTaskAlignedAssigner"]

PUBLIC = "ultralytics.utils.tal"
_CELLS = 1 << 23  # cells of predicted masks that are held at once


@public(PUBLIC)
class PoseTaskAlignedAssigner(TaskAlignedAssigner):
    """Overlap is the similarity of keypoints, and an object prefers the levels that suit its size.

    Args:
        sigmas: `(K,)` spread per keypoint.
        **kwargs: arguments of `TaskAlignedAssigner`.

    Attributes:
        level_range: least and largest size of an object, root of its area, in strides of the level; the finest level
            takes smaller ones too, the coarsest larger ones.
    """

    level_range = (2.0, 12.0)

    def __init__(self, sigmas: torch.Tensor | Sequence[float], **kwargs: Any):
        super().__init__(**kwargs)
        self.sigmas = torch.as_tensor(sigmas, dtype=torch.float32)

    def forward(
        self,
        pd_scores: torch.Tensor,
        pd_bboxes: torch.Tensor,
        anc_points: torch.Tensor,
        gt_labels: torch.Tensor,
        gt_bboxes: torch.Tensor,
        mask_gt: torch.Tensor,
        anc_strides: torch.Tensor,
        **extra: Any,
    ) -> tuple[torch.Tensor, ...]:
        """Return the training target of every anchor; see `TaskAlignedAssigner.forward`.

        Args:
            pd_scores, pd_bboxes, anc_points, gt_labels, gt_bboxes, mask_gt: as there.
            anc_strides: `(A, 1)` px per cell at every anchor.
            **extra: `pd_kpts` and `gt_kpts`, see `pair_overlaps`.
        """
        inputs = pd_scores, pd_bboxes, anc_points, gt_labels, gt_bboxes, mask_gt
        return super().forward(*inputs, anc_strides=anc_strides, **extra)

    def suited(
        self, inside: torch.Tensor, gt_bboxes: torch.Tensor, anc_strides: torch.Tensor | None = None, **extra: Any
    ) -> torch.Tensor:
        """Return which anchors inside an object are on a level of its size, or all inside where there is none."""
        strides = anc_strides.view(-1)
        size = (gt_bboxes[..., 2:4] - gt_bboxes[..., :2]).prod(-1, keepdim=True).sqrt()
        least, largest = self.level_range
        fits = ((size >= least * strides) | (strides == strides.min())) & (
            (size <= largest * strides) | (strides == strides.max())
        )
        inside = inside.bool()
        suited = inside & fits
        return torch.where(suited.any(-1, keepdim=True), suited, inside)

    def pair_overlaps(
        self,
        indices: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        gt_bboxes: torch.Tensor,
        pd_bboxes: torch.Tensor,
        pd_kpts: torch.Tensor | None = None,
        gt_kpts: torch.Tensor | None = None,
        **extra: Any,
    ) -> torch.Tensor:
        """Return the keypoint similarity `(P,)` of pairs, the boxes' overlap where the object shows no keypoint.

        Args:
            indices: image, object slot and anchor of every pair.
            gt_bboxes: `(B, M, 4)` px.
            pd_bboxes: `(B, A, 4)` px.
            pd_kpts: `(B, A, K, 2 or more)` px.
            gt_kpts: `(B, M, K, 3)` px and visibility.
            **extra: not used.
        """
        image, slot, anchor = indices
        boxes, true = gt_bboxes[image, slot], gt_kpts[image, slot]
        visible = (true[..., 2] != 0).to(boxes.dtype)
        area = (boxes[:, 2:4] - boxes[:, :2]).prod(1, keepdim=True) * BODY_SHARE
        distance2 = ((pd_kpts[image, anchor, :, :2] - true[..., :2]) ** 2).sum(-1)
        spread = 2 * (2 * self.sigmas.to(boxes)) ** 2
        similarity = torch.exp(-distance2 / (spread * (area + self.eps)))
        shown = visible.sum(1)
        mean = (similarity * visible).sum(1) / shown.clamp(min=1)
        return torch.where(shown > 0, mean, super().pair_overlaps(indices, gt_bboxes, pd_bboxes))


@public(PUBLIC)
class SegTaskAlignedAssigner(TaskAlignedAssigner):
    """Overlap is the mean of the boxes' and the masks' overlap.

    Masks are costly, so an object compares them with its best anchors only, `3 * topk` by class score and boxes; the
    other anchors cannot be chosen.
    """

    compared = 3  # anchors, in multiples of topk, whose masks are compared

    def forward(
        self,
        pd_scores: torch.Tensor,
        pd_bboxes: torch.Tensor,
        anc_points: torch.Tensor,
        gt_labels: torch.Tensor,
        gt_bboxes: torch.Tensor,
        mask_gt: torch.Tensor,
        **extra: Any,
    ) -> tuple[torch.Tensor, ...]:
        """Return the training target of every anchor; see `TaskAlignedAssigner.forward`.

        Args:
            pd_scores, pd_bboxes, anc_points, gt_labels, gt_bboxes, mask_gt: as there.
            **extra: `pd_coef`, `mask_scale`, `proto` and `gt_masks`, see `pair_overlaps`.
        """
        inputs = pd_scores, pd_bboxes, anc_points, gt_labels, gt_bboxes, mask_gt
        return super().forward(*inputs, scores=pd_scores, labels=gt_labels, **extra)

    def pair_overlaps(
        self,
        indices: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        gt_bboxes: torch.Tensor,
        pd_bboxes: torch.Tensor,
        scores: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        pd_coef: torch.Tensor | None = None,
        mask_scale: torch.Tensor | None = None,
        proto: torch.Tensor | None = None,
        gt_masks: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the overlap `(P,)` of pairs; 0 for those whose masks are not compared.

        Args:
            indices: image, object slot and anchor of every pair.
            gt_bboxes: `(B, M, 4)` px.
            pd_bboxes: `(B, A, 4)` px.
            scores: `(B, A, nc)` class probabilities.
            labels: `(B, M, 1)` classes of the objects.
            pd_coef: `(B, A, C)` mask coefficients.
            mask_scale: `(2, 1)` cells of the mask per px, across and down.
            proto: `(B, C, h, w)` prototypes.
            gt_masks: `(B, M, h, w)` masks of 0 and 1.
        """
        image, slot, anchor = indices
        boxes = super().pair_overlaps(indices, gt_bboxes, pd_bboxes)
        align = self._metric(scores[image, anchor, labels[image, slot, 0].long()], boxes)
        objects, row = (image * gt_bboxes.shape[1] + slot).unique(return_inverse=True)
        metrics = align.new_full((len(objects), pd_bboxes.shape[1]), -1.0)
        metrics[row, anchor] = align
        best = torch.nonzero(self._largest(metrics, self.compared * self.topk)[row, anchor])[:, 0]
        windows = pd_bboxes[image[best], anchor[best]] * mask_scale.view(-1).repeat(2)
        masks = mask_overlaps(tuple(index[best] for index in indices), windows, pd_coef, proto, gt_masks)
        overlap = torch.zeros_like(boxes)
        overlap[best] = (boxes[best] + masks.to(boxes.dtype)) / 2
        return overlap


def mask_overlaps(
    indices: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    windows: torch.Tensor,
    pd_coef: torch.Tensor,
    proto: torch.Tensor,
    gt_masks: torch.Tensor,
) -> torch.Tensor:
    """Return the intersection over union `(P,)` of predicted and true masks.

    Args:
        indices: image, object slot and anchor of every pair.
        windows: `(P, 4)` predicted boxes in cells; a mask ends where its box does.
        pd_coef: `(B, A, C)` mask coefficients.
        proto: `(B, C, h, w)` prototypes.
        gt_masks: `(B, M, h, w)` masks of 0 and 1.
    """
    image, slot, anchor = indices
    height, width = proto.shape[-2:]
    across = torch.arange(width, device=proto.device)
    down = torch.arange(height, device=proto.device)[:, None]
    overlap = torch.zeros(len(image), device=proto.device)
    for number in image.unique().tolist():
        rows = torch.nonzero(image == number)[:, 0]
        for part in rows.split(max(1, _CELLS // (height * width))):
            positive = pd_coef[number, anchor[part]] @ proto[number].flatten(1) > 0
            left, top, right, bottom = windows[part, :, None, None].unbind(1)
            inside = (across >= left) & (across < right) & (down >= top) & (down < bottom)
            predicted = positive.view(-1, height, width) & inside
            true = gt_masks[number, slot[part]] > 0
            shared = (predicted & true).sum((1, 2))
            either = predicted.sum((1, 2)) + true.sum((1, 2)) - shared
            overlap[part] = shared / either.clamp(min=1)
    return overlap
