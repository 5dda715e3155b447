"""Pose head: detection, plus the keypoints of every anchor's object."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.flow import RealNVP
from ultralytics.nn.head.detect import Detect, Raw, along_anchors, arguments_of_81, plain_branch
from ultralytics.nn.public import public

__all__ = ["Pose", "Pose26"]


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
        super().__init__(nc, reg_max, end2end, ch, legacy=old_form or legacy)
        self.kpt_shape = kpt_shape
        self.nk = kpt_shape[0] * kpt_shape[1]
        self.add_keypoint_branch(ch)
        self.match_branches()

    def add_keypoint_branch(self, ch: Sequence[int]) -> None:
        """Add the layers that predict keypoints."""
        self.cv4 = nn.ModuleList(plain_branch(c, max(ch[0] // 4, self.nk), self.nk) for c in ch)

    def forward_head(
        self,
        x: list[torch.Tensor],
        box_head: nn.ModuleList | None = None,
        cls_head: nn.ModuleList | None = None,
        pose_head: nn.ModuleList | None = None,
    ) -> Raw:
        """Run the branches; see `Detect.forward_head`."""
        return self.run_branches(x, box_head=box_head, cls_head=cls_head, pose_head=pose_head)

    def _inference(self, x: Raw) -> torch.Tensor:
        """Append the keypoints, in input pixels, to boxes and scores."""
        return torch.cat((super()._inference(x), self.kpts_decode(x["kpts"])), 1)

    def kpts_decode(self, kpts: torch.Tensor) -> torch.Tensor:
        """Turn raw keypoints (B, K * D, A) of the last maps into x, y in pixels and visibility 0..1."""
        points = kpts.unflatten(1, tuple(self.kpt_shape))
        xy = self.place(points[:, :, :2], self.anchors) * self.strides
        parts = [xy] if self.kpt_shape[1] == 2 else [xy, points[:, :, 2:].sigmoid()]
        return torch.cat(parts, 2).flatten(1, 2)

    @staticmethod
    def place(offsets: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
        """Return positions in grid cells: offsets (B, K, 2, A) count double, from the corner of the anchor's cell."""
        return offsets * 2.0 + (anchors - 0.5)


@public("ultralytics.nn.modules.head")
class Pose26(Pose):
    """Pose whose keypoint branch also says how far off it expects to be; takes the arguments of `Pose`.

    The raw outputs have `kpts_sigma` (B, K * 2, A) too in training. `flow_model` says how errors are distributed; the
    loss trains it, and inference uses neither.
    """

    branches = {
        **Detect.branches,
        "pose_head": ("cv4", "kpts"),
        "kpts_head": ("cv4_kpts", "kpts"),
        "kpts_sigma_head": ("cv4_sigma", "kpts_sigma"),
    }

    def add_keypoint_branch(self, ch: Sequence[int]) -> None:
        """Add a trunk per level, and from it keypoints and their spread."""
        self.nk_sigma = 2 * self.kpt_shape[0]
        width = max(ch[0] // 4, self.nk + self.nk_sigma)
        self.cv4 = nn.ModuleList(nn.Sequential(Conv(c, width, 3), Conv(width, width, 3)) for c in ch)
        self.match_branches()  # files keep the tensors in this order
        self.flow_model = RealNVP()
        self.cv4_kpts = nn.ModuleList(nn.Conv2d(width, self.nk, 1) for _ in ch)
        self.cv4_sigma = nn.ModuleList(nn.Conv2d(width, self.nk_sigma, 1) for _ in ch)

    def forward_head(
        self,
        x: list[torch.Tensor],
        box_head: nn.ModuleList | None = None,
        cls_head: nn.ModuleList | None = None,
        pose_head: nn.ModuleList | None = None,
        kpts_head: nn.ModuleList | None = None,
        kpts_sigma_head: nn.ModuleList | None = None,
    ) -> Raw:
        """Run the branches, the keypoints' in two steps."""
        trunk, points, spread = pose_head, kpts_head, kpts_sigma_head
        if box_head is cls_head is trunk is None:
            box_head, cls_head, trunk, points, spread = self.one2many.values()
        raw = self.run_branches(x, box_head=box_head, cls_head=cls_head)
        if trunk is not None:
            features = [layer(level) for layer, level in zip(trunk, x, strict=True)]
            raw["kpts"] = along_anchors(points, features)
            if self.training and spread is not None:
                raw["kpts_sigma"] = along_anchors(spread, features)
        return raw

    @staticmethod
    def place(offsets: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
        """Return positions in grid cells: offsets (B, K, 2, A) count from the anchor point."""
        return offsets + anchors

    def fuse(self) -> None:
        """Drop what inference does not use: one of two branches, the keypoints' spread and its distribution."""
        super().fuse()
        self.flow_model = self.cv4_sigma = None
        if hasattr(self, "one2one_cv4_sigma"):
            self.one2one_cv4_sigma = None
