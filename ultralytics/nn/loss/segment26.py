"""Loss of instance segmentation in YOLO26: masks take part in the assignment, and every cell learns its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.loss.assign_shapes import SegTaskAlignedAssigner
from ultralytics.nn.loss.detect import padded
from ultralytics.nn.loss.segment import v8SegmentationLoss
from ultralytics.nn.loss.terms import CODECS, PUBLIC, BCEDiceLoss
from ultralytics.nn.public import public
from ultralytics.utils.overrides import in_use

__all__ = ["SegmentLoss26"]


@public(PUBLIC)
class SegmentLoss26(v8SegmentationLoss):
    """`v8SegmentationLoss` with a semantic term; takes the same arguments."""

    def __init__(self, model: nn.Module, tal_topk: int = 10, tal_topk2: int | None = None):
        super().__init__(model, tal_topk, tal_topk2)
        self.bcedice_loss = BCEDiceLoss(weight_bce=0.5, weight_dice=0.5)

    def build_assigner(self, topk: int, topk2: int | None) -> nn.Module:
        """Return the assigner that looks at masks."""
        kind = in_use(SegTaskAlignedAssigner, PUBLIC, CODECS)
        return kind(topk, num_classes=self.nc, alpha=0.5, beta=6.0, stride=self.stride.tolist(), topk2=topk2)

    def parse_output(self, preds: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
        """Return the raw prediction dict; in training `proto` is a pair, whose second part, class logits, moves."""
        raw = super().parse_output(preds)
        if not isinstance(raw["proto"], torch.Tensor):
            raw["proto"], raw["semantic"] = raw["proto"]
        return raw

    def semantic_term(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> torch.Tensor:
        """Return the loss of the class logits, with its gain; zero in evaluation, where there are none."""
        logits = preds.get("semantic")
        if logits is None:
            return super().semantic_term(preds, batch)
        return self.bcedice_loss(logits, self.class_masks(batch, logits)) * self.hyp.box

    def class_masks(self, batch: Mapping[str, Any], logits: torch.Tensor) -> torch.Tensor:
        """Return where every class is to be seen: 0 and 1, in the shape of `logits` `(B, nc, h, w)`."""
        count, classes, height, width = logits.shape
        owner, labels = batch["batch_idx"].view(-1).to(logits.device).long(), batch["cls"].view(-1).to(logits.device)
        masks = resized(batch["masks"].to(logits.device), (height, width))
        if not self.hyp.overlap_mask:
            present = logits.new_zeros(count, classes, height, width, dtype=torch.float32)
            return present.index_put_((owner, labels.long()), masks, accumulate=True).clamp_(max=1)
        # Values of the mask number the objects of its image from 1; a table says which class that is, none for 0.
        table = F.pad(padded(labels.long() + 1, owner, count), (1, 0))
        number = masks.flatten(1).long()
        number = torch.where(number < table.shape[1], number, 0)  # objects that augmentation has dropped
        class_of = table.gather(1, number).view(masks.shape)
        return (class_of[:, None] == torch.arange(1, classes + 1, device=logits.device).view(-1, 1, 1)).float()

    def assigner_inputs(
        self,
        preds: Mapping[str, Any],
        batch: Mapping[str, Any],
        points: torch.Tensor,
        strides: torch.Tensor,
        imgsz: torch.Tensor,
    ) -> dict[str, Any]:
        """Return what the assigner needs to compare masks, at the prototypes' resolution."""
        proto = preds["proto"].detach().float()
        size = torch.tensor(proto.shape[:1:-1], device=proto.device)  # width, height
        return {
            "pd_coef": preds["mask_coefficient"].detach().float().transpose(1, 2),
            "mask_scale": (size / imgsz.flip(0))[:, None],
            "proto": proto,
            "gt_masks": self.object_masks(batch, proto),
        }

    def object_masks(self, batch: Mapping[str, Any], proto: torch.Tensor) -> torch.Tensor:
        """Return one mask per object, `(B, M, h, w)` bool, at the size of the prototypes `(B, C, h, w)`."""
        owner = batch["batch_idx"].view(-1).to(proto.device)
        masks = resized(batch["masks"].to(proto.device), proto.shape[-2:])
        if not self.hyp.overlap_mask:
            return padded(masks, owner, len(proto)) > 0
        most = int(torch.bincount(owner.long()).max()) if len(owner) else 0
        return masks[:, None] == torch.arange(1, most + 1, device=proto.device).view(-1, 1, 1)


def resized(masks: torch.Tensor, size_hw: Sequence[int]) -> torch.Tensor:
    """Return masks `(N, H, W)` at another size, as floats; values are kept, not mixed."""
    return F.interpolate(masks[:, None].float(), size=tuple(size_hw), mode="nearest")[:, 0]
