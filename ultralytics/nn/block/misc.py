"""Blocks that only wire tensors together, and the small fixed decoders."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.public import public

__all__ = ["DFL", "Concat", "Index", "Proto", "Proto26"]


@public("ultralytics.nn.modules.conv")
class Concat(nn.Module):
    """Join tensors along one axis, channels by default."""

    def __init__(self, dimension: int = 1):
        super().__init__()
        self.d = dimension

    def forward(self, x: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the joined tensor."""
        return torch.cat(tuple(x), self.d)


@public("ultralytics.nn.modules.conv")
class Index(nn.Module):
    """Pick one of several tensors."""

    def __init__(self, index: int = 0):
        super().__init__()
        self.index = index

    def forward(self, x: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return tensor number `index`."""
        return x[self.index]


@public("ultralytics.nn.modules.block")
class DFL(nn.Module):
    """Expectation of a distance that is given as a distribution over the bins 0 .. c1 - 1.

    Source: Li et al., "Generalized Focal Loss" (2020), integral form.
    """

    stays_float = True  # in exports of 8 bits: the mean turns rounding of its bins into shifts of edges

    def __init__(self, c1: int = 16):
        super().__init__()
        self.c1 = c1
        self.conv = nn.Conv2d(c1, 1, 1, bias=False).requires_grad_(False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.arange(c1, dtype=torch.float).view(1, c1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map logits (B, 4 * c1, A) to distances (B, 4, A) in bins; each side is one row of the convolution's batch."""
        anchors = x.shape[-1]
        bins = x.reshape(-1, self.c1, 1, anchors).softmax(1)
        weight = self.conv.weight
        # A half-precision model decodes in float32, where only the weight has to follow.
        distance = self.conv(bins) if weight.dtype == bins.dtype else F.conv2d(bins, weight.to(bins.dtype))
        return distance.view(-1, 4, anchors)


@public("ultralytics.nn.modules.block")
class Proto(nn.Module):
    """Mask prototypes at twice the resolution of the input map (YOLACT, Bolya et al. 2019)."""

    def __init__(self, c1: int, c_: int = 256, c2: int = 32):
        super().__init__()
        self.cv1 = Conv(c1, c_, k=3)
        self.upsample = nn.ConvTranspose2d(c_, c_, 2, 2, bias=True)
        self.cv2 = Conv(c_, c_, k=3)
        self.cv3 = Conv(c_, c2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, 2 H, 2 W)."""
        return self.cv3(self.cv2(self.upsample(self.cv1(x))))


@public("ultralytics.nn.modules.block")
class Proto26(Proto):
    """Mask prototypes from all levels, and class logits per cell that help the training of the levels.

    Args:
        ch: channels of the levels, finest first.
        c_: inner channels.
        c2: number of prototypes.
        nc: number of classes.
    """

    def __init__(self, ch: Sequence[int], c_: int = 256, c2: int = 32, nc: int = 80):
        super().__init__(c_, c_, c2)
        self.feat_refine = nn.ModuleList(Conv(c, ch[0], k=1) for c in ch[1:])
        self.feat_fuse = Conv(ch[0], c_, k=3)
        self.semseg = nn.Sequential(Conv(ch[0], c_, k=3), Conv(c_, c_, k=3), nn.Conv2d(c_, nc, 1))

    def forward(self, x: Sequence[torch.Tensor]) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Map the levels to prototypes (B, c2, 2 H, 2 W), H and W those of the finest level.

        In training, and while the class branch is there, also return its logits (B, nc, H, W).
        """
        joined = x[0]
        for refine, level in zip(self.feat_refine, x[1:], strict=True):
            joined = joined + F.interpolate(refine(level), size=joined.shape[2:], mode="nearest")
        prototypes = super().forward(self.feat_fuse(joined))
        return (prototypes, self.semseg(joined)) if self.training and self.semseg is not None else prototypes

    def fuse(self) -> None:
        """Drop the class branch, which inference does not use."""
        self.semseg = None
