"""Loss of the detection family: assignment, classification, box overlap and side distances.

Segmentation, pose and oriented boxes build on the two halves offered here: `assign` says which anchor learns which
object, `detection_terms` gives the three terms they share. Nothing here knows about trainers or data sets.

Shapes: B images, A anchors, M objects per image after padding, P positive anchors, R bins per side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.loss.assign import TaskAlignedAssigner
from ultralytics.nn.loss.terms import BboxLoss, expected_sides
from ultralytics.nn.public import public
from ultralytics.ops.anchors import dist2bbox, make_anchors
from ultralytics.ops.boxes import xywh2xyxy

__all__ = ["Assigned", "padded", "v8DetectionLoss"]

PUBLIC = "ultralytics.utils.loss"


@dataclass(frozen=True)
class Assigned:
    """Which anchor learns which object.

    Attributes:
        image: `(P,)` image of every positive anchor; positives come image by image, anchor by anchor.
        anchor: `(P,)` its anchor.
        object: `(P,)` position of its object among the image's objects.
        boxes: `(P, 4 or 5)` box of that object, px.
        weight: `(P,)` sum of the anchor's target scores.
        scores: `(B, A, nc)` target scores.
        total: sum of all target scores, at least 1; divides the losses.
        points: `(A, 2)` anchor points in grid cells.
        strides: `(A, 1)` px per cell.
        imgsz: `(2,)` height and width of the input, px.
    """

    image: torch.Tensor
    anchor: torch.Tensor
    object: torch.Tensor
    boxes: torch.Tensor
    weight: torch.Tensor
    scores: torch.Tensor
    total: torch.Tensor
    points: torch.Tensor
    strides: torch.Tensor
    imgsz: torch.Tensor

    def rows(self, branch: torch.Tensor) -> torch.Tensor:
        """Return the values `(P, C)` in float32 that a branch `(B, C, A)` gives at the positive anchors."""
        return branch[self.image, :, self.anchor].float()

    def rows_in_batch(self, batch_idx: torch.Tensor) -> torch.Tensor:
        """Return where the positive anchors' objects `(P,)` stand among the rows `(n,)` of the batch."""
        batch_idx = batch_idx.view(-1).to(self.image.device)
        first = torch.searchsorted(batch_idx.sort().values.float(), self.image.float())
        return batch_idx.argsort(stable=True)[first + self.object]


def padded(rows: torch.Tensor, image: torch.Tensor, batch_size: int) -> torch.Tensor:
    """Sort rows `(n, ...)` of objects by their image `(n,)` into a table `(B, M, ...)`, zeros after an image's last."""
    image = image.long()
    counts = torch.bincount(image, minlength=batch_size)[:batch_size]
    table = rows.new_zeros(batch_size, int(counts.max()) if len(rows) else 0, *rows.shape[1:])
    order = image.argsort(stable=True)
    first = counts.cumsum(0) - counts
    image = image[order]
    slot = torch.arange(len(order), device=rows.device) - first[image]
    table[image, slot] = rows[order]
    return table


