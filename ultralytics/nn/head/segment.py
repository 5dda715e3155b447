"""Instance segmentation head: detection, plus prototypes and one coefficient vector per anchor (YOLACT, 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.block.misc import Proto
from ultralytics.nn.head.detect import Detect, arguments_of_81, plain_branch
from ultralytics.nn.public import public

__all__ = ["Segment"]


@public("ultralytics.nn.modules.head")
class Segment(Detect):
    """Detect, with `mask_coefficient` (B, nm, A) and `proto` (B, nm, H / 4, W / 4) among the raw outputs.

    Evaluation gives `((y, proto), raw)`, export `(y, proto)`; `y` ends with the nm coefficients.

    Args:
        nc: number of classes.
        nm: number of prototypes.
        npr: inner channels of the prototype branch.
        reg_max: bins per box side.
        end2end: add a one-to-one branch.
        ch: channels of the input levels.
        legacy: as in `Detect`.
    """

    branches = {**Detect.branches, "mask_head": ("cv4", "mask_coefficient")}

    def __init__(
        self,
        nc: int = 80,
        nm: int = 32,
        npr: int = 256,
        reg_max: int = 16,
        end2end: bool | None = False,
        ch: Sequence[int] = (),
        *,
        legacy: bool | None = None,
    ):
        reg_max, end2end, ch, old_form = arguments_of_81(reg_max, end2end, ch)
        super().__init__(nc, reg_max, False, ch, legacy=old_form or legacy)
        self.nm, self.npr = nm, npr
        self.proto = Proto(ch[0], npr, nm)
        self.cv4 = nn.ModuleList(plain_branch(c, max(ch[0] // 4, nm), nm) for c in ch)
        if end2end:
            self.add_one_to_one()

    def forward(self, x: list[torch.Tensor]) -> Any:
        """Return raw outputs in training, `((decoded, proto), raw)` in evaluation, `(decoded, proto)` for export."""
        raw, proto = self.forward_raw(x), self.proto(x[0])
        if "one2one" in raw:
            raw["one2many"]["proto"] = proto
            raw["one2one"]["proto"] = proto.detach()
        else:
            raw["proto"] = proto
        if self.training:
            return raw
        decoded = self.infer(raw), proto
        return decoded if self.export else (decoded, raw)

    def decode(
        self, raw: Mapping[str, torch.Tensor], anchors: torch.Tensor, strides: torch.Tensor
    ) -> list[torch.Tensor]:
        """Append the mask coefficients as they are."""
        return [*super().decode(raw, anchors, strides), raw["mask_coefficient"]]
