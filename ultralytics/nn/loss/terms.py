"""Elementary loss terms: small pure functions on matched rows, and the public classes made of them.

Everything is computed in float32, also under autocast: overlaps of small boxes and sums over thousands of anchors lose
too much in half precision. Sums over an empty selection are zero and keep their place in the graph, so no term needs a
"multiply by zero" for images without objects.

Shapes: B images, A anchors, P positive anchors, R bins per side, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.public import public
from ultralytics.ops.anchors import bbox2dist, rbox2dist
from ultralytics.ops.iou import bbox_iou
from ultralytics.ops.rotated import probiou
from ultralytics.utils.overrides import bypassed, in_use

__all__ = [
    "BCEDiceLoss",
    "BboxLoss",
    "DFLoss",
    "FocalLoss",
    "KeypointLoss",
    "MultiChannelDiceLoss",
    "RotatedBboxLoss",
    "VarifocalLoss",
    "expected_sides",
    "relative_sides",
]

PUBLIC = "ultralytics.utils.loss"
METRICS, CODECS = "ultralytics.utils.metrics", "ultralytics.utils.tal"  # where functions may have been replaced too


# Pure terms -----------------------------------------------------------------------------------------------------------
def expected_sides(logits: torch.Tensor, reg_max: int) -> torch.Tensor:
    """Return the distances that distributions over bins stand for.

    Args:
        logits: `(B, 4 * reg_max, A)` as the heads give them.
        reg_max: bins per side; 1 means that the numbers are distances already.

    Returns:
        `(B, 4, A)` left, top, right, bottom in grid cells.
    """
    if reg_max == 1:
        return logits
    batch, _, anchors = logits.shape
    # One product per side with the bins along the rows: no transposed copy of the largest tensor of the loss.
    share = logits.reshape(batch * 4, reg_max, anchors).softmax(1)
    bins = torch.arange(reg_max, dtype=share.dtype, device=share.device)
    return torch.matmul(bins, share).view(batch, 4, anchors)


def distribution_focal(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the distribution focal loss of Li et al. 2020 (arXiv:2006.04388) per row.

    Args:
        logits: `(P, 4, R)` one distribution per side.
        target: `(P, 4)` distances in bins, limited to 0 .. R - 1.01 here.

    Returns:
        `(P,)` cross entropy to the two bins around the target, weighted by closeness, mean of the four sides.
    """
    target = target.clamp(0, logits.shape[-1] - 1.01)
    lower = target.floor()
    toward_upper = target - lower
    log_share = logits.log_softmax(-1)
    picked = log_share.gather(-1, torch.stack((lower, lower + 1), -1).long())
    return -(picked[..., 0] * (1 - toward_upper) + picked[..., 1] * toward_upper).mean(-1)


def relative_sides(sides: torch.Tensor, stride: torch.Tensor, imgsz: torch.Tensor) -> torch.Tensor:
    """Express distances `(P, 4)` in cells of `stride` `(P, 1)` as shares of the image size `(2,)` (height, width)."""
    return sides * stride / imgsz.flip(0).repeat(2)


def varifocal(logits: torch.Tensor, score: torch.Tensor, label: torch.Tensor, gamma: float, alpha: float):
    """Return the varifocal loss (Zhang et al. 2021, arXiv:2008.13367) per element."""
    weight = alpha * logits.sigmoid().pow(gamma) * (1 - label) + score * label
    return F.binary_cross_entropy_with_logits(logits, score, reduction="none") * weight


def focal(logits: torch.Tensor, label: torch.Tensor, gamma: float, alpha: float) -> torch.Tensor:
    """Return the focal loss (Lin et al. 2017, arXiv:1708.02002) per element; `alpha` 0 leaves out the class balance."""
    entropy = F.binary_cross_entropy_with_logits(logits, label, reduction="none")
    probability = logits.sigmoid()
    missed = label * (1 - probability) + (1 - label) * probability
    balance = label * alpha + (1 - label) * (1 - alpha) if alpha > 0 else 1.0
    return entropy * missed.pow(gamma) * balance


def keypoint_similarity_loss(
    pred: torch.Tensor, true: torch.Tensor, visible: torch.Tensor, area: torch.Tensor, sigmas: torch.Tensor
) -> torch.Tensor:
    """Return the mean of 1 - OKS over keypoints, with every object's visible ones weighted to count as K.

    Args:
        pred: `(P, K, 2 or more)` x, y first.
        true: `(P, K, 2 or more)` in the same unit.
        visible: `(P, K)` bool.
        area: `(P, 1)` area of the object.
        sigmas: `(K,)` spread per keypoint.
    """
    distance2 = ((pred[..., :2] - true[..., :2]) ** 2).sum(-1)
    scaled = distance2 / (2 * (2 * sigmas) ** 2 * (area + 1e-9))
    weight = visible.shape[1] / (visible.sum(1, keepdim=True) + 1e-9)
    return (weight * (1 - torch.exp(-scaled)) * visible).mean()


