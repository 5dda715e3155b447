"""Head for oriented boxes: detection, plus one angle per anchor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.head.detect import Detect, Raw, arguments_of_81, plain_branch
from ultralytics.nn.public import public
from ultralytics.ops.anchors import dist2rbox

__all__ = ["OBB", "OBB26"]


@public("ultralytics.nn.modules.head")
class OBB(Detect):
    """Detect, with `angle` (B, ne, A) in radians, -pi/4 to 3 pi/4, among the raw outputs and last in `y`.

    Args:
        nc: number of classes.
        ne: extra numbers per anchor: the angle.
        reg_max: bins per box side.
        end2end: add a one-to-one branch.
        ch: channels of the input levels.
        legacy: as in `Detect`.
    """

    branches = {**Detect.branches, "angle_head": ("cv4", "angle")}

    def __init__(
        self,
        nc: int = 80,
        ne: int = 1,
        reg_max: int = 16,
        end2end: bool | None = False,
        ch: Sequence[int] = (),
        *,
        legacy: bool | None = None,
    ):
        reg_max, end2end, ch, old_form = arguments_of_81(reg_max, end2end, ch)
        super().__init__(nc, reg_max, end2end, ch, legacy=old_form or legacy)
        self.ne = ne
        self.cv4 = nn.ModuleList(plain_branch(c, max(ch[0] // 4, ne), ne) for c in ch)
        self.match_branches()

    def forward_head(
        self,
        x: list[torch.Tensor],
        box_head: nn.ModuleList | None = None,
        cls_head: nn.ModuleList | None = None,
        angle_head: nn.ModuleList | None = None,
    ) -> Raw:
        """Run the branches; the angle comes out in radians already, which losses expect."""
        raw = self.run_branches(x, box_head=box_head, cls_head=cls_head, angle_head=angle_head)
        if "angle" in raw:
            raw["angle"] = self.to_radians(raw["angle"])
        return raw

    @staticmethod
    def to_radians(logits: torch.Tensor) -> torch.Tensor:
        """Map logits to -pi/4 .. 3 pi/4."""
        return (logits.sigmoid() - 0.25) * math.pi

    def _inference(self, x: Raw) -> torch.Tensor:
        """Append the angle to boxes, which are decoded along their own axes, and scores."""
        return torch.cat((super()._inference(x), x["angle"]), 1)

    def decode_bboxes(self, bboxes: torch.Tensor, anchors: torch.Tensor, angle: Any = None) -> torch.Tensor:
        """Turn distances (B, 4, A) along the box's axes into centre and size (B, 4, A), in grid cells."""
        return dist2rbox(bboxes, angle, anchors, dim=1)


@public("ultralytics.nn.modules.head")
class OBB26(OBB):
    """OBB whose branch gives the angle itself, in radians and without limits; takes the arguments of `OBB`."""

    @staticmethod
    def to_radians(logits: torch.Tensor) -> torch.Tensor:
        """Return the angle as it is."""
        return logits
