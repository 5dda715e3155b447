"""Loss of semantic segmentation: cross entropy of every pixel and Dice loss of every class.

Shapes: B images, C classes, H x W pixels of the mask. Pixels of value 255 are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.loss.terms import PUBLIC
from ultralytics.nn.public import public
from ultralytics.utils.env import world_size

__all__ = ["CITYSCAPES_WEIGHT", "IGNORED", "SemanticSegmentationLoss"]

IGNORED = 255
AUX_GAIN = 0.4
SMOOTH = 1.0

# Weights of the 19 classes of Cityscapes in wide use for it, rarer classes weighing more.
CITYSCAPES_WEIGHT = np.array(
    [
        *(0.8373, 0.918, 0.866, 1.0345, 1.0166, 0.9969, 0.9754, 1.0489, 0.8786, 1.0023),
        *(0.9539, 0.9843, 1.1116, 0.9037, 1.0865, 1.0955, 1.0865, 1.1529, 1.0507),
    ]
)
CITYSCAPES = frozenset({"cityscapes", "cityscapes8"})


@public(PUBLIC)
class SemanticSegmentationLoss:
    """Cross entropy, Dice loss, and 0.4 times the cross entropy of the auxiliary branch.

    Args:
        model: network whose last layer has `nc`; its `class_weights` (C,) weigh the pixels of the classes, else, for
            data named `cityscapes` or `cityscapes8` with 19 classes, the table of that data set.
    """

    def __init__(self, model: nn.Module):
        head = model.model[-1]
        self.device = next(model.parameters()).device
        self.nc = head.nc
        self.hyp = getattr(model, "args", None)
        self.class_weights = self.weights_of(model)

    # Set by a trainer of several processes, so that losses are those of the joined batch.
    normalizer_reduce = None

    def divisor(self, total: torch.Tensor) -> torch.Tensor:
        """Return what a sum over pixels is divided by for a mean over those of all processes."""
        floor = torch.finfo(torch.float32).tiny
        return total.float().clamp(min=floor) if self.normalizer_reduce is None else self.normalizer_reduce(total)

    def joined(self, sums: torch.Tensor) -> torch.Tensor:
        """Return sums over the pixels of all processes, whose mean gradient over these is that of the joined batch."""
        if self.normalizer_reduce is None:
            return sums
        count = world_size()
        total = self.normalizer_reduce(sums.detach() + 1) * count - count  # it gives at least 1, as a divisor
        return count * sums + (total - count * sums).detach()

    def weights_of(self, model: nn.Module) -> torch.Tensor | None:
        """Return the weights of the classes (C,), None where all weigh the same."""
        if self.nc == 1:
            return None
        given = getattr(model, "class_weights", None)
        if given is not None:
            return torch.as_tensor(given, dtype=torch.float32, device=self.device)
        args = self.hyp
        data = args.get("data") if isinstance(args, Mapping) else getattr(args, "data", None)
        if self.nc == len(CITYSCAPES_WEIGHT) and data and PurePath(str(data)).stem in CITYSCAPES:
            return torch.as_tensor(CITYSCAPES_WEIGHT, dtype=torch.float32, device=self.device)
        return None

    def __call__(
        self, preds: torch.Tensor | Sequence[torch.Tensor], batch: Mapping[str, Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a batch, times B, and its terms by name.

        Args:
            preds: logits (B, C, h, w), or those and the auxiliary ones; of any size, they are brought to the masks'.
            batch: `semantic_mask` (B, H, W) class of every pixel.
        """
        logits, aux = (preds, None) if isinstance(preds, torch.Tensor) else (preds[0], preds[1])
        mask = batch["semantic_mask"].to(logits.device).long()
        valid = mask != IGNORED
        entropy, dice = self.terms(logits, mask, valid)
        extra = entropy.new_zeros(()) if aux is None else AUX_GAIN * self.entropy(aux, mask, valid)
        items = {"ce_loss": entropy.detach(), "dice_loss": dice.detach(), "aux_loss": extra.detach()}
        return (entropy + dice + extra) * len(logits), items

    def terms(self, logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cross entropy and Dice loss of logits (B, C, h, w)."""
        if self.nc == 1:
            large = resized(logits, mask.shape[-2:])[:, 0]
            share, truth = large.sigmoid() * valid, (mask == 1).float()
            sums = torch.stack(((share * truth).sum(), share.sum(), truth.sum()))
            return self.binary_entropy(large, mask, valid), dice_loss(*self.joined(sums))
        log_share, own = self.log_shares(logits, mask, valid)
        everywhere = (log_share.exp() * valid[:, None]).sum((0, 2, 3))
        target = mask[valid]
        right = torch.zeros_like(everywhere).index_add(0, target, own.exp())
        pixels = torch.bincount(target, minlength=self.nc).to(right.dtype)
        dice = dice_loss(*self.joined(torch.stack((right, everywhere, pixels))))
        return self.mean_entropy(own, target), dice.mean()

    def entropy(self, logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Return the cross entropy of logits (B, C, h, w)."""
        if self.nc == 1:
            return self.binary_entropy(resized(logits, mask.shape[-2:])[:, 0], mask, valid)
        return self.mean_entropy(self.log_shares(logits, mask, valid)[1], mask[valid])

    def log_shares(
        self, logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logarithms of the classes' shares (B, C, H, W), and of that of the true class (n,), if valid."""
        log_share = resized(logits, mask.shape[-2:]).log_softmax(1)
        own = log_share.gather(1, mask.masked_fill(~valid, 0)[:, None])[:, 0]
        return log_share, own[valid]

    def mean_entropy(self, own: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the mean over pixels, by the weights of their classes.

        Args:
            own: (n,) logarithm of the share of every pixel's true class.
            target: (n,) that class.
        """
        if self.class_weights is None:
            return -own.sum() / self.divisor(own.new_tensor(len(target)))
        weight = self.class_weights.to(own.device)[target]
        return -(weight * own).sum() / self.divisor(weight.sum())

    def binary_entropy(self, logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Return the cross entropy of one class against the rest, of logits (B, H, W)."""
        chosen = logits[valid]
        total = F.binary_cross_entropy_with_logits(chosen, mask[valid].float(), reduction="sum")
        return total / self.divisor(total.new_tensor(len(chosen)))


def resized(logits: torch.Tensor, size_hw: Sequence[int]) -> torch.Tensor:
    """Return logits (B, C, h, w) as float32 of the masks' size."""
    return F.interpolate(logits.float(), size=tuple(size_hw), mode="bilinear", align_corners=False)


def dice_loss(both: torch.Tensor, predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Return 1 minus the Dice coefficient, of sums over pixels: of both, of the prediction and of the truth."""
    return 1 - (2 * both + SMOOTH) / (predicted + true + SMOOTH)
