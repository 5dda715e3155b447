"""Mixup and CutMix of classification batches: pictures and labels of a batch mixed with those of its own permutation.

On the device, after batches are made: what they cost is a pass over the pictures.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

__all__ = ["blend_batch"]

MIXUP_ALPHA, CUTMIX_ALPHA = 0.8, 1.0


def blend_batch(
    images: torch.Tensor, classes: torch.Tensor, nc: int, mixup: float, cutmix: float, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Mix the pictures of a batch with each other, or leave it as it is.

    Mixup (Zhang et al., arXiv 1710.09412) blends two pictures by a share from Beta(0.8, 0.8); CutMix (Yun et al., arXiv
    1905.04899) pastes a rectangle of a share from Beta(1, 1). One of both happens to a whole batch.

    Args:
        images: (B, C, H, W).
        classes: (B,) class indices.
        nc: number of classes.
        mixup: probability of mixup.
        cutmix: probability of CutMix; with both, their sum is the probability of either, at most 1.
        rng: what to draw from.

    Returns:
        Pictures and labels (B, nc), rows with sum 1, or None where nothing is mixed.
    """
    draw = rng.random() * max(1.0, mixup + cutmix)
    if draw >= mixup + cutmix or len(images) < 2:
        return None
    others = torch.from_numpy(rng.permutation(len(images))).to(images.device)
    if draw < mixup:
        share = float(rng.beta(MIXUP_ALPHA, MIXUP_ALPHA))
        mixed = torch.lerp(images[others], images, share)
    else:
        mixed, share = _pasted(images, others, float(rng.beta(CUTMIX_ALPHA, CUTMIX_ALPHA)), rng)
    labels = F.one_hot(classes.long(), nc).to(torch.float32)
    return mixed, torch.lerp(labels[others], labels, share)


def _pasted(
    images: torch.Tensor, others: torch.Tensor, share: float, rng: np.random.Generator
) -> tuple[torch.Tensor, float]:
    """Paste a rectangle of other pictures and return the pictures and the share of their own that is left."""
    height, width = images.shape[-2:]
    side = (1 - share) ** 0.5
    y, x = rng.random(2) * (height, width)
    top, bottom = (int(np.clip(round(y + sign * side * height / 2), 0, height)) for sign in (-1, 1))
    left, right = (int(np.clip(round(x + sign * side * width / 2), 0, width)) for sign in (-1, 1))
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images[others][..., top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)
