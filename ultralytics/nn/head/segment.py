"""Instance segmentation head: detection, plus prototypes and one coefficient vector per anchor (YOLACT, 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.block.misc import Proto, Proto26
from ultralytics.nn.head.detect import Detect, Raw, arguments_of_81, plain_branch
from ultralytics.nn.public import public

__all__ = ["Segment", "Segment26"]


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
        super().__init__(nc, reg_max, end2end, ch, legacy=old_form or legacy)
        self.nm, self.npr = nm, npr
        self.proto = self.build_proto(ch)
        self.cv4 = nn.ModuleList(plain_branch(c, max(ch[0] // 4, nm), nm) for c in ch)
        self.match_branches()

    def build_proto(self, ch: Sequence[int]) -> nn.Module:
        """Return the branch that makes the prototypes."""
        return Proto(ch[0], self.npr, self.nm)

    def prototypes(self, x: list[torch.Tensor]) -> Any:
        """Return the output of that branch."""
        return self.proto(x[0])

    def forward(self, x: list[torch.Tensor]) -> Any:
        """Return raw outputs in training, `((decoded, proto), raw)` in evaluation, `(decoded, proto)` for export."""
        found, proto = super().forward(x), self.prototypes(x)
        if self.export and not self.training:
            return found, proto
        raw = found if self.training else found[1]
        if "one2one" in raw:
            raw["one2many"]["proto"] = proto
            raw["one2one"]["proto"] = detached(proto)
        else:
            raw["proto"] = proto
        return raw if self.training else ((found[0], proto), raw)

    def forward_head(
        self,
        x: list[torch.Tensor],
        box_head: nn.ModuleList | None = None,
        cls_head: nn.ModuleList | None = None,
        mask_head: nn.ModuleList | None = None,
    ) -> Raw:
        """Run the branches; see `Detect.forward_head`."""
        return self.run_branches(x, box_head=box_head, cls_head=cls_head, mask_head=mask_head)

    def _inference(self, x: Raw) -> torch.Tensor:
        """Append the mask coefficients, as they are, to boxes and scores."""
        return torch.cat((super()._inference(x), x["mask_coefficient"]), 1)


@public("ultralytics.nn.modules.head")
class Segment26(Segment):
    """Segment with prototypes made from all levels; takes the arguments of `Segment`.

    In training `proto` is a pair: prototypes, and class logits (B, nc, H / 8, W / 8) of every cell.
    """

    def build_proto(self, ch: Sequence[int]) -> nn.Module:
        """Return the branch that makes the prototypes."""
        return Proto26(ch, self.npr, self.nm, self.nc)

    def prototypes(self, x: list[torch.Tensor]) -> Any:
        """Return the output of that branch."""
        return self.proto(x)

    def fuse(self) -> None:
        """Drop what inference does not use: one of two branches, and the class logits."""
        super().fuse()
        self.proto.fuse()


def detached(proto: Any) -> Any:
    """Return prototypes, or the pair of prototypes and class logits, without gradient."""
    return proto.detach() if isinstance(proto, torch.Tensor) else tuple(part.detach() for part in proto)
