"""Convolution blocks: convolution, normalisation and activation in one, and their variants.

Sources: RepConv is RepVGG's block (Ding et al. 2021), LightConv is of PP-HGNetV2, Focus of YOLOv5.
Public signatures use the field's short names: c1, c2 channels in and out, k kernel size, s stride, p padding, g groups,
d dilation.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.block.activation import make_activation
from ultralytics.nn.fold import fuse_conv_and_bn, fuse_deconv_and_bn
from ultralytics.nn.public import public
from ultralytics.utils.overrides import bypassed

__all__ = [
    "Conv",
    "Conv2",
    "ConvTranspose",
    "DWConv",
    "DWConvTranspose2d",
    "Focus",
    "LightConv",
    "RepConv",
    "activated",
    "autopad",
]


def autopad(k: int | Sequence[int], p: int | Sequence[int] | None = None, d: int = 1) -> int | list[int]:
    """Return the padding that keeps the map's size at stride 1.

    Args:
        k: kernel size, one number or one per axis.
        p: padding to use instead, passed through.
        d: dilation.
    """
    if p is not None:
        return p
    if isinstance(k, int):
        return (d * (k - 1) + 1) // 2
    return [(d * (side - 1) + 1) // 2 for side in k]


class FoldedPickle(nn.Module):
    """Copies and files of blocks that choose their forward by their children.

    The published package replaces the method `forward` of a folded block by `forward_fuse`, in the object. Files get
    that entry, so that folded blocks run there too; it is taken out again on the way back.
    """

    def is_folded(self) -> bool:
        """Return whether the norm is folded in."""
        return "bn" not in self._modules

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "forward": self.forward_fuse} if self.is_folded() else dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        replaced = getattr(state.get("forward"), "__name__", "") == "forward_fuse"
        super().__setstate__({k: v for k, v in state.items() if not (replaced and k == "forward")})


@public("ultralytics.nn.modules.conv")
class Conv(FoldedPickle):
    """Convolution without bias, BatchNorm, activation; after `fuse()` a convolution with bias and the activation."""

    default_act = nn.SiLU()

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int | tuple[int, int] = 1,
        s: int | tuple[int, int] = 1,
        p: int | tuple[int, int] | None = None,
        g: int = 1,
        d: int = 1,
        act: bool | nn.Module | None = True,
    ):
        super().__init__()
        k, s, p = (tuple(size) if isinstance(size, list) else size for size in (k, s, p))
        self.conv = nn.Conv2d(c1, c2, k, s, autopad(k, p, d), dilation=d, groups=g, bias=False)
        self.bn = nn.BatchNorm2d(c2)
        self.act = make_activation(type(self), act)

    @bypassed
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H', W')."""
        return self.act(self.bn(self.conv(x))) if "bn" in self._modules else self.act(self.conv(x))

    def forward_fuse(self, x: torch.Tensor) -> torch.Tensor:
        """Run without the norm."""
        return self.act(self.conv(x))

    def fuse(self) -> Conv:
        """Fold the BatchNorm into the convolution, in place."""
        if "bn" in self._modules:
            self.conv = fuse_conv_and_bn(self.conv, self.bn)
            del self.bn
        return self


@public("ultralytics.nn.modules.conv")
class Conv2(Conv):
    """A k x k and a 1x1 convolution side by side before one BatchNorm; `fuse()` merges them."""

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 3,
        s: int = 1,
        p: int | None = None,
        g: int = 1,
        d: int = 1,
        act: bool | nn.Module | None = True,
    ):
        super().__init__(c1, c2, k, s, p, g=g, d=d, act=act)
        self.cv2 = nn.Conv2d(c1, c2, 1, s, 0, dilation=d, groups=g, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H', W')."""
        if "cv2" not in self._modules:
            return super().forward(x)
        return self.act(self.bn(self.conv(x) + self.cv2(x)))

    @torch.no_grad()
    def fuse_convs(self) -> None:
        """Add the 1x1 kernel to the middle of the larger one, in place."""
        if "cv2" not in self._modules:
            return
        row, column = (side // 2 for side in self.conv.kernel_size)
        self.conv.weight[:, :, row, column] += self.cv2.weight[:, :, 0, 0]
        del self.cv2

    def fuse(self) -> Conv2:
        """Merge both convolutions and fold the BatchNorm, in place."""
        self.fuse_convs()
        super().fuse()
        return self


@public("ultralytics.nn.modules.conv")
class DWConv(Conv):
    """Conv with as many groups as both channel counts allow: depth-wise where they are equal."""

    def __init__(self, c1: int, c2: int, k: int = 1, s: int = 1, d: int = 1, act: bool | nn.Module | None = True):
        super().__init__(c1, c2, k, s, g=math.gcd(c1, c2), d=d, act=act)


def activated(conv: Callable[..., nn.Module], act: bool | nn.Module) -> Callable[..., nn.Module]:
    """Return the constructor `conv` with this activation; one that has no argument `act` keeps its own."""
    return functools.partial(conv, act=act) if "act" in inspect.signature(conv).parameters else conv


@public("ultralytics.nn.modules.conv")
class LightConv(nn.Module):
    """A 1x1 convolution, made by `conv`, to mix channels, then a depth-wise k x k one."""

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 1,
        act: nn.Module | None = None,
        *,
        conv: Callable[..., nn.Module] = Conv,
    ):
        super().__init__()
        self.conv1 = activated(conv, False)(c1, c2, 1)
        self.conv2 = DWConv(c2, c2, k, act=nn.ReLU() if act is None else act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H, W)."""
        return self.conv2(self.conv1(x))


