"""Loss of pose estimation in YOLO26: keypoints also by how likely their error is.

Source: Li et al., "Human Pose Regression with Residual Log-likelihood Estimation" (2021): a normalizing flow learns
how errors, measured in predicted spreads, are distributed; its density and that of a Laplace distribution are what the
predictions are to make likely.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.loss.assign_shapes import PoseTaskAlignedAssigner
from ultralytics.nn.loss.detect import Assigned, padded
from ultralytics.nn.loss.pose import Keypoints, v8PoseLoss
from ultralytics.nn.loss.terms import CODECS, PUBLIC
from ultralytics.nn.public import public
from ultralytics.utils.overrides import ignores, in_use

__all__ = ["RLE_WEIGHT", "PoseLoss26", "RLELoss"]

# Weights of COCO's body joints: elbows and knees move more than the trunk, wrists and ankles most.
RLE_WEIGHT = np.array([1, 1, 1, 1, 1, 1, 1, 1.2, 1.2, 1.5, 1.5, 1, 1, 1.2, 1.2, 1.5, 1.5], dtype=np.float32)
LARGEST_ERROR = 100.0  # spreads; larger errors of a network that knows nothing yet have no useful gradient


@public(PUBLIC)
class RLELoss(nn.Module):
    """Negative log-likelihood of coordinates under a flow and, with `residual`, a Laplace distribution around it.

    Args:
        use_target_weight: weigh points by `target_weight`.
        size_average: divide the sum by the number of points.
        residual: add the Laplace term.
    """

    def __init__(self, use_target_weight: bool = True, size_average: bool = True, residual: bool = True):
        super().__init__()
        self.use_target_weight = use_target_weight
        self.size_average = size_average
        self.residual = residual

    def forward(
        self,
        sigma: torch.Tensor,
        log_phi: torch.Tensor,
        error: torch.Tensor,
        target_weight: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the loss of N points.

        Args:
            sigma: `(N, 2)` predicted spreads.
            log_phi: `(N, 1)` log density of the errors under the flow.
            error: `(N, 2)` errors in spreads.
            target_weight: `(N,)` weight of every point.
        """
        log_sigma = sigma.log()
        loss = log_sigma - log_phi.view(-1, 1)
        if self.residual:
            loss = loss + torch.log(2 * sigma) + error.abs()
        if self.use_target_weight and target_weight is not None:
            loss = loss * target_weight.view(-1, 1)
        return loss.sum() / len(loss) if self.size_average else loss.sum()


@ignores(calculate_rle_loss="override further_terms(preds, assigned, found)")
@public(PUBLIC)
class PoseLoss26(v8PoseLoss):
    """`v8PoseLoss` with a likelihood term; takes the same arguments.

    The model's head brings the flow, `flow_model`, which learns along.
    """

    def __init__(self, model: nn.Module, tal_topk: int = 10, tal_topk2: int | None = None):
        super().__init__(model, tal_topk, tal_topk2)
        self.flow_model = getattr(model.model[-1], "flow_model", None)
        self.rle_loss = RLELoss()
        count = self.kpt_shape[0]
        self.target_weights = torch.from_numpy(RLE_WEIGHT) if count == len(RLE_WEIGHT) else torch.ones(count)

    @property
    def item_names(self) -> tuple[str, ...]:
        """Names of the loss items, in the order of the loss vector."""
        return (*super().item_names, "rle_loss")

    def build_assigner(self, topk: int, topk2: int | None) -> nn.Module:
        """Return the assigner that looks at keypoints."""
        kind = in_use(PoseTaskAlignedAssigner, PUBLIC, CODECS)
        return kind(
            self.sigmas,
            topk=topk,
            num_classes=self.nc,
            alpha=0.5,
            beta=6.0,
            stride=self.stride.tolist(),
            topk2=topk2,
        )

    def assigner_inputs(
        self,
        preds: Mapping[str, Any],
        batch: Mapping[str, Any],
        points: torch.Tensor,
        strides: torch.Tensor,
        imgsz: torch.Tensor,
    ) -> dict[str, Any]:
        """Return strides, and predicted and true keypoints in px, for the assigner."""
        raw = preds["kpts"].detach().float().transpose(1, 2).unflatten(2, self.kpt_shape)  # (B, A, K, D)
        predicted = self.kpts_decode(points, raw)[..., :2] * strides[:, None]
        true = batch["keypoints"].to(raw.device).float()
        visible = true[..., 2:] if true.shape[-1] == 3 else torch.ones_like(true[..., :1])
        rows = torch.cat((true[..., :2] * imgsz.flip(0), visible), -1)
        true = padded(rows, batch["batch_idx"].view(-1).to(raw.device), len(raw))
        return {"anc_strides": strides, "pd_kpts": predicted, "gt_kpts": true}

    @staticmethod
    def kpts_decode(anchor_points: torch.Tensor, pred_kpts: torch.Tensor) -> torch.Tensor:
        """Return keypoints `(..., K, D)` in grid cells for raw ones; `anchor_points` is `(..., 2)`."""
        xy = pred_kpts[..., :2] + anchor_points[..., None, :]
        return torch.cat((xy, pred_kpts[..., 2:]), -1)

    def further_terms(self, preds: Mapping[str, Any], assigned: Assigned, found: Keypoints) -> tuple[torch.Tensor, ...]:
        """Return the likelihood term; zero in evaluation, where the head does not predict spreads."""
        if "kpts_sigma" not in preds or self.flow_model is None:
            return (found.raw.new_zeros(()),)
        spread = assigned.rows(preds["kpts_sigma"]).view(-1, self.kpt_shape[0], 2).sigmoid()
        if not found.visible.any():
            idle = (p.flatten()[:0].sum() for p in self.flow_model.parameters())
            return (spread[:0].sum() + sum(idle),)  # zero, connected to everything that takes part otherwise
        sigma = spread[found.visible]
        distance = (found.decoded[..., :2] - found.true_xy)[found.visible]
        error = (distance / (sigma + 1e-9)).clamp(-LARGEST_ERROR, LARGEST_ERROR)
        weight = self.target_weights.to(sigma).expand_as(found.visible)[found.visible]
        loss = self.rle_loss(sigma, self.flow_model.log_prob(error), error, weight)
        return (loss.clamp(min=0) * self.hyp.rle,)
