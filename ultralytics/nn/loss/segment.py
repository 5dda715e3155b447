"""Loss of instance segmentation: the detection terms and one mask term.

A mask is a combination of prototypes with the coefficients of its anchor. Its error counts inside the object's box
alone, as a mean over the whole map divided by the box's share of the image, so that small objects weigh as much as
large ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from ultralytics.nn.loss.detect import Assigned, v8DetectionLoss
from ultralytics.nn.public import public
from ultralytics.ops.masks import crop_mask

__all__ = ["v8SegmentationLoss"]


class Windows(NamedTuple):
    """The map pixels inside the boxes of K objects, object after object.

    Attributes:
        counts: `(K,)` pixels per object.
        owner: `(T,)` object of every pixel.
        y: `(T,)` its row.
        x: `(T,)` its column.
    """

    counts: torch.Tensor
    owner: torch.Tensor
    y: torch.Tensor
    x: torch.Tensor


def box_windows(boxes: torch.Tensor, size_hw: tuple[int, int]) -> Windows:
    """Return the pixels of a map of `size_hw` with x1 <= column < x2 and y1 <= row < y2 for boxes `(K, 4)`."""
    height, width = size_hw
    limits = torch.tensor([width, height, width, height], device=boxes.device)
    left, top, right, bottom = torch.minimum(boxes.ceil().long().clamp(min=0), limits).unbind(1)
    across = (right - left).clamp(min=0)
    counts = across * (bottom - top).clamp(min=0)
    owner = torch.repeat_interleave(torch.arange(len(boxes), device=boxes.device), counts)
    place = torch.arange(len(owner), device=boxes.device) - (counts.cumsum(0) - counts)[owner]
    y = top[owner] + place.div(across[owner], rounding_mode="floor")
    return Windows(counts, owner, y, left[owner] + place % across[owner])


@public("ultralytics.utils.loss")
class v8SegmentationLoss(v8DetectionLoss):
    """Detection loss plus a mask term; takes the arguments of `v8DetectionLoss`."""

    @property
    def item_names(self) -> tuple[str, ...]:
        """Names of the loss items, in the order of the loss vector."""
        box, cls, side = super().item_names
        return box, "seg_loss", cls, side, "sem_loss"

    def loss(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a raw prediction dict.

        Args:
            preds: also `mask_coefficient` `(B, C, A)` and `proto` `(B, C, h, w)`.
            batch: also `masks`: `(B, H, W)` with 1 + position of the object that covers a pixel where
                `hyp.overlap_mask` is set, else `(n, H, W)` one binary mask per object.

        Raises:
            KeyError: if the batch has no masks.
        """
        if "masks" not in batch:
            raise KeyError("the batch has no 'masks': segmentation needs polygon labels, this data set has boxes only.")
        assigned, terms = self.get_assigned_targets_and_loss(preds, batch)
        masks = self.mask_term(preds, batch, assigned)
        box, cls, side = terms.unbind()
        both = torch.stack((box, masks * self.hyp.box, cls, side, self.semantic_term(preds, batch)))
        return self.report(both, preds["scores"].shape[0])

    def semantic_term(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> torch.Tensor:
        """Return a term about classes of cells, with its gain; zero here."""
        return preds["proto"].new_zeros((), dtype=torch.float32)

    @staticmethod
    def single_mask_loss(
        gt_mask: torch.Tensor, pred: torch.Tensor, proto: torch.Tensor, xyxy: torch.Tensor, area: torch.Tensor
    ) -> torch.Tensor:
        """Return the summed mask loss of one image.

        Args:
            gt_mask: `(P, H, W)` masks of 0 and 1.
            pred: `(P, C)` coefficients.
            proto: `(C, H, W)` prototypes.
            xyxy: `(P, 4)` boxes in map pixels.
            area: `(P,)` share of the image that the box covers.
        """
        logits = torch.einsum("pc,chw->phw", pred, proto)
        entropy = crop_mask(F.binary_cross_entropy_with_logits(logits, gt_mask, reduction="none"), xyxy)
        return (entropy.mean((1, 2)) / area).sum()

    def mask_term(self, preds: Mapping[str, Any], batch: Mapping[str, Any], assigned: Assigned) -> torch.Tensor:
        """Return the mask term without gain: the mean over the positive anchors of the batch.

        Most of a map lies outside the box and does not count. So the pixels inside are gathered once per object, and
        every anchor of the object is combined with those alone: a tenth of the work of whole maps, or less.
        """
        masks, proto = batch["masks"].to(preds["proto"].device), preds["proto"].float()
        height, width = masks.shape[-2:]
        if proto.shape[-2:] != (height, width):
            proto = F.interpolate(proto, (height, width), mode="bilinear", align_corners=False)
        coefficients = assigned.rows(preds["mask_coefficient"])
        if not len(coefficients):
            return coefficients.sum() + proto[:0].sum()  # zero, connected to both branches

        owner = assigned.image * (int(assigned.object.max()) + 1) + assigned.object
        order = owner.argsort(stable=True)
        anchors = torch.unique_consecutive(owner[order], return_counts=True)[1]  # (K,) per object
        first = order[anchors.cumsum(0) - anchors]  # (K,) one of them
        relative = assigned.boxes[first] / assigned.imgsz.flip(0).repeat(2)
        area = (relative[:, 2:] - relative[:, :2]).prod(1).clamp(min=1e-9)  # a box may have no width
        pixels = box_windows(relative * relative.new_tensor([width, height, width, height]), (height, width))

        image = assigned.image[first][pixels.owner]
        if self.hyp.overlap_mask:
            true = masks[image, pixels.y, pixels.x] == assigned.object[first][pixels.owner] + 1
        else:
            row = assigned.rows_in_batch(batch["batch_idx"])[first]
            true = masks[row[pixels.owner], pixels.y, pixels.x]
        place = (image * height + pixels.y) * width + pixels.x
        features = proto.permute(0, 2, 3, 1).flatten(0, 2).index_select(0, place)  # (T, C)

        sizes = pixels.counts.tolist()
        parts = zip(coefficients[order].split(anchors.tolist()), features.split(sizes), strict=True)
        logits = torch.cat([(c @ f.T).flatten() for c, f in parts])
        true = torch.cat([t.repeat(n) for t, n in zip(true.float().split(sizes), anchors.tolist(), strict=True)])
        weight = torch.repeat_interleave(1 / area, anchors * pixels.counts)
        entropy = F.binary_cross_entropy_with_logits(logits, true, weight=weight, reduction="sum")
        return entropy / (height * width) / len(coefficients)