@public("ultralytics.nn.modules.conv")
class DWConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution with as many groups as both channel counts allow."""

    def __init__(self, c1: int, c2: int, k: int = 1, s: int = 1, p1: int = 0, p2: int = 0):
        super().__init__(c1, c2, k, s, padding=p1, output_padding=p2, groups=math.gcd(c1, c2))


@public("ultralytics.nn.modules.conv")
class ConvTranspose(FoldedPickle):
    """Transposed convolution, BatchNorm (optional), activation."""

    default_act = nn.SiLU()

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 2,
        s: int = 2,
        p: int = 0,
        bn: bool = True,
        act: bool | nn.Module | None = True,
    ):
        super().__init__()
        self.conv_transpose = nn.ConvTranspose2d(c1, c2, k, s, padding=p, bias=not bn)
        self.bn = nn.BatchNorm2d(c2) if bn else nn.Identity()
        self.act = make_activation(type(self), act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, s * H, s * W) for k = s."""
        y = self.conv_transpose(x)
        return self.act(self.bn(y) if "bn" in self._modules else y)

    def forward_fuse(self, x: torch.Tensor) -> torch.Tensor:
        """Run without the norm."""
        return self.act(self.conv_transpose(x))

    def fuse(self) -> ConvTranspose:
        """Fold the BatchNorm into the convolution, in place."""
        if isinstance(self._modules.get("bn"), nn.BatchNorm2d):
            self.conv_transpose = fuse_deconv_and_bn(self.conv_transpose, self.bn)
            del self.bn
        return self


@public("ultralytics.nn.modules.conv")
class Focus(nn.Module):
    """Fold every 2x2 patch of pixels into channels, then convolve."""

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 1,
        s: int = 1,
        p: int | None = None,
        g: int = 1,
        act: bool | nn.Module | None = True,
    ):
        super().__init__()
        self.conv = Conv(4 * c1, c2, k, s, p, g, act=act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H / 2, W / 2); rows vary faster than columns in the folded order."""
        corners = [x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.conv(torch.cat(corners, 1))


@public("ultralytics.nn.modules.conv")
class RepConv(FoldedPickle):
    """Training: 3x3, 1x1 and (optionally) identity branches, each with its norm; after `fuse()` one 3x3 convolution."""

    default_act = nn.SiLU()

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int = 3,
        s: int = 1,
        p: int = 1,
        g: int = 1,
        d: int = 1,
        act: bool | nn.Module | None = True,
        bn: bool = False,
        deploy: bool = False,
    ):
        super().__init__()
        if (k, p, d) != (3, 1, 1):
            raise ValueError(f"RepConv needs k=3, p=1, d=1, got k={k}, p={p}, d={d}.")
        self.c1, self.c2, self.g = c1, c2, g
        self.act = make_activation(type(self), act)
        self.bn = nn.BatchNorm2d(c1) if bn and c1 == c2 and s == 1 else None
        self.conv1 = Conv(c1, c2, k, s, p=p, g=g, act=False)
        self.conv2 = Conv(c1, c2, 1, s, p=0, g=g, act=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to (B, c2, H', W')."""
        if "conv" in self._modules:
            return self.act(self.conv(x))
        y = self.conv1(x) + self.conv2(x)
        return self.act(y if self.bn is None else y + self.bn(x))

    def forward_fuse(self, x: torch.Tensor) -> torch.Tensor:
        """Run the merged convolution."""
        return self.act(self.conv(x))

    def is_folded(self) -> bool:
        """Return whether the branches are merged."""
        return "conv" in self._modules

    def get_equivalent_kernel_bias(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return weight (c2, c1 / g, 3, 3) and bias (c2,) of the one convolution that equals all branches."""
        wide = self._folded(self.conv1)
        centre = self._folded(self.conv2)
        weight, bias = wide.weight.clone(), wide.bias + centre.bias
        weight[:, :, 1:2, 1:2] += centre.weight
        if self.bn is not None:
            identity = nn.Conv2d(self.c1, self.c1, 1, groups=self.g, bias=False).to(weight)
            width = self.c1 // self.g
            eye = torch.eye(width, dtype=weight.dtype, device=weight.device).repeat(self.g, 1)
            identity.weight = nn.Parameter(eye.view(self.c1, width, 1, 1), requires_grad=False)
            straight = fuse_conv_and_bn(identity, self.bn)
            weight[:, :, 1:2, 1:2] += straight.weight
            bias = bias + straight.bias
        return weight, bias

    @staticmethod
    def _folded(branch: Conv) -> nn.Conv2d:
        """Return a branch's convolution with its norm taken in; the branch stays as it is."""
        return fuse_conv_and_bn(branch.conv, branch.bn) if "bn" in branch._modules else branch.conv

    @torch.no_grad()
    def fuse_convs(self) -> None:
        """Merge the branches into `conv`, in place."""
        if "conv" in self._modules:
            return
        weight, bias = self.get_equivalent_kernel_bias()
        merged = nn.Conv2d(self.c1, self.c2, 3, self.conv1.conv.stride, 1, groups=self.g).to(weight)
        merged.weight, merged.bias = (nn.Parameter(t, requires_grad=False) for t in (weight, bias))
        self.conv = merged
        del self.conv1, self.conv2
        self.bn = None

    def fuse(self) -> RepConv:
        """Merge the branches, in place."""
        self.fuse_convs()
        return self
