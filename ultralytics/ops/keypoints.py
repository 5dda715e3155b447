"""Keypoint constants and the object keypoint similarity of COCO (https://cocodataset.org/#keypoints-eval)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

__all__ = ["BODY_SHARE", "OKS_SIGMA", "kpt_iou", "oks_sigmas"]

BODY_SHARE = 0.53  # area of a person over that of the box, as the keypoint metric counts it

# Spread of human annotators per body joint, nose to ankles, as a share of the object's size.
OKS_SIGMA = (
    np.array([0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89],
             dtype=np.float32) / 10.0
)  # fmt: skip


def oks_sigmas(kpt_shape: Sequence[int], custom: Sequence[float] | None = None) -> np.ndarray:
    """Return one sigma per keypoint `(K,)`: the caller's, COCO's for its 17 joints with visibility, else 1 / K.

    Raises:
        ValueError: if `custom` does not have one value per keypoint.
    """
    count = int(kpt_shape[0])
    if custom is not None:
        if len(custom) != count:
            raise ValueError(f"kpt_oks_sigmas has {len(custom)} values, but kpt_shape {list(kpt_shape)} needs {count}.")
        return np.asarray(custom, dtype=np.float32)
    return OKS_SIGMA if list(kpt_shape) == [17, 3] else np.full(count, 1.0 / count, dtype=np.float32)


def kpt_iou(
    kpt1: torch.Tensor, kpt2: torch.Tensor, area: torch.Tensor, sigma: Sequence[float], eps: float = 1e-7
) -> torch.Tensor:
    """Return the object keypoint similarity of every ground truth and every prediction.

    Args:
        kpt1: `(N, K, 3)` true keypoints x, y, visibility; those with visibility 0 do not count.
        kpt2: `(M, K, 2 or 3)` predicted keypoints.
        area: `(N,)` area of the true objects, px^2.
        sigma: `(K,)` spread per keypoint.
        eps: keeps divisions finite.

    Returns:
        `(N, M)` similarity in 0..1; 0 where nothing is visible.
    """
    distance2 = ((kpt1[:, None, :, :2] - kpt2[None, :, :, :2]) ** 2).sum(-1)
    spread = (2 * torch.as_tensor(sigma, dtype=kpt1.dtype, device=kpt1.device)) ** 2
    visible = (kpt1[..., 2] != 0).to(kpt1.dtype)[:, None]
    similarity = torch.exp(-distance2 / (2 * spread * (area[:, None, None] + eps)))
    return (similarity * visible).sum(-1) / (visible.sum(-1) + eps)