# Public classes -------------------------------------------------------------------------------------------------------
@public(PUBLIC)
class VarifocalLoss(nn.Module):
    """Varifocal loss, mean over the second axis and summed over the others.

    Args:
        gamma: power of the predicted score in the weight of negatives.
        alpha: weight of negatives.
    """

    def __init__(self, gamma: float = 2.0, alpha: float = 0.75):
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha

    def forward(self, pred_score: torch.Tensor, gt_score: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits `pred_score` against quality scores and 0/1 labels of the same shape."""
        return varifocal(pred_score.float(), gt_score.float(), label.float(), self.gamma, self.alpha).mean(1).sum()


@public(PUBLIC)
class FocalLoss(nn.Module):
    """Focal loss, mean over the second axis and summed over the others.

    Args:
        gamma: how strongly well-classified elements fade.
        alpha: weight of positives, 1 - alpha of negatives; 0 weights both by 1.
    """

    def __init__(self, gamma: float = 1.5, alpha: float = 0.25):
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha

    def forward(self, pred: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits `pred` against 0/1 labels of the same shape."""
        return focal(pred.float(), label.float(), self.gamma, self.alpha).mean(1).sum()


@public(PUBLIC)
class DFLoss(nn.Module):
    """Distribution focal loss over `reg_max` bins per side."""

    def __init__(self, reg_max: int = 16):
        super().__init__()
        self.reg_max = reg_max

    def forward(self, pred_dist: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return `(P, 1)` for logits `(4 P, reg_max)` and distances `(P, 4)` in bins."""
        return distribution_focal(pred_dist.float().view(-1, 4, self.reg_max), target.float()).unsqueeze(-1)


@public(PUBLIC)
class BboxLoss(nn.Module):
    """CIoU loss of boxes, and a loss of the distances they are made of.

    The distances are distributions for `reg_max` above 1 (distribution focal loss), plain numbers for 1 (L1 loss of
    distances as shares of the image).

    Args:
        reg_max: bins per side.
        use_dfl: as calls of 8.1 have it, where `reg_max` was the largest distance; None for calls of today.
    """

    def __init__(self, reg_max: int = 16, use_dfl: bool | None = None):
        super().__init__()
        if use_dfl is not None:
            reg_max = reg_max + 1 if use_dfl else 1
        self.reg_max = reg_max
        self.dfl_loss = in_use(DFLoss, PUBLIC)(reg_max) if reg_max > 1 else None

    @bypassed
    def forward(
        self,
        pred_dist: torch.Tensor,
        pred_bboxes: torch.Tensor,
        anchor_points: torch.Tensor,
        target_bboxes: torch.Tensor,
        target_scores: torch.Tensor,
        target_scores_sum: torch.Tensor | float,
        fg_mask: torch.Tensor,
        imgsz: torch.Tensor,
        stride: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the two losses of the positive anchors.

        Args:
            pred_dist: `(B, A, 4 * reg_max)` raw distances.
            pred_bboxes: `(B, A, 4)` decoded boxes in grid cells.
            anchor_points: `(A, 2)` in grid cells.
            target_bboxes: `(B, A, 4)` in grid cells.
            target_scores: `(B, A, nc)`; their sum weights an anchor.
            target_scores_sum: divisor of both losses.
            fg_mask: `(B, A)` bool, true for positives.
            imgsz: `(2,)` height and width of the input, px.
            stride: `(A, 1)` px per cell.
        """
        image, anchor = torch.nonzero(fg_mask, as_tuple=True)
        return self.on_rows(
            pred_dist[image, anchor],
            pred_bboxes[image, anchor],
            anchor_points[anchor],
            target_bboxes[image, anchor],
            target_scores[image, anchor].sum(-1),
            target_scores_sum,
            imgsz,
            stride[anchor],
        )

    def on_rows(
        self,
        pred_dist: torch.Tensor,
        pred_bboxes: torch.Tensor,
        anchor_points: torch.Tensor,
        target_bboxes: torch.Tensor,
        weight: torch.Tensor,
        total: torch.Tensor | float,
        imgsz: torch.Tensor,
        stride: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Do the same for the rows of P positive anchors: `(P, ...)` each, `weight` `(P,)`."""
        overlap = self.overlap(pred_bboxes.float(), target_bboxes.float())
        box = ((1 - overlap) * weight).sum() / total
        sides = self.target_sides(anchor_points, target_bboxes).float()
        if self.dfl_loss is not None:
            per_row = self.dfl_loss(pred_dist.float().view(-1, self.reg_max), sides).view(-1)
        else:
            wrong = relative_sides(pred_dist.float(), stride, imgsz) - relative_sides(sides, stride, imgsz)
            per_row = wrong.abs().mean(-1)
        return box, (per_row * weight).sum() / total

    def overlap(self, pred_bboxes: torch.Tensor, target_bboxes: torch.Tensor) -> torch.Tensor:
        """Return the overlap `(P,)` that the box loss raises."""
        overlap = in_use(bbox_iou, PUBLIC, METRICS)
        return overlap(pred_bboxes, target_bboxes, xywh=False, CIoU=True).reshape(-1)

    def target_sides(self, anchor_points: torch.Tensor, target_bboxes: torch.Tensor) -> torch.Tensor:
        """Return the distances `(P, 4)` that the raw prediction should have, in grid cells."""
        to_sides = in_use(bbox2dist, PUBLIC, CODECS)
        return to_sides(anchor_points, target_bboxes, self.reg_max - 1 if self.reg_max > 1 else None)


@public(PUBLIC)
class RotatedBboxLoss(BboxLoss):
    """The same for rotated boxes: ProbIoU, and distances along the box's own axes."""

    # Added to the variances, so that the gradient of boxes thinner than a cell stays bounded.
    floor = 0.01

    def overlap(self, pred_bboxes: torch.Tensor, target_bboxes: torch.Tensor) -> torch.Tensor:
        """Return the ProbIoU `(P,)` of paired rotated boxes."""
        own = in_use(probiou, PUBLIC, METRICS)
        if own is not probiou:
            return own(pred_bboxes, target_bboxes).reshape(-1)
        return probiou(pred_bboxes, target_bboxes, floor=self.floor).squeeze(-1)

    def target_sides(self, anchor_points: torch.Tensor, target_bboxes: torch.Tensor) -> torch.Tensor:
        """Return the distances `(P, 4)` to the sides of rotated targets `(P, 5)`, in grid cells."""
        limit = self.reg_max - 1 if self.reg_max > 1 else None
        return rbox2dist(target_bboxes[:, :4], anchor_points, target_bboxes[:, 4:5], reg_max=limit)


@public(PUBLIC)
class KeypointLoss(nn.Module):
    """Mean of 1 - object keypoint similarity.

    Args:
        sigmas: `(K,)` spread of every keypoint as a share of the object's size.
    """

    def __init__(self, sigmas: torch.Tensor | Sequence[float]):
        super().__init__()
        self.sigmas = torch.as_tensor(sigmas, dtype=torch.float32)

    def forward(
        self, pred_kpts: torch.Tensor, gt_kpts: torch.Tensor, kpt_mask: torch.Tensor, area: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of keypoints `(P, K, 2 or 3)`; `kpt_mask` `(P, K)` marks visible ones, `area` is `(P, 1)`."""
        sigmas = self.sigmas.to(pred_kpts.device)
        return keypoint_similarity_loss(pred_kpts.float(), gt_kpts.float(), kpt_mask, area.float(), sigmas)


@public(PUBLIC)
class MultiChannelDiceLoss(nn.Module):
    """1 - Dice coefficient per image and channel.

    Args:
        smooth: added to numerator and denominator.
        reduction: `mean`, `sum` or `none`.

    Raises:
        ValueError: if the reduction is unknown.
    """

    def __init__(self, smooth: float = 1e-6, reduction: str = "mean"):
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"unknown reduction '{reduction}'; choose mean, sum or none.")
        self.smooth = smooth
        self.reduction = reduction

    def forward(self, pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits `(B, C, H, W)` against masks of the same shape."""
        share, target = pred.float().sigmoid().flatten(2), target.float().flatten(2)
        both = (share * target).sum(2)
        loss = 1 - (2 * both + self.smooth) / (share.sum(2) + target.sum(2) + self.smooth)
        return loss if self.reduction == "none" else getattr(loss, self.reduction)()


@public(PUBLIC)
class BCEDiceLoss(nn.Module):
    """Weighted sum of binary cross entropy and Dice loss of segmentation maps."""

    def __init__(self, weight_bce: float = 0.5, weight_dice: float = 0.5):
        super().__init__()
        self.weight_bce = weight_bce
        self.weight_dice = weight_dice
        self.dice = MultiChannelDiceLoss(smooth=1)

    def forward(self, pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits `(B, C, H, W)`, resized to the size of `target` where that differs."""
        pred, target = pred.float(), target.float()
        if pred.shape[-2:] != target.shape[-2:]:
            pred = F.interpolate(pred, target.shape[-2:], mode="bilinear", align_corners=False)
        entropy = F.binary_cross_entropy_with_logits(pred, target)
        return self.weight_bce * entropy + self.weight_dice * self.dice(pred, target)
