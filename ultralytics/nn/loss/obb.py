"""Loss of oriented boxes: rotated overlap, distances along the box's own axes, and the angle itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ultralytics.nn.loss.assign import RotatedTaskAlignedAssigner
from ultralytics.nn.loss.detect import Assigned, v8DetectionLoss
from ultralytics.nn.loss.terms import CODECS, PUBLIC, RotatedBboxLoss, expected_sides
from ultralytics.nn.public import public
from ultralytics.ops.anchors import dist2rbox
from ultralytics.utils.overrides import bypassed, ignores, in_use

__all__ = ["v8OBBLoss"]

MIN_SIDE_PX = 2.0  # thinner objects have no usable angle


@ignores(calculate_angle_loss="override angle_term(angle, assigned)")
@public(PUBLIC)
class v8OBBLoss(v8DetectionLoss):
    """Detection loss for rotated boxes plus an angle term; takes the arguments of `v8DetectionLoss`."""

    def build_assigner(self, topk: int, topk2: int | None) -> nn.Module:
        """Return the assigner for rotated boxes."""
        stride = self.stride.tolist()
        kind = in_use(RotatedTaskAlignedAssigner, PUBLIC, CODECS)
        return kind(topk, num_classes=self.nc, alpha=0.5, beta=6.0, stride=stride, topk2=topk2)

    def build_box_loss(self) -> RotatedBboxLoss:
        """Return the loss of rotated boxes and their side distances."""
        return in_use(RotatedBboxLoss, PUBLIC)(self.reg_max)

    @property
    def item_names(self) -> tuple[str, ...]:
        """Names of the loss items, in the order of the loss vector."""
        return (*super().item_names, "angle_loss")

    def loss(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a raw prediction dict, which has `angle` `(B, 1, A)` in radians too."""
        assigned, terms = self.assigned_and_terms(preds, batch)
        angle = self.angle_term(assigned.rows(preds["angle"])[:, 0], assigned)
        return self.report(torch.cat((terms, (angle * self.hyp.angle).view(1))), preds["scores"].shape[0])

    def preprocess(self, targets: torch.Tensor, batch_size: int, scale_tensor: torch.Tensor) -> torch.Tensor:
        """Sort objects `(n, 7)` image, class, rotated box into a table `(B, M, 6)`, without those under 2 px."""
        sides = targets[:, 4:6] * scale_tensor[2:4]
        return super().preprocess(targets[(sides >= MIN_SIDE_PX).all(1)], batch_size, scale_tensor)

    def scale_targets(self, rows: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return rows `(n, 6)` class, relative centre and size, angle with the box in px."""
        return torch.cat([rows[:, :1], rows[:, 1:5] * scale, rows[:, 5:6]], 1)

    @bypassed
    def bbox_decode(
        self, anchor_points: torch.Tensor, pred_dist: torch.Tensor, pred_angle: torch.Tensor
    ) -> torch.Tensor:
        """Return rotated boxes `(B, A, 5)` in grid cells for raw distances `(B, A, 4 R)` and angles `(B, A, 1)`."""
        sides = expected_sides(pred_dist.transpose(1, 2), self.reg_max).transpose(1, 2)
        return torch.cat((dist2rbox(sides, pred_angle, anchor_points), pred_angle), -1)

    def decode_for_assigner(
        self, preds: Mapping[str, Any], points: torch.Tensor, strides: torch.Tensor
    ) -> torch.Tensor:
        """Return predicted rotated boxes `(B, A, 5)` in px."""
        sides, angle = expected_sides(preds["boxes"].detach().float(), self.reg_max), preds["angle"].detach().float()
        boxes = dist2rbox(sides, angle, points.T, dim=1) * strides.T
        return torch.cat((boxes, angle), 1).transpose(1, 2).contiguous()

    def decode_rows(self, preds: Mapping[str, Any], sides: torch.Tensor, assigned: Assigned) -> torch.Tensor:
        """Return the rotated boxes `(P, 5)` in grid cells of the positive anchors."""
        angle = assigned.rows(preds["angle"])
        return torch.cat((dist2rbox(sides, angle, assigned.points[assigned.anchor]), angle), 1)

    def decode_all(self, preds: Mapping[str, Any]) -> torch.Tensor:
        """Return all predicted rotated boxes `(B, A, 5)` in grid cells, as `bbox_decode` has them."""
        raw, angle = (preds[key].float().transpose(1, 2) for key in ("boxes", "angle"))
        return self.bbox_decode(self.anchors(preds)[0], raw, angle)

    @staticmethod
    def angle_term(angle: torch.Tensor, assigned: Assigned, lambda_val: float = 3.0) -> torch.Tensor:
        """Return the squared sine of twice the angle error, fading for objects that are not square.

        A quarter turn costs nothing, since side distances and overlap decide between the two readings; an elongated
        object's angle is taught by its overlap already, a square one's is not.

        Args:
            angle: `(P,)` predicted angles, radians.
            assigned: which anchor learns which object.
            lambda_val: how far, in natural log of the side ratio, the term reaches.
        """
        elongation = torch.log(assigned.boxes[:, 2] / assigned.boxes[:, 3])
        fade = torch.exp(-((elongation / lambda_val) ** 2))
        error = torch.sin(2 * (angle - assigned.boxes[:, 4])) ** 2
        return (error * fade * assigned.weight).sum() / assigned.total