@public(PUBLIC)
class v8DetectionLoss:
    """Detection loss of YOLOv8 and its successors.

    Args:
        model: detection model; its last layer tells strides, classes and bins, `model.args` the gains `box`, `cls` and
            `dfl`, and an optional `model.class_weights` `(nc,)` weights the classes.
        tal_topk: anchors that an object chooses.
        tal_topk2: anchors that an object keeps; None keeps all.
    """

    def __init__(self, model: nn.Module, tal_topk: int = 10, tal_topk2: int | None = None):
        head = model.model[-1]
        self.hyp = SimpleNamespace(**model.args) if isinstance(model.args, Mapping) else model.args
        self.device = next(model.parameters()).device
        self.stride = head.stride
        self.nc = head.nc
        self.reg_max = head.reg_max
        self.no = head.nc + head.reg_max * 4
        self.use_dfl = head.reg_max > 1
        self.class_weights = getattr(model, "class_weights", None)
        self.assigner = self.build_assigner(topk=tal_topk, topk2=tal_topk2)
        self.bbox_loss = self.build_box_loss()

    # Set by a trainer of several processes, so that losses divide by the target scores of the joined batch.
    normalizer_reduce = None

    def normalizer(self, total: torch.Tensor) -> torch.Tensor:
        """Return the divisor of the losses for a sum of target scores: at least 1, over all processes if need be."""
        return total.clamp(min=1) if self.normalizer_reduce is None else self.normalizer_reduce(total)

    # Parts that other tasks replace -----------------------------------------------------------------------------------
    def build_assigner(self, topk: int, topk2: int | None) -> nn.Module:
        """Return the assigner of this task."""
        stride = self.stride.tolist()
        return TaskAlignedAssigner(topk, num_classes=self.nc, alpha=0.5, beta=6.0, stride=stride, topk2=topk2)

    def assigner_inputs(
        self,
        preds: Mapping[str, Any],
        batch: Mapping[str, Any],
        points: torch.Tensor,
        strides: torch.Tensor,
        imgsz: torch.Tensor,
    ) -> dict[str, Any]:
        """Return what the assigner of this task looks at besides scores and boxes.

        Args:
            preds: raw prediction dict.
            batch: see `__call__`.
            points: `(A, 2)` anchor points in grid cells.
            strides: `(A, 1)` px per cell.
            imgsz: `(2,)` height and width of the input, px.
        """
        return {}

    def build_box_loss(self) -> BboxLoss:
        """Return the loss of boxes and side distances of this task."""
        return BboxLoss(self.reg_max)

    @property
    def item_names(self) -> tuple[str, ...]:
        """Names of the loss items, in the order of the loss vector."""
        return ("box_loss", "cls_loss", "dfl_loss" if self.use_dfl else "l1_loss")

    # Public steps -----------------------------------------------------------------------------------------------------
    def __call__(
        self, preds: Mapping[str, Any] | Sequence[Any], batch: Mapping[str, Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a batch.

        Args:
            preds: what the model returns in training, `boxes` `(B, 4 R, A)`, `scores` `(B, nc, A)` and `feats` (one map
                per level), or the pair of evaluation output and that dict.
            batch: `batch_idx` `(n,)`, `cls` `(n, 1)`, `bboxes` `(n, 4)` centre and size relative to the image.

        Returns:
            The loss terms times B, with gradient, and the terms by name, without.
        """
        preds = self.parse_output(preds)
        with torch.autocast(preds["boxes"].device.type, enabled=False):
            return self.loss(preds, batch)

    def parse_output(self, preds: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
        """Return the raw prediction dict of whatever the model returned."""
        if isinstance(preds, tuple):
            preds = preds[1]
        if isinstance(preds, Mapping):
            return dict(preds)
        # Heads of older code give one map (B, 4 R + nc, h, w) per level.
        both = torch.cat([level.flatten(2) for level in preds], 2)
        boxes, scores = both.split((self.reg_max * 4, self.nc), 1)
        return {"boxes": boxes, "scores": scores, "feats": list(preds)}

    def loss(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a raw prediction dict; see `__call__`."""
        _, terms = self.get_assigned_targets_and_loss(preds, batch)
        return self.report(terms, preds["scores"].shape[0])

    def report(self, terms: torch.Tensor, batch_size: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss vector of a batch and its named items."""
        return terms * batch_size, dict(zip(self.item_names, terms.detach().unbind(), strict=True))

    def get_assigned_targets_and_loss(
        self, preds: Mapping[str, Any], batch: Mapping[str, Any]
    ) -> tuple[Assigned, torch.Tensor]:
        """Return the assignment and the three detection terms `(3,)` with their gains."""
        assigned = self.assign(preds, batch)
        return assigned, self.detection_terms(preds, assigned)

    def preprocess(self, targets: torch.Tensor, batch_size: int, scale_tensor: torch.Tensor) -> torch.Tensor:
        """Sort objects into a padded table.

        Args:
            targets: `(n, 6)` image, class, centre and size relative to the image.
            batch_size: B.
            scale_tensor: `(4,)` width, height, width, height of the input, px.

        Returns:
            `(B, M, 5)` class and corners in px, zeros after the last object of an image.
        """
        return padded(self.scale_targets(targets[:, 1:], scale_tensor), targets[:, 0], batch_size)

    def scale_targets(self, rows: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return rows `(n, 5)` class and relative box as class and corners in px."""
        return torch.cat([rows[:, :1], xywh2xyxy(rows[:, 1:5] * scale)], 1)

    def bbox_decode(self, anchor_points: torch.Tensor, pred_dist: torch.Tensor) -> torch.Tensor:
        """Return corner boxes `(B, A, 4)` in grid cells for raw distances `(B, A, 4 * reg_max)`."""
        sides = expected_sides(pred_dist.transpose(1, 2), self.reg_max).transpose(1, 2)
        return dist2bbox(sides, anchor_points, xywh=False)

    # Halves shared by all tasks of the family -------------------------------------------------------------------------
    def assign(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> Assigned:
        """Decide which anchor learns which object; carries no gradient."""
        with torch.no_grad():
            scores = preds["scores"].detach().float()
            points, strides = make_anchors(preds["feats"], self.stride, 0.5)
            points, strides = points.float(), strides.float()
            imgsz = torch.tensor(preds["feats"][0].shape[2:], device=scores.device).float() * float(self.stride[0])

            table = self.targets(batch, scores.device, imgsz, len(scores))
            labels, gt_boxes = table[..., :1], table[..., 1:]
            _, target_boxes, target_scores, positive, slot = self.assigner(
                scores.sigmoid().transpose(1, 2).contiguous(),
                self.decode_for_assigner(preds, points, strides),
                points * strides,
                labels,
                gt_boxes,
                (gt_boxes.sum(2, keepdim=True) > 0).to(gt_boxes.dtype),
                **self.assigner_inputs(preds, batch, points, strides, imgsz),
            )
            image, anchor = torch.nonzero(positive, as_tuple=True)
            return Assigned(
                image=image,
                anchor=anchor,
                object=slot[image, anchor],
                boxes=target_boxes[image, anchor],
                weight=target_scores[image, anchor].sum(-1),
                scores=target_scores,
                total=self.normalizer(target_scores.sum()),
                points=points,
                strides=strides,
                imgsz=imgsz,
            )

    def targets(
        self, batch: Mapping[str, Any], device: torch.device, imgsz: torch.Tensor, batch_size: int
    ) -> torch.Tensor:
        """Return the padded table `(B, M, 5)` of a batch's objects."""
        rows = torch.cat((batch["batch_idx"].view(-1, 1), batch["cls"].view(-1, 1), batch["bboxes"]), 1)
        return self.preprocess(rows.to(device).float(), batch_size, imgsz[[1, 0, 1, 0]])

    def decode_for_assigner(
        self, preds: Mapping[str, Any], points: torch.Tensor, strides: torch.Tensor
    ) -> torch.Tensor:
        """Return predicted boxes `(B, A, 4)` in px."""
        sides = expected_sides(preds["boxes"].detach().float(), self.reg_max)
        return (dist2bbox(sides, points.T, xywh=False, dim=1) * strides.T).transpose(1, 2).contiguous()

    def decode_rows(self, preds: Mapping[str, Any], sides: torch.Tensor, assigned: Assigned) -> torch.Tensor:
        """Return the boxes `(P, 4)` in grid cells of the positive anchors' `sides` `(P, 4)`."""
        return dist2bbox(sides, assigned.points[assigned.anchor], xywh=False)

    def target_boxes_in_cells(self, assigned: Assigned) -> torch.Tensor:
        """Return the boxes of the positive anchors' objects in grid cells."""
        return assigned.boxes / assigned.strides[assigned.anchor]

    def detection_terms(self, preds: Mapping[str, Any], assigned: Assigned) -> torch.Tensor:
        """Return the box, class and side terms with their gains: `(3,)`."""
        scores = preds["scores"].float()
        # Gradients flow through the positive anchors' rows only; nothing else of the box branch takes part.
        raw = assigned.rows(preds["boxes"])
        sides = expected_sides(raw[..., None], self.reg_max)[..., 0]
        box, side = self.bbox_loss.on_rows(
            raw,
            self.decode_rows(preds, sides, assigned),
            assigned.points[assigned.anchor],
            self.target_boxes_in_cells(assigned),
            assigned.weight,
            assigned.total,
            assigned.imgsz,
            assigned.strides[assigned.anchor],
        )
        weights = None if self.class_weights is None else self.class_weights.to(scores).view(-1, 1)
        wanted = assigned.scores.transpose(1, 2).contiguous()
        entropy = F.binary_cross_entropy_with_logits(scores, wanted, weight=weights, reduction="sum")
        return torch.stack((box * self.hyp.box, entropy / assigned.total * self.hyp.cls, side * self.hyp.dfl))
