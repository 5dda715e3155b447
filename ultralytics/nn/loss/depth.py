"""Loss of depth estimation: how far off distances are but for a common scale, and whether edges are where they are.

The error is that of logarithms: Eigen et al., "Depth Map Prediction from a Single Image using a Multi-Scale Deep
Network", NeurIPS 2014. The differences of neighbours at several sizes: Li and Snavely, "MegaDepth: Learning
Single-View Depth Prediction from Internet Photos", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.cfg.merge import DEFAULT_CFG_DICT
from ultralytics.nn.public import public

__all__ = ["DepthLoss26", "gradient_error", "scale_invariant_error"]

NEAREST = 1e-3  # metres; smaller targets mean unknown
FEWEST = 10  # valid pixels of a batch that say something
COARSER = 3  # levels of the pyramid beyond the first
SMALLEST = 4  # pixels of a side that a level can be made from
DENSE = 0.7  # share of valid pixels that the occupied cells of an image need on average to go on to the next level


@public("ultralytics.utils.loss")
class DepthLoss26:
    """Loss of depth models, of which `dlog`, `dgrad` and `dlam` are gains and focus.

    Args:
        model: whose `args` say them.
    """

    def __init__(self, model: nn.Module) -> None:
        args = model.args if isinstance(model.args, Mapping) else vars(model.args)
        gains = ("dlog", "dgrad", "dlam")
        self.dlog, self.dgrad, self.dlam = (float(args.get(name, DEFAULT_CFG_DICT[name])) for name in gains)

    def __call__(
        self, preds: Mapping[str, torch.Tensor] | torch.Tensor, batch: Mapping[str, Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the terms (2,) times B, and them by name.

        Args:
            preds: output of the model in training, or metres (B, 1, h, w).
            batch: `depth` (B, H, W) or (B, 1, H, W) metres, 0 where they are not known.
        """
        metres = preds["depth"] if isinstance(preds, Mapping) else preds
        target = batch["depth"].to(metres.device, torch.float32)
        target = target[:, None] if target.ndim == 3 else target
        metres = F.interpolate(metres.float(), size=target.shape[-2:], mode="bilinear", align_corners=True)
        valid = target > NEAREST
        difference = metres.log() - target.where(valid, torch.ones_like(target)).log()
        difference = difference * valid
        enough = valid.sum() >= FEWEST
        silog = scale_invariant_error(difference, valid, self.dlam) * self.dlog
        terms = torch.stack((silog, gradient_error(difference, valid) * self.dgrad)) * enough
        return terms * len(target), dict(zip(("dlog_loss", "dgrad_loss"), terms.detach(), strict=True))


def scale_invariant_error(difference: torch.Tensor, valid: torch.Tensor, focus: float = 1.0) -> torch.Tensor:
    """Return the root of the variance of log differences plus `1 - focus` times their squared mean.

    Args:
        difference: (B, 1, H, W), 0 where invalid.
        valid: (B, 1, H, W) bool.
        focus: 1 leaves out what a common scale accounts for, 0 gives the root mean square.
    """
    count = valid.sum().clamp(min=1)
    mean = difference.sum() / count
    variance = ((difference - mean) * valid).square().sum() / count
    return (variance + (1 - focus) * mean.square() + 1e-6).sqrt()


def gradient_error(difference: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute differences of neighbours, summed over up to four sizes.

    Each size is half of the one before, its pixels the means of the valid ones among four. An image whose valid pixels
    are too sparse counts as one without error from there on.

    Args:
        difference: (B, 1, H, W) log differences, 0 where invalid.
        valid: (B, 1, H, W) bool.
    """
    known, staying = valid.float(), valid.new_ones(len(valid), dtype=torch.float32)
    total = neighbours_error(difference, known, staying)
    for _ in range(COARSER):
        if min(known.shape[-2:]) < SMALLEST:
            break
        share = F.avg_pool2d(known, 2)
        difference = F.avg_pool2d(difference, 2) / share.clamp(min=0.25)
        known = (share > 0).float()
        density = share.sum((1, 2, 3)) / known.sum((1, 2, 3)).clamp(min=1)
        staying = staying * (density > DENSE)
        total = total + neighbours_error(difference, known, staying)
    return total


def neighbours_error(difference: torch.Tensor, known: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute difference of horizontal neighbours plus that of vertical ones, unknown ones being 0.

    Args:
        difference: (B, 1, h, w).
        known: (B, 1, h, w), 1 or 0.
        weights: (B,) 1 or 0 for every image.
    """
    error = difference.new_zeros(len(difference))
    for axis in (-1, -2):
        length = difference.shape[axis] - 1
        if length > 0:
            both = known.narrow(axis, 0, length) * known.narrow(axis, 1, length)
            error = error + (difference.diff(dim=axis).abs() * both).mean((1, 2, 3))
    return (error * weights).mean()
