"""Loss of the detection family: assignment, classification, box overlap and side distances.

Segmentation, pose and oriented boxes build on the two halves offered here: `assign` says which anchor learns which
object, `detection_terms` gives the three terms they share. Nothing here knows about trainers or data sets.

Shapes: B images, A anchors, M objects per image after padding, P positive anchors, R bins per side.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.loss.assign import TaskAlignedAssigner
from ultralytics.nn.loss.terms import CODECS, PUBLIC, BboxLoss, expected_sides
from ultralytics.nn.public import public
from ultralytics.ops.anchors import dist2bbox, make_anchors
from ultralytics.ops.boxes import xywh2xyxy
from ultralytics.utils.overrides import bypassed, changed, in_use, warn_of_ignored

__all__ = ["Assigned", "padded", "v8DetectionLoss"]


@dataclass(frozen=True)
class Assigned:
    """Which anchor learns which object.

    It unpacks into the five tensors of the public interface: `fg_mask`, `target_gt_idx`, `target_bboxes`, `points` and
    `strides`. The others say the same row by row.

    Attributes:
        fg_mask: `(B, A)` bool, true for positive anchors.
        target_gt_idx: `(B, A)` position of an anchor's object among the image's objects.
        target_bboxes: `(B, A, 4 or 5)` box of that object, px.
        points: `(A, 2)` anchor points in grid cells.
        strides: `(A, 1)` px per cell.
        imgsz: `(2,)` height and width of the input, px.
        scores: `(B, A, nc)` target scores; None where somebody's own method gave the five tensors alone.
        total: sum of all target scores, at least 1; divides the losses; None likewise.
        image: `(P,)` image of every positive anchor; positives come image by image, anchor by anchor.
        anchor: `(P,)` its anchor.
        object: `(P,)` its object.
        boxes: `(P, 4 or 5)` box of that object, px.
    """

    fg_mask: torch.Tensor
    target_gt_idx: torch.Tensor
    target_bboxes: torch.Tensor
    points: torch.Tensor
    strides: torch.Tensor
    imgsz: torch.Tensor
    scores: torch.Tensor | None
    total: torch.Tensor | None
    image: torch.Tensor
    anchor: torch.Tensor
    object: torch.Tensor
    boxes: torch.Tensor

    @classmethod
    def of(
        cls,
        targets: Sequence[torch.Tensor],
        imgsz: torch.Tensor,
        scores: torch.Tensor | None = None,
        total: torch.Tensor | None = None,
    ) -> Assigned:
        """Return what the five tensors of the public interface stand for."""
        fg_mask, target_gt_idx, target_bboxes, points, strides = targets
        image, anchor = torch.nonzero(fg_mask, as_tuple=True)
        rows = image, anchor, target_gt_idx[image, anchor], target_bboxes[image, anchor]
        return cls(fg_mask, target_gt_idx, target_bboxes, points, strides, imgsz, scores, total, *rows)

    def __iter__(self) -> Iterator[torch.Tensor]:
        yield from (self.fg_mask, self.target_gt_idx, self.target_bboxes, self.points, self.strides)

    @property
    def weight(self) -> torch.Tensor:
        """`(P,)` sum of the target scores of every positive anchor.

        Raises:
            ValueError: if there are none.
        """
        if self.scores is None:
            raise ValueError("this loss needs the target scores: return the targets that the method of the base gave.")
        return self.scores[self.image, self.anchor].sum(-1)

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
        self.proj = torch.arange(self.reg_max, dtype=torch.float, device=self.device)
        self.bce = nn.BCEWithLogitsLoss(reduction="none")
        self.assigner = self.build_assigner(topk=tal_topk, topk2=tal_topk2)
        self.bbox_loss = self.build_box_loss()
        warn_of_ignored(self)

    # Set by a trainer of several processes, so that losses divide by the target scores of the joined batch.
    normalizer_reduce = None

    def normalizer(self, total: torch.Tensor) -> torch.Tensor:
        """Return the divisor of the losses for a sum of target scores: at least 1, over all processes if need be."""
        return total.clamp(min=1) if self.normalizer_reduce is None else self.normalizer_reduce(total)

    # Parts that other tasks replace -----------------------------------------------------------------------------------
    def build_assigner(self, topk: int, topk2: int | None) -> nn.Module:
        """Return the assigner of this task."""
        stride = self.stride.tolist()
        kind = in_use(TaskAlignedAssigner, PUBLIC, CODECS)
        return kind(topk, num_classes=self.nc, alpha=0.5, beta=6.0, stride=stride, topk2=topk2)

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
        return in_use(BboxLoss, PUBLIC)(self.reg_max)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The same as `item_names`, under its public name."""
        return self.item_names

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
        _, terms = self.assigned_and_terms(preds, batch)
        return self.report(terms, preds["scores"].shape[0])

    def report(self, terms: torch.Tensor, batch_size: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss vector of a batch and its named items."""
        return terms * batch_size, dict(zip(self.item_names, terms.detach().unbind(), strict=True))

    def get_assigned_targets_and_loss(
        self, preds: Mapping[str, Any], batch: Mapping[str, Any], **assign_kwargs: Any
    ) -> tuple[Assigned, torch.Tensor, dict[str, torch.Tensor]]:
        """Return the assignment, the three detection terms `(3,)` with their gains, and these by name.

        Args:
            preds: raw prediction dict.
            batch: see `__call__`.
            **assign_kwargs: what the assigner is to look at besides what `assigner_inputs` says.
        """
        decoded = self.decode_all(preds) if changed(self, "bbox_decode") else None
        assigned = self.assign(preds, batch, decoded, **assign_kwargs)
        terms = self.detection_terms(preds, assigned, decoded)
        names = ("box_loss", "cls_loss", "dfl_loss" if self.use_dfl else "l1_loss")
        return assigned, terms, dict(zip(names, terms.detach().unbind(), strict=True))

    def assigned_and_terms(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Assigned, torch.Tensor]:
        """Return the assignment and the detection terms, also where somebody's own method gives plain tensors."""
        targets, terms, *_ = self.get_assigned_targets_and_loss(preds, batch)
        if not isinstance(targets, Assigned):
            targets = Assigned.of(targets, self.image_size(preds))
        return targets, terms

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

    @bypassed
    def bbox_decode(self, anchor_points: torch.Tensor, pred_dist: torch.Tensor) -> torch.Tensor:
        """Return corner boxes `(B, A, 4)` in grid cells for raw distances `(B, A, 4 * reg_max)`."""
        sides = expected_sides(pred_dist.transpose(1, 2), self.reg_max).transpose(1, 2)
        return dist2bbox(sides, anchor_points, xywh=False)

    # Halves shared by all tasks of the family -------------------------------------------------------------------------
    def image_size(self, preds: Mapping[str, Any]) -> torch.Tensor:
        """Return height and width of the input `(2,)`, px."""
        feats = preds["feats"]
        return torch.tensor(feats[0].shape[2:], device=preds["scores"].device).float() * float(self.stride[0])

    def anchors(self, preds: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return anchor points `(A, 2)` in grid cells and their strides `(A, 1)`."""
        points, strides = in_use(make_anchors, PUBLIC, CODECS)(preds["feats"], self.stride, 0.5)
        return points.float(), strides.float()

    def assign(
        self,
        preds: Mapping[str, Any],
        batch: Mapping[str, Any],
        decoded: torch.Tensor | None = None,
        **assign_kwargs: Any,
    ) -> Assigned:
        """Decide which anchor learns which object; carries no gradient.

        Args:
            preds: raw prediction dict.
            batch: see `__call__`.
            decoded: `(B, A, 4 or 5)` predicted boxes in grid cells, where they are known.
            **assign_kwargs: what the assigner is to look at besides what `assigner_inputs` says.
        """
        with torch.no_grad():
            scores = preds["scores"].detach().float()
            points, strides = self.anchors(preds)
            imgsz = self.image_size(preds)
            table = self.targets(batch, scores.device, imgsz, len(scores))
            labels, gt_boxes = table[..., :1], table[..., 1:]
            if decoded is None:
                boxes = self.decode_for_assigner(preds, points, strides)
            else:
                boxes = scaled(decoded.detach(), strides)
            _, target_boxes, target_scores, positive, slot = self.assigner(
                scores.sigmoid().transpose(1, 2).contiguous(),
                boxes,
                points * strides,
                labels,
                gt_boxes,
                (gt_boxes.sum(2, keepdim=True) > 0).to(gt_boxes.dtype),
                **{**self.assigner_inputs(preds, batch, points, strides, imgsz), **assign_kwargs},
            )
            total = self.normalizer(target_scores.sum())
            return Assigned.of((positive, slot, target_boxes, points, strides), imgsz, target_scores, total)

    def targets(
        self, batch: Mapping[str, Any], device: torch.device, imgsz: torch.Tensor, batch_size: int
    ) -> torch.Tensor:
        """Return the padded table `(B, M, 5)` of a batch's objects."""
        rows = torch.cat((batch["batch_idx"].view(-1, 1), batch["cls"].view(-1, 1), batch["bboxes"]), 1)
        return self.preprocess(rows.to(device).float(), batch_size, scale_tensor=imgsz[[1, 0, 1, 0]])

    def decode_for_assigner(
        self, preds: Mapping[str, Any], points: torch.Tensor, strides: torch.Tensor
    ) -> torch.Tensor:
        """Return predicted boxes `(B, A, 4)` in px."""
        sides = expected_sides(preds["boxes"].detach().float(), self.reg_max)
        return (dist2bbox(sides, points.T, xywh=False, dim=1) * strides.T).transpose(1, 2).contiguous()

    def decode_rows(self, preds: Mapping[str, Any], sides: torch.Tensor, assigned: Assigned) -> torch.Tensor:
        """Return the boxes `(P, 4)` in grid cells of the positive anchors' `sides` `(P, 4)`."""
        return dist2bbox(sides, assigned.points[assigned.anchor], xywh=False)

    def decode_all(self, preds: Mapping[str, Any]) -> torch.Tensor:
        """Return all predicted boxes `(B, A, 4)` in grid cells, as `bbox_decode` has them."""
        return self.bbox_decode(self.anchors(preds)[0], preds["boxes"].float().transpose(1, 2))

    def detection_terms(
        self, preds: Mapping[str, Any], assigned: Assigned, decoded: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the box, class and side terms with their gains: `(3,)`.

        Args:
            preds: raw prediction dict.
            assigned: which anchor learns which object.
            decoded: `(B, A, 4 or 5)` predicted boxes in grid cells, where they are known.
        """
        if decoded is not None or replaced(self.bbox_loss, BboxLoss):
            box, side = self.box_terms_of_all(preds, assigned, self.decode_all(preds) if decoded is None else decoded)
        else:
            box, side = self.box_terms(preds, assigned)
        return torch.stack((box * self.hyp.box, self.class_term(preds, assigned) * self.hyp.cls, side * self.hyp.dfl))

    def box_terms(self, preds: Mapping[str, Any], assigned: Assigned) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the box and side terms without gains.

        Gradients flow through the positive anchors' rows only; nothing else of the box branch takes part.
        """
        raw = assigned.rows(preds["boxes"])
        sides = expected_sides(raw[..., None], self.reg_max)[..., 0]
        return self.bbox_loss.on_rows(
            raw,
            self.decode_rows(preds, sides, assigned),
            assigned.points[assigned.anchor],
            scaled(assigned.boxes, 1 / assigned.strides[assigned.anchor]),
            assigned.weight,
            assigned.total,
            assigned.imgsz,
            assigned.strides[assigned.anchor],
        )

    def box_terms_of_all(
        self, preds: Mapping[str, Any], assigned: Assigned, decoded: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the same from `bbox_loss` as the public class calls it: with all anchors and a mask."""
        if not len(assigned.image):
            return decoded[:0].sum(), preds["boxes"][:0].float().sum()  # zero, connected to the branch
        arguments = (
            preds["boxes"].float().transpose(1, 2),
            decoded,
            assigned.points,
            scaled(assigned.target_bboxes, 1 / assigned.strides),
            assigned.scores,
            assigned.total,
            assigned.fg_mask,
            assigned.imgsz,
            assigned.strides,
        )
        return self.bbox_loss(*arguments[: positional(self.bbox_loss, len(arguments))])

    def class_term(self, preds: Mapping[str, Any], assigned: Assigned) -> torch.Tensor:
        """Return the class term without gain."""
        scores, weights = preds["scores"].float(), getattr(self, "class_weights", None)
        weights = None if weights is None else weights.to(scores).view(-1)
        if not is_plain_entropy(self.bce):
            entropy = self.bce(scores.transpose(1, 2), assigned.scores.to(scores.dtype))
            return (entropy if weights is None else entropy * weights).sum() / assigned.total
        # Summed inside, over the tensor as it lies in memory.
        columns = None if weights is None else weights.view(-1, 1)
        wanted = assigned.scores.transpose(1, 2).contiguous()
        return F.binary_cross_entropy_with_logits(scores, wanted, weight=columns, reduction="sum") / assigned.total


def scaled(boxes: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Multiply the first four columns of boxes `(..., 4 or 5)`; the fifth, an angle, stays."""
    if boxes.shape[-1] == 4:
        return boxes * factor
    return torch.cat((boxes[..., :4] * factor, boxes[..., 4:]), -1)


def replaced(module: Any, kind: type[nn.Module]) -> bool:
    """Return whether a module computes in another way than `kind` does, or has hooks that want to see it."""
    if not isinstance(module, kind) or changed(module, "forward"):
        return True
    return bool(module._forward_hooks or module._forward_pre_hooks)


def is_plain_entropy(bce: Any) -> bool:
    """Return whether this is torch's own binary cross entropy of logits, element by element and without weights."""
    plain = type(bce) is nn.BCEWithLogitsLoss and bce.weight is None and bce.pos_weight is None
    return plain and bce.reduction == "none" and not (bce._forward_hooks or bce._forward_pre_hooks)


def positional(module: Any, most: int) -> int:
    """Return how many of `most` positional arguments a module takes; box losses of 8.3 and older take two less."""
    call = module.forward if isinstance(module, nn.Module) else module
    try:
        taken = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return most
    if any(p.kind is p.VAR_POSITIONAL for p in taken):
        return most
    return min(most, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in taken))
