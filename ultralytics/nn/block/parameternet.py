"""ParameterNet's dynamic convolution: a convolution whose kernel is mixed, image by image, from a bank of experts.

    routing = sigmoid(Linear(global average pool(x)))          (B, E), each weight in 0..1, they do not sum to 1
    y[b]    = sum_e routing[b, e] conv(x[b], W[e])  =  conv(x[b], sum_e routing[b, e] W[e])

The right-hand side costs one convolution plus the mixing of E kernels, so parameters grow E-fold and cost hardly.

Sources: Han, Wang, Guo, Wu: "ParameterNet: Parameters Are All You Need for Large-scale Visual Pretraining of Mobile
Networks" (2023); Yang, Bender, Le, Ngiam: "CondConv: Conditionally Parameterized Convolutions for Efficient Inference"
(2019).

Four equal ways to compute the right-hand side live here, because none is best everywhere. Measured on a CPU: the loop
over images trains fastest (plain convolution 1.0, loop 1.04 to 1.08, grouped 1.2); one image needs no loop; a graph
with a free batch size can hold neither a loop nor a group count, so there the patches are gathered by a constant
depthwise convolution and multiplied with the mixed kernels. Shapes: B images, C1 and C2 channels, E experts, g
groups.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.activation import make_activation
from ultralytics.nn.block.conv import Conv, autopad
from ultralytics.nn.fold import affine_of_bn
from ultralytics.nn.protocols import ExportTarget, Shape

__all__ = ["DynamicBnAct", "DynamicConv", "DynamicConv2d", "drop_path", "rename_legacy_keys"]

Pair = tuple[int, int]


class Geometry(NamedTuple):
    """Fixed facts of a convolution, as plain integers so that a recorded graph has them as constants."""

    c1: int
    c2: int
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    @property
    def call(self) -> tuple[Pair, Pair, Pair, int]:
        """The arguments of `conv2d` after input, weight and bias."""
        return self[3:]


def mix_experts(routing: torch.Tensor, experts: torch.Tensor) -> torch.Tensor:
    """Return one kernel per image, (B, C2, C1/g, kh, kw), from routing (B, E) and experts (E, C2, C1/g, kh, kw)."""
    if experts.is_contiguous():
        return (routing @ experts.flatten(1)).view(-1, *experts.shape[1:])
    # A bank in channels_last layout mixes in that layout: every kernel comes out as the convolution wants it.
    last = experts.permute(0, 1, 3, 4, 2)
    return (routing @ last.flatten(1)).view(-1, *last.shape[1:]).permute(0, 1, 4, 2, 3)


def conv_single(x: torch.Tensor, kernels: torch.Tensor, bias: torch.Tensor | None, geo: Geometry) -> torch.Tensor:
    """One image, one convolution; `x` is (1, C1, H, W)."""
    return F.conv2d(x, kernels.flatten(0, 1), bias, *geo.call)


def conv_loop(x: torch.Tensor, kernels: torch.Tensor, bias: torch.Tensor | None, geo: Geometry) -> torch.Tensor:
    """One convolution per image.

    `split` and `unbind` have one backward node for the whole batch. Indexing `x[i]`, `kernels[i]` would fill a zero
    tensor of full size for every image and takes 1.3 to 2 times as long in training.
    """
    pairs = zip(x.split(1), kernels.unbind(0), strict=True)
    return torch.cat([F.conv2d(image, kernel, bias, *geo.call) for image, kernel in pairs])


def conv_grouped(x: torch.Tensor, kernels: torch.Tensor, bias: torch.Tensor | None, geo: Geometry) -> torch.Tensor:
    """The images side by side as groups of one wide convolution."""
    batch, _, height, width = x.shape
    wide = F.conv2d(
        x.reshape(1, batch * geo.c1, height, width),
        kernels.flatten(0, 1),
        None if bias is None else bias.repeat(batch),
        geo.stride,
        geo.padding,
        geo.dilation,
        groups=batch * geo.groups,
    )
    return wide.view(batch, geo.c2, *wide.shape[2:])


def patch_taps(c1: int, size: Pair, like: torch.Tensor) -> torch.Tensor:
    """Return depthwise kernels (C1 kh kw, 1, kh, kw), one-hot, that copy every tap of every channel's patch."""
    taps = size[0] * size[1]
    return torch.eye(taps, dtype=like.dtype, device=like.device).view(taps, 1, *size).repeat(c1, 1, 1, 1)


