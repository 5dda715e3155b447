"""Loss of pose estimation: the detection terms, keypoint positions and keypoint visibility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from ultralytics.nn.loss.detect import Assigned, v8DetectionLoss
from ultralytics.nn.loss.terms import PUBLIC, KeypointLoss
from ultralytics.nn.public import public
from ultralytics.ops.keypoints import oks_sigmas
from ultralytics.utils.overrides import ignores, in_use

__all__ = ["Keypoints", "v8PoseLoss"]


class Keypoints(NamedTuple):
    """Keypoints of the positive anchors, in grid cells.

    Attributes:
        raw: `(P, K, D)` as predicted.
        decoded: `(P, K, D)` the same with positions.
        true_xy: `(P, K, 2)`.
        visible: `(P, K)` bool.
        area: `(P, 1)` area of the object's box.
    """

    raw: torch.Tensor
    decoded: torch.Tensor
    true_xy: torch.Tensor
    visible: torch.Tensor
    area: torch.Tensor


@ignores(
    calculate_keypoints_loss="override keypoint_terms(found)",
    _batch_keypoints="override match_keypoints(preds, batch, assigned)",
)
@public(PUBLIC)
class v8PoseLoss(v8DetectionLoss):
    """Detection loss plus keypoint terms.

    Args:
        model: pose model; its head tells `kpt_shape`, an optional `model.kpt_oks_sigmas` the spread per keypoint.
        tal_topk: anchors that an object chooses.
        tal_topk2: anchors that an object keeps; None keeps all.
    """

    def __init__(self, model: nn.Module, tal_topk: int = 10, tal_topk2: int | None = None):
        self.kpt_shape = tuple(model.model[-1].kpt_shape)
        self.sigmas = torch.from_numpy(oks_sigmas(self.kpt_shape, getattr(model, "kpt_oks_sigmas", None)))
        super().__init__(model, tal_topk, tal_topk2)
        self.keypoint_loss = in_use(KeypointLoss, PUBLIC)(self.sigmas)
        self.bce_pose = nn.BCEWithLogitsLoss()

    @property
    def item_names(self) -> tuple[str, ...]:
        """Names of the loss items, in the order of the loss vector."""
        box, cls, side = super().item_names
        return box, "pose_loss", "kobj_loss", cls, side

    def loss(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a raw prediction dict, which has `kpts` `(B, K * D, A)` too."""
        assigned, terms = self.assigned_and_terms(preds, batch)
        found = self.match_keypoints(preds, batch, assigned)
        pose, kobj = self.keypoint_terms(found)
        box, cls, side = terms.unbind()
        shared = (box, pose * self.hyp.pose, kobj * self.hyp.kobj, cls, side)
        both = torch.stack((*shared, *self.further_terms(preds, assigned, found)))
        return self.report(both, preds["scores"].shape[0])

    def further_terms(self, preds: Mapping[str, Any], assigned: Assigned, found: Keypoints) -> tuple[torch.Tensor, ...]:
        """Return terms, with gains, that a subclass adds at the end."""
        return ()

    @staticmethod
    def kpts_decode(anchor_points: torch.Tensor, pred_kpts: torch.Tensor) -> torch.Tensor:
        """Return keypoints `(..., K, D)` in grid cells for raw ones; `anchor_points` is `(..., 2)`."""
        xy = pred_kpts[..., :2] * 2 + (anchor_points[..., None, :] - 0.5)
        return torch.cat((xy, pred_kpts[..., 2:]), -1)

    def match_keypoints(self, preds: Mapping[str, Any], batch: Mapping[str, Any], assigned: Assigned) -> Keypoints:
        """Return predicted and true keypoints of the positive anchors.

        Args:
            preds: `kpts` `(B, K * D, A)` raw keypoints.
            batch: `keypoints` `(n, K, 2 or 3)` relative to the image, in the row order of `batch_idx`.
            assigned: which anchor learns which object.
        """
        raw = assigned.rows(preds["kpts"]).view(-1, *self.kpt_shape)
        stride = assigned.strides[assigned.anchor]
        true = batch["keypoints"].to(raw.device).float()
        if len(raw):  # a batch without objects may have no rows to choose from
            true = true[assigned.rows_in_batch(batch["batch_idx"])]
        else:
            true = true.new_zeros(0, self.kpt_shape[0], true.shape[-1])
        return Keypoints(
            raw=raw,
            decoded=self.kpts_decode(assigned.points[assigned.anchor], raw),
            true_xy=true[..., :2] * (assigned.imgsz.flip(0) / stride)[:, None],
            visible=true[..., 2] != 0 if true.shape[-1] == 3 else torch.ones_like(true[..., 0], dtype=torch.bool),
            area=((assigned.boxes[:, 2:4] - assigned.boxes[:, :2]) / stride).prod(1, keepdim=True),
        )

    def keypoint_terms(self, found: Keypoints) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the position and visibility terms without gains."""
        raw = found.raw
        if not len(raw):
            return raw[..., :2].sum(), raw[..., 2:].sum()  # zero, connected to the branch
        pose = self.keypoint_loss(found.decoded, found.true_xy, found.visible, found.area)
        if raw.shape[-1] < 3:
            return pose, pose.new_zeros(())
        return pose, self.bce_pose(raw[..., 2], found.visible.float())
