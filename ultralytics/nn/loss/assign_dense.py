"""Task-aligned assignment in the steps of the public class, over full object-by-anchor tables.

`assign.py` computes the same for the few pairs that matter, in a fraction of the time and memory. These steps are what
subclasses override: where one is replaced, the assignment goes through all of them.

Shapes: B images, M objects per image after padding, A anchors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ultralytics.utils.overrides import bypassed

__all__ = ["STEPS", "DenseSteps"]

STEPS = (
    "get_pos_mask",
    "get_box_metrics",
    "get_targets",
    "select_candidates_in_gts",
    "select_highest_overlaps",
    "select_topk_candidates",
)

Tensors = tuple[torch.Tensor, ...]


class DenseSteps(nn.Module):
    """The steps, for an assigner with `topk`, `topk2`, `num_classes`, `eps` and the rules that `assign.py` has."""

    def assign_in_steps(
        self,
        pd_scores: torch.Tensor,
        pd_bboxes: torch.Tensor,
        anc_points: torch.Tensor,
        gt_labels: torch.Tensor,
        gt_bboxes: torch.Tensor,
        mask_gt: torch.Tensor,
        **extra: Any,
    ) -> Tensors:
        """Return the training target of every anchor; see `TaskAlignedAssigner.forward`."""
        mask, align, overlaps = self.get_pos_mask(
            pd_scores, pd_bboxes, gt_labels, gt_bboxes, anc_points, mask_gt, **extra
        )
        slot, positive, mask = self.select_highest_overlaps(mask, overlaps, gt_bboxes.shape[1], align)
        labels, boxes, scores = self.get_targets(gt_labels, gt_bboxes, slot, positive)
        align, overlaps = align * mask, overlaps * mask
        # The best anchor of an object scores the object's best overlap, the others in proportion.
        factor = overlaps.amax(-1, keepdim=True) / (align.amax(-1, keepdim=True) + self.eps)
        weight = (align * factor).amax(1)
        return labels, boxes, scores * weight[..., None], positive.bool(), slot

    @bypassed
    def get_pos_mask(
        self,
        pd_scores: torch.Tensor,
        pd_bboxes: torch.Tensor,
        gt_labels: torch.Tensor,
        gt_bboxes: torch.Tensor,
        anc_points: torch.Tensor,
        mask_gt: torch.Tensor,
        **extra: Any,
    ) -> Tensors:
        """Let every object choose its anchors.

        Returns:
            Which object chose which anchor, its metric and its overlap, all `(B, M, A)`.
        """
        inside = self.suited(self.select_candidates_in_gts(anc_points, gt_bboxes, mask_gt), gt_bboxes, **extra)
        possible = inside * mask_gt
        align, overlaps = self.get_box_metrics(pd_scores, pd_bboxes, gt_labels, gt_bboxes, possible, **extra)
        real = mask_gt.expand(-1, -1, min(self.topk, align.shape[-1])).bool()
        chosen = self.select_topk_candidates(align, topk_mask=real)
        return chosen * possible.to(chosen.dtype), align, overlaps

    @bypassed
    def get_box_metrics(
        self,
        pd_scores: torch.Tensor,
        pd_bboxes: torch.Tensor,
        gt_labels: torch.Tensor,
        gt_bboxes: torch.Tensor,
        mask_gt: torch.Tensor,
        **extra: Any,
    ) -> Tensors:
        """Return the metric and the overlap of the pairs that `mask_gt` `(B, M, A)` marks, zero for others."""
        pairs = image, slot, anchor = torch.nonzero(mask_gt, as_tuple=True)
        overlap = self.pair_overlaps(pairs, gt_bboxes, pd_bboxes, **extra).to(pd_bboxes.dtype)
        align = self._metric(pd_scores[image, anchor, gt_labels[image, slot, 0].long()], overlap)
        tables = [values.new_zeros(mask_gt.shape).index_put(pairs, values) for values in (align, overlap)]
        return tables[0], tables[1]

    @bypassed
    def select_topk_candidates(self, metrics: torch.Tensor, topk_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Mark the `topk` largest metrics of every object.

        Args:
            metrics: `(B, M, A)`.
            topk_mask: `(B, M, topk)` true for real objects; those with a positive metric when None.

        Returns:
            `(B, M, A)` int8.
        """
        real = metrics.amax(-1) > self.eps if topk_mask is None else topk_mask.all(-1)
        return (self._largest(metrics, self.topk) & real[..., None]).to(torch.int8)

    @bypassed
    def select_highest_overlaps(
        self, mask_pos: torch.Tensor, overlaps: torch.Tensor, n_max_boxes: int, align_metric: torch.Tensor
    ) -> Tensors:
        """Leave an anchor that several objects chose to the one it overlaps most; keep an object's `topk2` best.

        Args:
            mask_pos: `(B, M, A)` which object chose which anchor.
            overlaps: `(B, M, A)`.
            n_max_boxes: M.
            align_metric: `(B, M, A)`.

        Returns:
            The object of every anchor `(B, A)`, whether there is one `(B, A)`, and `mask_pos` `(B, M, A)` after that.
        """
        contested = mask_pos.sum(1, keepdim=True) > 1
        nearest = torch.zeros_like(mask_pos).scatter_(1, overlaps.argmax(1, keepdim=True), 1)
        mask_pos = torch.where(contested, nearest, mask_pos)
        if self.topk2 != self.topk:
            mask_pos = mask_pos * self._largest(align_metric * mask_pos, self.topk2).to(mask_pos.dtype)
        return mask_pos.argmax(1), mask_pos.sum(1), mask_pos

    @bypassed
    def get_targets(
        self, gt_labels: torch.Tensor, gt_bboxes: torch.Tensor, target_gt_idx: torch.Tensor, fg_mask: torch.Tensor
    ) -> Tensors:
        """Return class `(B, A)`, box `(B, A, 4)` and one-hot class `(B, A, nc)` of every anchor's object.

        Args:
            gt_labels: `(B, M, 1)`.
            gt_bboxes: `(B, M, 4)`.
            target_gt_idx: `(B, A)` the object.
            fg_mask: `(B, A)` positive where there is one; elsewhere the one-hot class is zero.
        """
        labels = gt_labels[..., 0].long().clamp(min=0).gather(1, target_gt_idx)
        boxes = gt_bboxes.gather(1, target_gt_idx[..., None].expand(-1, -1, gt_bboxes.shape[-1]))
        scores = torch.zeros(*labels.shape, self.num_classes, dtype=gt_bboxes.dtype, device=labels.device)
        return labels, boxes, scores.scatter_(2, labels[..., None], (fg_mask > 0).to(scores.dtype)[..., None])

    @staticmethod
    def _largest(metrics: torch.Tensor, number: int) -> torch.Tensor:
        """Return a bool table like `metrics` `(..., A)`, true at the largest values of every row."""
        chosen = torch.zeros_like(metrics, dtype=torch.bool)
        return chosen.scatter_(-1, metrics.topk(min(number, metrics.shape[-1]), dim=-1).indices, True)