def conv_patches(
    x: torch.Tensor, kernels: torch.Tensor, bias: torch.Tensor | None, geo: Geometry, taps: torch.Tensor | None = None
) -> torch.Tensor:
    """Patches by a constant depthwise convolution, then one matrix product per image: holds for any batch size.

    Args:
        x: (B, C1, H, W).
        kernels: (B, C2, C1/g, kh, kw).
        bias: (C2,) or None.
        geo: the convolution's geometry.
        taps: result of `patch_taps`, where the caller keeps it.
    """
    if geo.kernel == (1, 1) and geo.padding == (0, 0):
        columns = x[:, :, :: geo.stride[0], :: geo.stride[1]]
    else:
        taps = patch_taps(geo.c1, geo.kernel, x) if taps is None else taps
        columns = F.conv2d(x, taps, None, geo.stride, geo.padding, geo.dilation, groups=geo.c1)
    height, width = columns.shape[2:]
    depth = geo.c1 // geo.groups * geo.kernel[0] * geo.kernel[1]
    rows = kernels.reshape(-1, geo.groups, geo.c2 // geo.groups, depth)
    y = rows @ columns.reshape(x.shape[0], geo.groups, depth, height * width)
    y = y.reshape(x.shape[0], geo.c2, height, width)
    return y if bias is None else y + bias.view(1, -1, 1, 1)


FORMS: Mapping[str, Callable[..., torch.Tensor]] = {
    "single": conv_single,
    "loop": conv_loop,
    "grouped": conv_grouped,
    "patches": conv_patches,
}


def _recording() -> bool:
    """Whether a graph is being recorded that may later see another batch size."""
    exporting = getattr(torch.compiler, "is_exporting", None)  # absent in older torch
    return torch.jit.is_tracing() or (exporting is not None and exporting())


class DynamicConv2d(nn.Module):
    """Convolution with a kernel mixed per image from `num_experts` experts; no norm, no activation.

    The experts may be kept in float32 beside a network in lower precision: kernels are mixed in the experts'
    precision and then take that of the image.

    Parameters are `weight` (E, C2, C1/g, kh, kw), `routing` (a Linear from C1 to E) and, where asked for or once a
    norm was folded in, `bias` (C2,), which is not mixed. The bank stays five-dimensional, so that initialisation and
    optimizers see every expert's true shape.

    Args:
        in_channels: C1.
        out_channels: C2.
        kernel_size: side or (kh, kw).
        stride: step or (vertical, horizontal).
        padding: zeros per side.
        dilation: distance of the taps.
        groups: must divide C1 and C2.
        num_experts: E.
        bias: add a learned constant per output channel.

    Raises:
        ValueError: if a size is not positive or `groups` does not divide the channels.
    """

    export_form: str | None = None  # set by for_export on a copy that is about to be recorded
    stays_float = True  # in exports of 8 bits: a scale for kernels of every picture rounds coarsely and saves no time

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        num_experts: int = 4,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, groups, num_experts) < 1:
            raise ValueError(
                f"channels, groups and num_experts must be at least 1, got {in_channels}, {out_channels}, {groups}, "
                f"{num_experts}."
            )
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"groups={groups} does not divide the channels {in_channels} -> {out_channels}.")
        self.in_channels, self.out_channels, self.num_experts = in_channels, out_channels, num_experts
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation, self.groups = _pair(padding), _pair(dilation), groups
        self.routing = nn.Linear(in_channels, num_experts)
        self.weight = nn.Parameter(torch.empty(num_experts, out_channels, in_channels // groups, *self.kernel_size))
        self.register_parameter("bias", nn.Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    @property
    def geometry(self) -> Geometry:
        """The fixed facts; made on demand, since a checkpoint holds plain values only."""
        sides = (self.kernel_size, self.stride, self.padding, self.dilation)
        return Geometry(self.in_channels, self.out_channels, *sides, self.groups)

    def reset_parameters(self) -> None:
        """Draw every expert like an ordinary convolution of its shape; the router starts as a default Linear.

        The fan is taken per expert. On the stacked bank it would come out E C2 / (C1/g) times too large or worse.
        """
        for expert in self.weight:
            nn.init.kaiming_uniform_(expert, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0, 0].numel())
            nn.init.uniform_(self.bias, -bound, bound)
        self.routing.reset_parameters()

    def route(self, x: torch.Tensor) -> torch.Tensor:
        """Return the routing weights (B, E) of images (B, C1, H, W), in the dtype of the experts."""
        dtype = self.weight.dtype
        with _own_precision(x.device.type):
            if x.dtype == dtype:
                pooled = F.adaptive_avg_pool2d(x, 1).flatten(1)
            else:  # a low-precision input under autocast: average in the precision of the experts
                pooled = x.mean((2, 3), dtype=dtype)
            return torch.sigmoid(self.routing(pooled))

    def form_for(self, batch: int, device_type: str) -> str:
        """Return the name of the fastest form for this many images here and now."""
        if self.export_form is not None:
            return self.export_form
        if _recording() or batch == 0:
            return "patches"
        if batch == 1:
            return "single"
        return "loop" if device_type == "cpu" else "grouped"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve images (B, C1, H, W), each with its own kernel, to (B, C2, H', W').

        Raises:
            ValueError: if `x` does not have four dimensions and C1 channels.
        """
        if not _recording() and (x.ndim != 4 or x.shape[1] != self.in_channels):
            raise ValueError(
                f"dynamic convolution expects (B, {self.in_channels}, H, W) images, got shape {tuple(x.shape)}."
            )
        routing = self.route(x)
        with _own_precision(x.device.type):  # mixing costs a few percent of the convolution: keep it exact
            kernels, bias = mix_experts(routing, self.weight), self.bias
        if kernels.dtype != x.dtype:
            kernels, bias = kernels.to(x.dtype), None if bias is None else bias.to(x.dtype)
        form = self.form_for(x.shape[0], x.device.type)
        if form == "patches":
            return conv_patches(x, kernels, bias, self.geometry, getattr(self, "taps", None))
        return FORMS[form](x, kernels, bias, self.geometry)

    def fold_bn(self, bn: nn.BatchNorm2d) -> None:
        """Take the following norm in, in place and exactly.

        The norm's scale goes to the output channels of every expert. Its shift becomes one static bias: routing
        weights do not sum to 1, so a bias per expert would be scaled by their sum.
        """
        with torch.no_grad():
            scale, shift = affine_of_bn(bn)
            if self.bias is not None:
                shift = shift + self.bias.double() * scale
            dtype = self.weight.dtype
            weight = (self.weight.double() * scale.view(1, -1, 1, 1, 1)).to(dtype)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(shift.to(dtype), requires_grad=False)

    def count_macs(self, x_shape: Shape, y_shape: Shape) -> int:
        """Return multiply-adds: one convolution, the mixing of the kernels, the router and its average pool."""
        batch, c1, height, width = x_shape
        convolution = math.prod(y_shape) * math.prod(self.weight.shape[2:])
        mixing = batch * self.weight.numel()
        router = batch * (c1 * self.num_experts + c1 * height * width)
        return convolution + mixing + router

    def param_hint(self, name: str) -> str | None:
        """Return `experts` for the bank, `router` for the routing layer, None for a folded bias."""
        if name == "weight":
            return "experts"
        return "router" if name.startswith("routing.") else None

    def for_export(self, target: ExportTarget) -> None:
        """Fix the form for a recorded graph: none of them reads the batch size of the example input.

        A known batch takes one convolution or a grouped one; a free batch, or a runtime that wants constant kernels,
        takes the patches. What is known to be best for the runtime goes before.
        """
        constant = target.dynamic or not target.dynamic_kernels
        usual = "patches" if constant else "single" if target.batch == 1 else "grouped"
        self.export_form = target.dynamic_form or usual
        if self.export_form == "patches":
            self.register_buffer("taps", patch_taps(self.in_channels, self.kernel_size, self.weight), persistent=False)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> DynamicConv2d:
        """Show the bank to `fn` as four-dimensional kernels, so that `to(memory_format=torch.channels_last)` works."""

        def by_kernel(tensor: torch.Tensor) -> torch.Tensor:
            return fn(tensor.flatten(0, 1)).unflatten(0, tensor.shape[:2]) if tensor.ndim == 5 else fn(tensor)

        return super()._apply(by_kernel, recurse)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Accept a bank stored flat, (E, C2 C1/g kh kw), as timm and the flat layout keep it."""
        bank = state_dict.get(f"{prefix}weight")
        if bank is not None and bank.ndim == 2 and bank.numel() == self.weight.numel():
            state_dict[f"{prefix}weight"] = bank.view(self.weight.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        """Describe the layer the way `Conv2d` does."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        return f"{text}, padding={self.padding}, groups={self.groups}, num_experts={self.num_experts}"


class DynamicConv(nn.Module):
    """Dynamic convolution, BatchNorm, activation: takes the place of `Conv`, with the same arguments and one more.

    State dicts of the flat layout (`conv.0.routing.*`, `conv.0.cond_conv.weight`, `conv.1.*`) load as well.

    Args:
        c1: input channels.
        c2: output channels.
        k: kernel size, side or (kh, kw).
        s: stride.
        p: padding; None keeps the size at stride 1.
        g: groups.
        d: dilation.
        act: True for the package's default activation, a module to use that one, anything else for none.
        num_experts: kernels in the bank.
    """

    def __init__(
        self,
        c1: int,
        c2: int,
        k: int | Pair = 1,
        s: int | Pair = 1,
        p: int | Pair | None = None,
        g: int = 1,
        d: int = 1,
        act: bool | nn.Module = True,
        num_experts: int = 4,
    ) -> None:
        super().__init__()
        padding = autopad(k, p, d)
        self.conv = DynamicConv2d(
            c1, c2, k, s, tuple(padding) if isinstance(padding, list) else padding, d, g, num_experts
        )
        self.bn = nn.BatchNorm2d(c2)
        self.act = make_activation(Conv, act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C1, H, W) to (B, C2, H', W')."""
        y = self.conv(x)
        return self.act(self.bn(y) if "bn" in self._modules else y)

    def fuse(self) -> DynamicConv:
        """Fold the BatchNorm into the experts, in place and exactly."""
        if "bn" in self._modules:
            self.conv.fold_bn(self.bn)
            del self.bn
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Rename keys of the flat layout before the children look for theirs."""
        for old, new in _legacy_names(k for k in state_dict if k.startswith(prefix)):
            state_dict[new] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, *args)


class DynamicBnAct(nn.Module):
    """`DynamicConv`, then a second norm and activation, with an optional residual and stochastic depth.

    Folding: the first norm goes into the experts. The second one stands behind an activation, which no convolution can
    reach past, so it stays: in evaluation mode it is one multiply-add per element.

    Args:
        in_chs: input channels.
        out_chs: output channels.
        kernel_size: side or (kh, kw).
        stride: step.
        dilation: distance of the taps.
        pad_type: None, "" or "symmetric" keep the size at stride 1; "valid" pads nothing; "same" is allowed where it is
            symmetric (stride 1, odd kernel); an int is that many zeros per side.
        skip: add the input at the end, where stride is 1 and the channels agree.
        act_layer: class (or name within torch.nn) of the second activation; None for none.
        norm_layer: class of the second norm, called with the channels.
        drop_path_rate: probability of dropping the block for an image in training; acts only with the residual.
        num_experts: kernels in the bank.
        g: groups, so that the block can stand in for `Conv` inside compound blocks.
    """

    def __init__(
        self,
        in_chs: int,
        out_chs: int,
        kernel_size: int | Pair,
        stride: int = 1,
        dilation: int = 1,
        pad_type: str | int | None = None,
        skip: bool = False,
        act_layer: type[nn.Module] | str | None = nn.ReLU,
        norm_layer: type[nn.Module] = nn.BatchNorm2d,
        drop_path_rate: float = 0.0,
        num_experts: int = 4,
        *,
        g: int = 1,
    ) -> None:
        super().__init__()
        if not 0.0 <= drop_path_rate < 1.0:
            raise ValueError(f"drop_path_rate={drop_path_rate} is no probability below 1.")
        padding = _padding(pad_type, kernel_size, stride, dilation)
        self.conv = DynamicConv(in_chs, out_chs, kernel_size, stride, padding, g, dilation, num_experts=num_experts)
        self.bn1 = norm_layer(out_chs)
        self.act1 = _activation(act_layer)
        self.has_residual = bool(skip) and stride == 1 and in_chs == out_chs
        self.drop_path_rate = drop_path_rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C1, H, W) to (B, C2, H', W')."""
        y = self.act1(self.bn1(self.conv(x)))
        if not self.has_residual:
            return y
        return x + drop_path(y, self.drop_path_rate, self.training)  # a new tensor: the input belongs to the caller

    def feature_info(self, location: str = "bottleneck") -> dict[str, Any]:
        """Say which child yields this block's features: the inner one for "expansion", else the block itself."""
        module = "conv" if location == "expansion" else ""
        return {"module": module, "hook_type": "forward", "num_chs": self.conv.conv.out_channels}


def drop_path(x: torch.Tensor, rate: float, training: bool) -> torch.Tensor:
    """Zero whole images of (B, ...) with probability `rate` and scale the others by 1 / (1 - rate), in training only.

    Source: Huang, Sun, Liu, Sedra, Weinberger: "Deep Networks with Stochastic Depth" (2016).
    """
    if not training or rate == 0.0:
        return x
    keep = 1.0 - rate
    return x * x.new_empty(x.shape[0], *(1,) * (x.ndim - 1)).bernoulli_(keep).div_(keep)


def rename_legacy_keys(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict in which flat-layout names of dynamic blocks are replaced by today's names."""
    renamed = dict(state)
    for old, new in _legacy_names(state):
        renamed[new] = renamed.pop(old)
    return renamed


def _legacy_names(keys: Any) -> list[tuple[str, str]]:
    """Return (old, new) for every key of a block that keeps its bank under `conv.0.cond_conv`."""
    keys = list(keys)
    blocks = {m[1] for key in keys if (m := re.fullmatch(r"(.*?)conv\.0\.cond_conv\.weight", key))}
    pairs = []
    for key in keys:
        for block in blocks:
            for old, new in (("conv.0.cond_conv.", "conv."), ("conv.0.routing.", "conv.routing."), ("conv.1.", "bn.")):
                if key.startswith(block + old):
                    pairs.append((key, block + new + key[len(block + old) :]))
    return pairs


def _own_precision(device_type: str) -> contextlib.AbstractContextManager:
    """Return a context in which autocast leaves the dtypes alone."""
    if device_type != "meta" and torch.is_autocast_enabled(device_type):
        return torch.autocast(device_type, enabled=False)
    return contextlib.nullcontext()


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _padding(pad_type: str | int | None, k: int | Pair, stride: int, d: int) -> int | Pair | None:
    """Translate a padding name to what `autopad` takes."""
    if isinstance(pad_type, int):
        return pad_type
    name = (pad_type or "symmetric").lower()
    if name == "valid":
        return 0
    if name == "symmetric" or (name == "same" and stride == 1 and all(side % 2 for side in _pair(k))):
        return None
    if name == "same":
        raise ValueError(f"pad_type='same' is not symmetric for kernel {k} and stride {stride}; use None or an int.")
    raise ValueError(f"pad_type='{pad_type}' is unknown; use None, 'symmetric', 'same', 'valid' or an int.")


def _activation(layer: type[nn.Module] | str | None) -> nn.Module:
    """Build an activation from a class, a name such as `SiLU` or `nn.SiLU`, or nothing."""
    if layer is None:
        return nn.Identity()
    if isinstance(layer, str):
        found = getattr(nn, layer.rpartition(".")[2], None)
        if not (isinstance(found, type) and issubclass(found, nn.Module)):
            raise ValueError(f"act_layer='{layer}' is no activation of torch.nn, such as 'ReLU' or 'SiLU'.")
        layer = found
    return layer()
