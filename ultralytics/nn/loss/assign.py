"""Task-aligned assignment of anchors to ground truths (TOOD, Feng et al. 2021, arXiv:2108.07755).

An anchor may learn an object when its point lies inside the object's box. Of those, the `topk` anchors whose
predictions agree best with the object in class score and overlap become its positives.

The pairs (object, anchor) that lie inside are few, so overlaps and metrics are computed for those alone; the only full
object-by-anchor tables are the inside test and the ranking, made for a bounded number of objects at a time. Where a
subclass replaces a step of the public class, the assignment goes through those steps (`assign_dense.py`).

Shapes: B images, M objects per image after padding, G real objects of the batch, A anchors, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch

from ultralytics.nn.loss.assign_dense import STEPS, DenseSteps
from ultralytics.nn.public import public
from ultralytics.ops.iou import bbox_iou
from ultralytics.ops.rotated import probiou
from ultralytics.utils.overrides import bypassed, changed, in_use

__all__ = ["RotatedTaskAlignedAssigner", "TaskAlignedAssigner"]

PUBLIC = "ultralytics.utils.tal"

# Entries of an object-by-anchor table that are held at once. On a CPU small tables stay in the cache; on a GPU large
# ones save kernel launches (8 M entries need about 200 MB).
_TABLE_CPU, _TABLE_GPU = 1 << 19, 1 << 23


class Objects(NamedTuple):
    """The real objects of a batch, image by image, without padding.

    Attributes:
        image: `(G,)` image of every object.
        slot: `(G,)` its position among the padded objects of that image.
        label: `(G,)` class.
        boxes: `(G, 4 or 5)`.
    """

    image: torch.Tensor
    slot: torch.Tensor
    label: torch.Tensor
    boxes: torch.Tensor


class Claims(NamedTuple):
    """What every anchor cell of the batch (image * A + anchor) has been offered, one entry per cell `(B * A,)`.

    Attributes:
        count: how many objects chose the cell.
        slot: the object that chose it last; the only one where `count` is 1.
        overlap: its overlap.
        best_slot: object with the highest overlap among all that contain the anchor, chosen or not; 0 where none is
            positive.
        best_overlap: that overlap.
    """

    count: torch.Tensor
    slot: torch.Tensor
    overlap: torch.Tensor
    best_slot: torch.Tensor
    best_overlap: torch.Tensor


@public(PUBLIC)
class TaskAlignedAssigner(DenseSteps):
    """Assign anchors to objects by class score and overlap.

    To change what counts as overlap, override `iou_calculation` (or `pair_overlaps`, which sees the pairs' indices): it
    costs nothing. To change anything else, override a step of `assign_dense.DenseSteps` or `select_candidates_in_gts`.

    Args:
        topk: anchors that an object chooses.
        num_classes: number of classes.
        alpha: power of the class score in the ranking metric.
        beta: power of the overlap.
        stride: strides of the pyramid, px; objects with a side shorter than the second one (or the only one) are taken
            to be that long in the inside test, so that small objects have anchors to choose from.
        eps: keeps divisions finite.
        topk2: anchors that an object keeps after conflicts are settled; None keeps all.
    """

    def __init__(
        self,
        topk: int = 13,
        num_classes: int = 80,
        alpha: float = 1.0,
        beta: float = 6.0,
        stride: Sequence[float] | torch.Tensor | None = None,
        eps: float = 1e-9,
        topk2: int | None = None,
    ):
        super().__init__()
        self.topk = topk
        self.topk2 = topk2 or topk
        self.num_classes = num_classes
        self.alpha = alpha
        self.beta = beta
        self.stride = [float(s) for s in (stride if stride is not None else (8, 16, 32))]
        self.stride_val = self.stride[1] if len(self.stride) > 1 else self.stride[0]
        self.eps = eps

    @torch.no_grad()
    def forward(
        self,
        pd_scores: torch.Tensor,
        pd_bboxes: torch.Tensor,
        anc_points: torch.Tensor,
        gt_labels: torch.Tensor,
        gt_bboxes: torch.Tensor,
        mask_gt: torch.Tensor,
        **extra: Any,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the training target of every anchor.

        Args:
            pd_scores: `(B, A, nc)` class probabilities.
            pd_bboxes: `(B, A, 4)` predicted boxes, px (`(B, A, 5)` for rotated ones).
            anc_points: `(A, 2)` anchor points, px.
            gt_labels: `(B, M, 1)` classes.
            gt_bboxes: `(B, M, 4)` boxes, px.
            mask_gt: `(B, M, 1)` non-zero where the row is a real object.
            **extra: passed on to `candidates` and `pair_overlaps`.

        Returns:
            target_labels `(B, A)`, target_bboxes `(B, A, 4)`, target_scores `(B, A, nc)`, fg_mask `(B, A)` bool and
            target_gt_idx `(B, A)`. Labels, boxes and index of background anchors are those of the first object.
        """
        self.bs, self.n_max_boxes = pd_scores.shape[0], gt_bboxes.shape[1]
        if self.n_max_boxes == 0:
            return self._background(pd_scores, gt_bboxes)
        return self._forward(pd_scores, pd_bboxes, anc_points, gt_labels, gt_bboxes, mask_gt, **extra)

    def _forward(
        self,
        pd_scores: torch.Tensor,
        pd_bboxes: torch.Tensor,
        anc_points: torch.Tensor,
        gt_labels: torch.Tensor,
        gt_bboxes: torch.Tensor,
        mask_gt: torch.Tensor,
        **extra: Any,
    ) -> tuple[torch.Tensor, ...]:
        """Return the training target of every anchor where there are objects; see `forward`."""
        if changed(self, *STEPS):
            inputs = pd_scores, pd_bboxes, anc_points, gt_labels, gt_bboxes, mask_gt
            return self.assign_in_steps(*inputs, **extra)
        batch, anchors, classes = pd_scores.shape
        image, slot = torch.nonzero(mask_gt[..., 0], as_tuple=True)
        objects = Objects(image, slot, gt_labels[image, slot, 0].long(), gt_bboxes[image, slot])

        claims = self._collect(objects, pd_scores, pd_bboxes, anc_points, gt_bboxes, **extra)
        contested = claims.count > 1
        slot_of_cell = torch.where(contested, claims.best_slot, claims.slot)
        overlap_of_cell = torch.where(contested, claims.best_overlap, claims.overlap)

        cell = torch.nonzero(claims.count)[:, 0]
        image, anchor = cell.div(anchors, rounding_mode="floor"), cell % anchors
        slot, overlap = slot_of_cell[cell], overlap_of_cell[cell]
        label = gt_labels[image, slot, 0].long()
        align = self._metric(pd_scores[image, anchor, label], overlap)
        if self.topk2 != self.topk:
            keep = self._keep_best(image, slot, anchor, align, gt_bboxes.shape[:2], anchors)
            image, anchor, slot, label, align, overlap = (v[keep] for v in (image, anchor, slot, label, align, overlap))
        score = self._normalise(image * gt_bboxes.shape[1] + slot, align, overlap, gt_bboxes.shape[:2].numel())

        target_gt_idx = slot.new_zeros(batch, anchors)
        target_gt_idx[image, anchor] = slot
        fg_mask = torch.zeros_like(target_gt_idx, dtype=torch.bool)
        fg_mask[image, anchor] = True
        target_scores = pd_scores.new_zeros(batch, anchors, classes)
        target_scores[image, anchor, label] = score.to(pd_scores.dtype)
        target_labels = gt_labels[..., 0].long().gather(1, target_gt_idx)
        target_bboxes = gt_bboxes.gather(1, target_gt_idx[..., None].expand(-1, -1, gt_bboxes.shape[-1]))
        return target_labels, target_bboxes, target_scores, fg_mask, target_gt_idx

    # Rules that a subclass may change ---------------------------------------------------------------------------------
    def suited(self, inside: torch.Tensor, gt_bboxes: torch.Tensor, **extra: Any) -> torch.Tensor:
        """Return which of the anchors inside `(..., A)` may learn the objects `(..., 4)`: `(..., A)` bool."""
        return inside

    @bypassed
    def select_candidates_in_gts(
        self, xy_centers: torch.Tensor, gt_bboxes: torch.Tensor, mask_gt: torch.Tensor, eps: float = 1e-9
    ) -> torch.Tensor:
        """Return which anchor points lie strictly inside which boxes: `(..., A)` bool.

        Args:
            xy_centers: `(A, 2)` points, px.
            gt_bboxes: `(..., 4)` corner boxes, px.
            mask_gt: `(..., 1)` non-zero where the row is a real object.
            eps: least distance from the sides, px.
        """
        low, high = gt_bboxes.chunk(2, -1)
        centre, short = (low + high) / 2, high - low < self.stride_val
        low = torch.where(short, centre - self.stride_val / 2, low)[..., None] + eps
        high = torch.where(short, centre + self.stride_val / 2, high)[..., None] - eps
        x, y = xy_centers.unbind(-1)
        inside = (x > low[..., 0, :]) & (x < high[..., 0, :])
        inside &= y > low[..., 1, :]
        inside &= y < high[..., 1, :]
        return inside & mask_gt.bool()

    def iou_calculation(self, gt_bboxes: torch.Tensor, pd_bboxes: torch.Tensor) -> torch.Tensor:
        """Return the overlap `(P,)` of paired true and predicted boxes, never below 0."""
        overlap = in_use(bbox_iou, PUBLIC, "ultralytics.utils.metrics")
        return overlap(gt_bboxes, pd_bboxes, xywh=False, CIoU=True).squeeze(-1).clamp_(0)

    def pair_overlaps(
        self,
        indices: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        gt_bboxes: torch.Tensor,
        pd_bboxes: torch.Tensor,
        **extra: Any,
    ) -> torch.Tensor:
        """Return the overlap `(P,)` of the pairs that `indices` (image, object slot, anchor) names."""
        image, slot, anchor = indices
        return self.iou_calculation(gt_bboxes[image, slot], pd_bboxes[image, anchor])

    # Steps ------------------------------------------------------------------------------------------------------------
    def _background(self, pd_scores: torch.Tensor, gt_bboxes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Targets of a batch without objects."""
        batch, anchors, _ = pd_scores.shape
        none = torch.zeros(batch, anchors, dtype=torch.long, device=pd_scores.device)
        boxes = gt_bboxes.new_zeros(batch, anchors, gt_bboxes.shape[-1])
        return torch.full_like(none, self.num_classes), boxes, torch.zeros_like(pd_scores), none.bool(), none

    def _metric(self, score: torch.Tensor, overlap: torch.Tensor) -> torch.Tensor:
        return score.pow(self.alpha) * overlap.pow(self.beta)

    @staticmethod
    def _parts(rows: int, anchors: int, device: torch.device) -> Iterator[slice]:
        """Split `rows` objects so that a table of a part stays within the memory bound."""
        step = max(1, (_TABLE_CPU if device.type == "cpu" else _TABLE_GPU) // max(1, anchors))
        for start in range(0, rows, step):
            yield slice(start, start + step)

    def _collect(
        self,
        objects: Objects,
        pd_scores: torch.Tensor,
        pd_bboxes: torch.Tensor,
        anc_points: torch.Tensor,
        gt_bboxes: torch.Tensor,
        **extra: Any,
    ) -> Claims:
        """Let every object choose its anchors and note the choices per cell."""
        batch, anchors, _ = pd_scores.shape
        zeros = torch.zeros(batch * anchors, dtype=torch.long, device=pd_scores.device)
        floats = torch.zeros(batch * anchors, dtype=pd_bboxes.dtype, device=pd_scores.device)
        claims = Claims(zeros, zeros.clone(), floats, zeros.clone(), floats.clone())
        for part in self._parts(len(objects.slot), anchors, pd_scores.device):
            some = Objects(*(field[part] for field in objects))
            real = torch.ones_like(some.slot, dtype=torch.bool)[:, None]
            inside = self.suited(self.select_candidates_in_gts(anc_points, some.boxes, real), some.boxes, **extra)
            row, anchor = torch.nonzero(inside, as_tuple=True)
            image, slot = some.image[row], some.slot[row]
            overlap = self.pair_overlaps((image, slot, anchor), gt_bboxes, pd_bboxes, **extra).to(floats.dtype)
            align = self._metric(pd_scores[image, anchor, some.label[row]], overlap)
            metrics = align.new_zeros(inside.shape)
            metrics[row, anchor] = align
            chosen = self._largest(metrics, self.topk)[row, anchor]
            self._note(claims, image * anchors + anchor, slot, overlap, chosen)
        return claims

    @staticmethod
    def _note(
        claims: Claims, cell: torch.Tensor, slot: torch.Tensor, overlap: torch.Tensor, chosen: torch.Tensor
    ) -> None:
        """Enter pairs `(P,)` into `claims` in place; pairs come in rising slot order from call to call."""
        before = claims.best_overlap[cell]
        claims.best_overlap.scatter_reduce_(0, cell, overlap, "amax")
        leads = (overlap == claims.best_overlap[cell]) & (overlap > before)
        beyond = torch.iinfo(slot.dtype).max
        first = torch.full_like(claims.best_slot, beyond).scatter_reduce_(0, cell[leads], slot[leads], "amin")
        torch.where(first < beyond, first, claims.best_slot, out=claims.best_slot)

        cell, slot, overlap = cell[chosen], slot[chosen], overlap[chosen]
        claims.count.scatter_add_(0, cell, torch.ones_like(cell))
        claims.slot[cell] = slot
        claims.overlap[cell] = overlap

    def _keep_best(
        self,
        image: torch.Tensor,
        slot: torch.Tensor,
        anchor: torch.Tensor,
        align: torch.Tensor,
        padded: tuple[int, int],
        anchors: int,
    ) -> torch.Tensor:
        """Return which pairs `(P,)` are among the `topk2` best of their object."""
        owner = image * padded[1] + slot
        keep = torch.zeros_like(owner, dtype=torch.bool)
        for part in self._parts(padded[0] * padded[1], anchors, align.device):
            here = torch.nonzero((owner >= part.start) & (owner < part.stop))[:, 0]
            metrics = align.new_zeros(min(part.stop, padded[0] * padded[1]) - part.start, anchors)
            metrics[owner[here] - part.start, anchor[here]] = align[here]
            keep[here] = self._largest(metrics, self.topk2)[owner[here] - part.start, anchor[here]]
        return keep

    def _normalise(self, owner: torch.Tensor, align: torch.Tensor, overlap: torch.Tensor, objects: int) -> torch.Tensor:
        """Scale the metrics of every object so that its best anchor scores the object's best overlap."""
        best_align = align.new_zeros(objects).scatter_reduce_(0, owner, align, "amax")
        best_overlap = overlap.new_zeros(objects).scatter_reduce_(0, owner, overlap, "amax")
        return align * (best_overlap / (best_align + self.eps))[owner]


@public(PUBLIC)
class RotatedTaskAlignedAssigner(TaskAlignedAssigner):
    """The same for rotated boxes: centre, size and angle, overlap by ProbIoU."""

    def iou_calculation(self, gt_bboxes: torch.Tensor, pd_bboxes: torch.Tensor) -> torch.Tensor:
        """Return the overlap `(P,)` of paired rotated boxes, never below 0."""
        return in_use(probiou, PUBLIC, "ultralytics.utils.metrics")(gt_bboxes, pd_bboxes).squeeze(-1).clamp_(0)

    @bypassed
    def select_candidates_in_gts(
        self, xy_centers: torch.Tensor, gt_bboxes: torch.Tensor, mask_gt: torch.Tensor, eps: float = 1e-9
    ) -> torch.Tensor:
        """Return which anchor points lie inside or on the border of which rotated boxes `(..., 5)`: `(..., A)` bool."""
        centre, size, angle = gt_bboxes[..., :2], gt_bboxes[..., 2:4], gt_bboxes[..., 4:5]
        half = torch.where(size < self.stride_val, size.new_tensor(self.stride_val), size) / 2
        x, y = xy_centers[:, 0] - centre[..., :1], xy_centers[:, 1] - centre[..., 1:]
        cos, sin = torch.cos(angle), torch.sin(angle)
        along, across = x * cos + y * sin, y * cos - x * sin
        return (along.abs() <= half[..., :1]) & (across.abs() <= half[..., 1:]) & mask_gt.bool()
