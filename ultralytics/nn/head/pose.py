"""Pose head: detection, plus the keypoints of every anchor's object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ultralytics.nn.head.detect import Detect, arguments_of_81, plain_branch
from ultralytics.nn.public import public

__all__ = ["Pose"]


@public("ultralytics.nn.modules.head")
class Pose(Detect):
    """Detect, with `kpts` (B, K * D, A) among the raw outputs; `y` ends with the decoded keypoints.

    Args:
        nc: number of classes.
        kpt_shape: K keypoints of D numbers: x, y and, for D = 3, visibility.
        reg_max: bins per box side.
        end2end: add a one-to-one branch.
        ch: channels of the input levels.
        legacy: as in `Detect`.
    """

    branches = {**Detect.branches, "pose_head": ("cv4", "kpts")}

    def __init__(
        self,
        nc: int = 80,
        kpt_shape: Sequence[int] = (17, 3),
        reg_max: int = 16,
        end2end: bool | None = False,
        ch: Sequence[int] = (),
        *,
        legacy: bool | None = None,
    ):
        reg_max, end2end, ch, old_form = arguments_of_81(reg_max, end2end, ch)
        if len(kpt_shape) != 2 or kpt_shape[0] < 1 or kpt_shape[1] not in {2, 3}:
            raise ValueError(f"kpt_shape is {kpt_shape}; expected [number of keypoints, 2 or 3].")
        super().__init__(nc, reg_max, False, ch, legacy=old_form or legacy)
        self.kpt_shape = kpt_shape
        self.nk = kpt_shape[0] * kpt_shape[1]
        self.cv4 = nn.ModuleList(plain_branch(c, max(ch[0] // 4, self.nk), self.nk) for c in ch)
        if end2end:
            self.add_one_to_one()

    def decode(
        self, raw: Mapping[str, torch.Tensor], anchors: torch.Tensor, strides: torch.Tensor
    ) -> list[torch.Tensor]:
        """Append the keypoints in input pixels."""
        return [*super().decode(raw, anchors, strides), self.kpts_decode(raw["kpts"], anchors, strides)]

    def kpts_decode(
        self, kpts: torch.Tensor, anchors: torch.Tensor | None = None, strides: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Turn raw keypoints (B, K * D, A) into x, y in pixels and visibility 0..1.

        Args:
            kpts: output of the branch.
            anchors: (2, A) anchor points; those of the last evaluation by default.
            strides: (1, A) pixels per cell, likewise.
        """
        anchors, strides = (self.anchors, self.strides) if anchors is None else (anchors, strides)
        points = kpts.unflatten(1, tuple(self.kpt_shape))
        # The offset counts double, from the corner of the anchor's cell.
        xy = (points[:, :, :2] * 2.0 + (anchors - 0.5)) * strides
        parts = [xy] if self.kpt_shape[1] == 2 else [xy, points[:, :, 2:].sigmoid()]
        return torch.cat(parts, 2).flatten(1, 2)
