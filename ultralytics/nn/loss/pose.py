"""Loss of pose estimation: the detection terms, keypoint positions and keypoint visibility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.loss.detect import Assigned, v8DetectionLoss
from ultralytics.nn.loss.terms import KeypointLoss
from ultralytics.nn.public import public
from ultralytics.ops.keypoints import oks_sigmas

__all__ = ["v8PoseLoss"]


@public("ultralytics.utils.loss")
class v8PoseLoss(v8DetectionLoss):
    """Detection loss plus keypoint terms.

    Args:
        model: pose model; its head tells `kpt_shape`, an optional `model.kpt_oks_sigmas` the spread per keypoint.
        tal_topk: anchors that an object chooses.
        tal_topk2: anchors that an object keeps; None keeps all.
    """

    def __init__(self, model: nn.Module, tal_topk: int = 10, tal_topk2: int | None = None):
        super().__init__(model, tal_topk, tal_topk2)
        self.kpt_shape = tuple(model.model[-1].kpt_shape)
        sigmas = oks_sigmas(self.kpt_shape, getattr(model, "kpt_oks_sigmas", None))
        self.keypoint_loss = KeypointLoss(torch.from_numpy(sigmas))

    @property
    def item_names(self) -> tuple[str, ...]:
        """Names of the loss items, in the order of the loss vector."""
        box, cls, side = super().item_names
        return box, "pose_loss", "kobj_loss", cls, side

    def loss(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a raw prediction dict, which has `kpts` `(B, K * D, A)` too."""
        assigned, terms = self.get_assigned_targets_and_loss(preds, batch)
        pose, kobj = self.keypoint_terms(preds, batch, assigned)
        box, cls, side = terms.unbind()
        both = torch.stack((box, pose * self.hyp.pose, kobj * self.hyp.kobj, cls, side))
        return self.report(both, preds["scores"].shape[0])

    @staticmethod
    def kpts_decode(anchor_points: torch.Tensor, pred_kpts: torch.Tensor) -> torch.Tensor:
        """Return keypoints `(..., K, D)` in grid cells for raw ones; `anchor_points` is `(..., 2)`."""
        xy = pred_kpts[..., :2] * 2 + (anchor_points[..., None, :] - 0.5)
        return torch.cat((xy, pred_kpts[..., 2:]), -1)

    def keypoint_terms(
        self, preds: Mapping[str, Any], batch: Mapping[str, Any], assigned: Assigned
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the position and visibility terms without gains.

        Args:
            preds: `kpts` `(B, K * D, A)` raw keypoints.
            batch: `keypoints` `(n, K, 2 or 3)` relative to the image, in the row order of `batch_idx`.
            assigned: which anchor learns which object.
        """
        raw = assigned.rows(preds["kpts"]).view(-1, *self.kpt_shape)
        if not len(raw):
            return raw[..., :2].sum(), raw[..., 2:].sum()  # zero, connected to the branch
        decoded = self.kpts_decode(assigned.points[assigned.anchor], raw)
        stride = assigned.strides[assigned.anchor]
        true = batch["keypoints"].to(raw.device).float()[assigned.rows_in_batch(batch["batch_idx"])]
        true_xy = true[..., :2] * (assigned.imgsz.flip(0) / stride)[:, None]
        visible = true[..., 2] != 0 if true.shape[-1] == 3 else torch.ones_like(true[..., 0], dtype=torch.bool)
        area = ((assigned.boxes[:, 2:4] - assigned.boxes[:, :2]) / stride).prod(1, keepdim=True)
        pose = self.keypoint_loss(decoded, true_xy, visible, area)
        if raw.shape[-1] < 3:
            return pose, pose.new_zeros(())
        return pose, F.binary_cross_entropy_with_logits(raw[..., 2], visible.float())
