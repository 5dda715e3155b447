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

from ultralytics.nn.loss.detect import Assigned, padded, v8DetectionLoss
from ultralytics.nn.public import public
from ultralytics.ops.masks import crop_mask
from ultralytics.utils.overrides import bypassed, ignores

__all__ = ["v8SegmentationLoss"]

SMALLEST = 64  # pixels; objects of fewer are computed together with those of this many


class Windows(NamedTuple):
    """The map pixels inside the boxes of K objects.

    Attributes:
        counts: `(K,)` pixels per object.
        left: `(K,)` first column.
        top: `(K,)` first row.
        across: `(K,)` columns.
    """

    counts: torch.Tensor
    left: torch.Tensor
    top: torch.Tensor
    across: torch.Tensor

    def of_like_size(self) -> list[torch.Tensor]:
        """Return the positions of the objects, those of one power of two of pixels together.

        Each group is one batched product, padded to its largest object: that is at most twice the work, and there are
        few groups, however many objects.
        """
        power = self.counts.clamp(min=SMALLEST).log2().ceil()
        return [(power == value).nonzero().flatten() for value in power.unique()]

    def pixels(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return rows, columns and validity `(k, P)` of the pixels of the chosen objects `(k,)`."""
        counts, across = self.counts[chosen, None], self.across[chosen, None].clamp(min=1)
        place = torch.arange(int(counts.max()), device=counts.device)
        inside = place < counts
        place = place * inside  # what is left over repeats the first pixel, with no weight
        y, x = self.top[chosen, None] + place.div(across, rounding_mode="floor"), self.left[chosen, None]
        return y, x + place % across, inside


def box_windows(boxes: torch.Tensor, size_hw: tuple[int, int]) -> Windows:
    """Return the pixels of a map of `size_hw` with x1 <= column < x2 and y1 <= row < y2 for boxes `(K, 4)`."""
    height, width = size_hw
    limits = torch.tensor([width, height, width, height], device=boxes.device)
    left, top, right, bottom = torch.minimum(boxes.ceil().long().clamp(min=0), limits).unbind(1)
    across = (right - left).clamp(min=0)
    return Windows(across * (bottom - top).clamp(min=0), left.clamp(max=width - 1), top.clamp(max=height - 1), across)


@ignores(
    calculate_segmentation_loss="override mask_term(preds, batch, assigned)",
    single_mask_loss="override mask_term(preds, batch, assigned)",
)
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
        assigned, terms = self.assigned_and_terms(preds, batch)
        masks = self.mask_term(preds, batch, assigned)
        box, cls, side = terms.unbind()
        both = torch.stack((box, masks * self.hyp.box, cls, side, self.semantic_term(preds, batch)))
        return self.report(both, preds["scores"].shape[0])

    def semantic_term(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> torch.Tensor:
        """Return a term about classes of cells, with its gain; zero here."""
        return preds["proto"].new_zeros((), dtype=torch.float32)

    @staticmethod
    @bypassed
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
        every anchor of the object is combined with those alone: a tenth of the work of whole maps, or less. Objects
        of like size share one product.
        """
        masks, proto = batch["masks"].to(preds["proto"].device), preds["proto"].float()
        height, width = masks.shape[-2:]
        if proto.shape[-2:] != (height, width):
            proto = F.interpolate(proto, (height, width), mode="bilinear", align_corners=False)
        coefficients = assigned.rows(preds["mask_coefficient"])
        connected = coefficients[:0].sum() + proto[:0].sum()  # zero, but both branches get a gradient
        if not len(coefficients):
            return connected

        owner = assigned.image * (int(assigned.object.max()) + 1) + assigned.object
        _, number, anchors = owner.unique(return_inverse=True, return_counts=True)  # objects (K,) that learn a mask
        first = number.argsort(stable=True)[anchors.cumsum(0) - anchors]  # (K,) one anchor of each
        relative = assigned.boxes[first] / assigned.imgsz.flip(0).repeat(2)
        area = (relative[:, 2:] - relative[:, :2]).prod(1).clamp(min=1e-9)  # a box may have no width
        windows = box_windows(relative * relative.new_tensor([width, height, width, height]), (height, width))
        table = padded(coefficients, number, len(anchors))  # (K, N, C)
        weight = (torch.arange(table.shape[1], device=table.device) < anchors[:, None]) / area[:, None]  # (K, N)

        image = home = assigned.image[first]
        mark = assigned.object[first] + 1  # what an object's pixels hold
        if not self.hyp.overlap_mask:
            home, mark = assigned.rows_in_batch(batch["batch_idx"])[first], torch.ones_like(mark)
        flat = proto.permute(0, 2, 3, 1).flatten(0, 2)  # (B H W, C)
        total = connected
        for chosen in windows.of_like_size():
            y, x, inside = windows.pixels(chosen)
            place = (image[chosen, None] * height + y) * width + x
            features = flat.index_select(0, place.flatten()).view(*place.shape, flat.shape[1])  # (k, P, C)
            true = masks[home[chosen, None], y, x] == mark[chosen, None]  # (k, P)
            total = total + entropy(table[chosen], features, true, weight[chosen, :, None] * inside[:, None])
        return total / (height * width) / len(coefficients)


def entropy(
    coefficients: torch.Tensor, features: torch.Tensor, true: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Return the weighted sum of the binary cross entropies of masks.

    Args:
        coefficients: `(k, N, C)` of N anchors of k objects.
        features: `(k, P, C)` prototypes at P pixels.
        true: `(k, P)` whether a pixel belongs to the object.
        weight: `(k, N, P)`.
    """
    logits = coefficients @ features.transpose(1, 2)
    true = true[:, None].to(logits.dtype).expand_as(logits)
    return F.binary_cross_entropy_with_logits(logits, true, weight=weight, reduction="sum")
