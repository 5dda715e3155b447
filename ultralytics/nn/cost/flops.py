"""What a model costs: parameters, layers and multiply-adds, counted honestly.

The model runs once on tensors that have shapes and no values. A multiply-add is counted where it happens: in modules
by a rule per class (below), in modules that compute by function calls through their `count_macs`, and in bare calls
of convolutions and matrix products outside of both. 1 GFLOP = 1e9 operations = 0.5e9 multiply-adds; biases,
activations, max pools and nearest upsampling count nothing, a norm counts 4 per element (2 without affine
parameters).

A profiler that only hooks modules sees the rules and misses every call, so a dynamic convolution looks cheaper to it
than a plain one. That figure is reported beside the true one (`hook_gflops`), so that both kinds of published numbers
can be read.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

from ultralytics.nn.protocols import CountsMacs
from ultralytics.utils.log import LOGGER

__all__ = [
    "FlopsReport",
    "LayerCost",
    "count_flops",
    "get_flops",
    "get_num_gradients",
    "get_num_params",
    "input_channels",
    "model_info",
]

Rule = Callable[[nn.Module, torch.Tensor, torch.Tensor], float]


@dataclass(frozen=True)
class LayerCost:
    """One top-level layer.

    Attributes:
        index: position in the model.
        name: class name.
        params: number of parameters.
        gflops: true cost.
        hook_gflops: what a profiler that hooks modules sees.
    """

    index: int
    name: str
    params: int
    gflops: float
    hook_gflops: float


@dataclass(frozen=True)
class FlopsReport:
    """Cost of one image, in GFLOPs (2 per multiply-add), and its split over the top-level layers."""

    true_gflops: float
    hook_gflops: float
    layers: tuple[LayerCost, ...]


def _convolution(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    return y.numel() * module.in_channels // module.groups * math.prod(module.kernel_size)


def _transposed(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Every input element meets the whole kernel of its outputs."""
    return x.numel() * module.out_channels // module.groups * math.prod(module.kernel_size)


def _linear(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    return y.numel() * module.in_features


def _norm(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    return x.numel() * (4 if getattr(module, "affine", getattr(module, "elementwise_affine", False)) else 2)


def _softmax(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    return 3 * x.numel() - x.numel() / x.shape[module.dim if module.dim is not None else -1]


def _adaptive_pool(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    return x.numel() + y.numel()


def _upsample(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    return y.numel() * {"linear": 5, "bilinear": 11, "bicubic": 259, "trilinear": 31}.get(module.mode, 0)


def _attention(module: nn.MultiheadAttention, x: torch.Tensor, y: torch.Tensor) -> float:
    """Projections of query, key, value and output, two products over all pairs of tokens, and softmax (self-attention).

    The softmax costs what the module of that name does.
    """
    width = module.embed_dim
    tokens = x.numel() // width
    length = x.shape[1 if module.batch_first else 0]
    rows = tokens * module.num_heads
    return 4 * tokens * width * width + 2 * tokens * length * width + 3 * rows * length - rows


RULES: Mapping[type[nn.Module], Rule] = {
    nn.modules.conv._ConvNd: _convolution,
    nn.modules.conv._ConvTransposeNd: _transposed,
    nn.Linear: _linear,
    nn.modules.batchnorm._BatchNorm: _norm,
    nn.modules.instancenorm._InstanceNorm: _norm,
    nn.LayerNorm: _norm,
    nn.GroupNorm: _norm,
    nn.Softmax: _softmax,
    nn.modules.pooling._AdaptiveAvgPoolNd: _adaptive_pool,
    nn.modules.pooling._AvgPoolNd: lambda module, x, y: y.numel(),
    nn.Upsample: _upsample,
    nn.MultiheadAttention: _attention,
}


def _rule_for(module: nn.Module) -> Rule | None:
    for kind in type(module).__mro__:
        if kind in RULES:
            return RULES[kind]
    return None


def _call_einsum(y: torch.Tensor, equation: str, *operands: Any) -> float:
    """Every index once: exact for two operands, the naive order for more."""
    if not isinstance(equation, str):
        return 0
    tensors = operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    sizes: dict[str, int] = {}
    for term, tensor in zip(equation.replace(" ", "").split("->")[0].split(","), tensors, strict=False):
        head, dots, tail = term.partition("...")
        extra = [f".{i}" for i in range(tensor.ndim - len(head) - len(tail))] if dots else []
        sizes.update(zip([*head, *extra, *tail], tensor.shape, strict=True))
    return math.prod(sizes.values()) if len(tensors) > 1 else 0


def _call_attention(y: torch.Tensor, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any) -> float:
    return query.numel() * key.shape[-2] + y.numel() * key.shape[-2]


def _call_product(y: torch.Tensor, left: torch.Tensor, right: torch.Tensor, *_: Any) -> float:
    return y.numel() * left.shape[-1]


def _call_added_product(y: torch.Tensor, base: torch.Tensor, left: torch.Tensor, right: torch.Tensor, *_: Any) -> float:
    return y.numel() * left.shape[-1]


def _call_convolution(y: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, *_: Any) -> float:
    return y.numel() * math.prod(weight.shape[1:])


CALLS: Mapping[Any, Callable[..., float]] = {
    **dict.fromkeys((F.linear, torch.matmul, torch.mm, torch.bmm), _call_product),
    **dict.fromkeys((torch.Tensor.matmul, torch.Tensor.mm, torch.Tensor.bmm, torch.Tensor.__matmul__), _call_product),
    **dict.fromkeys((torch.addmm, torch.baddbmm, torch.Tensor.addmm, torch.Tensor.baddbmm), _call_added_product),
    **dict.fromkeys((F.conv1d, F.conv2d, F.conv3d, torch.conv1d, torch.conv2d, torch.conv3d), _call_convolution),
    torch.einsum: _call_einsum,
    F.scaled_dot_product_attention: _call_attention,
}


class _Meter(TorchFunctionMode):
    """Counts multiply-adds of a running model, by the top-level layer in which they happen."""

    def __init__(self, layer_of: Mapping[int, int]) -> None:
        super().__init__()
        self.layer_of = layer_of  # id of a top-level layer -> its index
        self.layer = -1
        self.depth = 0  # how many counted modules we are inside of: what they do is in their own count
        self.true: dict[int, float] = defaultdict(float)
        self.hooked: dict[int, float] = defaultdict(float)

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        y = func(*args, **(kwargs or {}))
        if self.depth == 0 and (count := CALLS.get(func)) is not None:
            self.true[self.layer] += count(y, *args, *(kwargs or {}).values())
        return y

    def enter(self, module: nn.Module, args: Any) -> None:
        """Forward pre-hook: nested modules belong to the outermost counted one."""
        if id(module) in self.layer_of:
            self.layer = self.layer_of[id(module)]
        self.depth += self.counts(module)

    def leave(self, module: nn.Module, args: Any, y: Any) -> None:
        """Forward hook: add the module's own cost."""
        if not self.counts(module):
            return
        self.depth -= 1
        y = y[0] if isinstance(y, (tuple, list)) else y
        rule = _rule_for(module)
        if rule is not None:
            self.hooked[self.layer] += rule(module, args[0], y)
        if self.depth == 0:
            own = (
                module.count_macs(args[0].shape, y.shape)
                if isinstance(module, CountsMacs)
                else rule(module, args[0], y)
            )
            self.true[self.layer] += own

    @staticmethod
    def counts(module: nn.Module) -> bool:
        """Whether a module's cost is known as a whole."""
        return isinstance(module, CountsMacs) or _rule_for(module) is not None


def _twin(model: nn.Module, stand_in: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """Return a copy of the model for one throw-away forward pass, with other tensors in the place of its weights."""
    memo: dict[int, Any] = {id(t): stand_in(t.detach()) for t in (*model.parameters(), *model.buffers())}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(memo[id(parameter)], requires_grad=False)
    twin = copy.deepcopy(model, memo).eval()
    for module in twin.modules():
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    return twin


def _measure(model: nn.Module, shape: tuple[int, int, int, int], fake: bool) -> _Meter:
    """Run a twin of the model once, with shapes only (`fake`) or for real."""
    shapes_only = FakeTensorMode(allow_non_fake_inputs=True) if fake else None
    twin = _twin(model, shapes_only.from_tensor if shapes_only else lambda tensor: tensor)
    layers = _top_layers(twin)
    meter = _Meter({id(layer): index for index, layer in enumerate(layers)})
    for module in twin.modules():
        module.register_forward_pre_hook(meter.enter)
        module.register_forward_hook(meter.leave)
    weight = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    with torch.no_grad(), shapes_only or contextlib.nullcontext(), meter:
        twin(torch.zeros(shape, device=weight.device, dtype=weight.dtype))
    return meter


def _top_layers(model: nn.Module) -> list[nn.Module]:
    layers = getattr(model, "model", None)
    return list(layers.children() if isinstance(layers, nn.Sequential) else model.children())


def _size(imgsz: int | Sequence[int]) -> tuple[int, int]:
    sides = (imgsz, imgsz) if isinstance(imgsz, int) else tuple(imgsz) * (2 if len(imgsz) == 1 else 1)
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(f"imgsz={imgsz} is not a size; expected an int or (height, width), in pixels.")
    return sides


def input_channels(model: nn.Module) -> int:
    """Return the channels of the pictures that a network takes, as its YAML or its first layer says."""
    facts = getattr(model, "yaml", None) or {}
    if isinstance(facts, Mapping) and (channels := facts.get("channels") or facts.get("ch")):
        return int(channels)
    return next((m.in_channels for m in model.modules() if isinstance(getattr(m, "in_channels", None), int)), 3)


def count_flops(model: nn.Module, imgsz: int | Sequence[int] = 640, ch: int | None = None) -> FlopsReport:
    """Count what one image costs.

    Args:
        model: any module that maps images (1, ch, H, W); not changed.
        imgsz: side, or (height, width), in pixels.
        ch: input channels; None reads them from the model.

    Returns:
        True cost and the cost that module hooks see, in GFLOPs, with a row per top-level layer.
    """
    shape = (1, ch or input_channels(model), *_size(imgsz))
    try:
        meter = _measure(model, shape, fake=True)
    except Exception as error:  # a block that needs values, not only shapes; a real fault shows again below
        LOGGER.debug(f"{type(model).__name__} does not run on shapes alone ({error}); running it for real.")
        meter = _measure(model, shape, fake=False)
    giga = 2e-9
    rows = tuple(
        LayerCost(
            index,
            type(layer).__name__,
            sum(p.numel() for p in layer.parameters()),
            meter.true[index] * giga,
            meter.hooked[index] * giga,
        )
        for index, layer in enumerate(_top_layers(model))
    )
    return FlopsReport(sum(meter.true.values()) * giga, sum(meter.hooked.values()) * giga, rows)


def get_flops(model: nn.Module, imgsz: int | Sequence[int] = 640) -> float:
    """Return the true cost of one image in GFLOPs."""
    return count_flops(model, imgsz).true_gflops


def get_num_params(model: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in model.parameters())


def get_num_gradients(model: nn.Module) -> int:
    """Return the number of parameters that are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def model_info(
    model: nn.Module, detailed: bool = False, verbose: bool = True, imgsz: int | Sequence[int] = 640
) -> tuple[int, int, int, float]:
    """Return (layers, parameters, gradients, GFLOPs) of a model and log them in one line.

    Args:
        model: any module.
        detailed: also log one line per parameter tensor.
        verbose: log at all.
        imgsz: size the cost is counted at, in pixels.

    Returns:
        Modules without children, parameters, trained parameters, true GFLOPs of one image.
    """
    layers = sum(not module._modules for module in model.modules())
    params, gradients, cost = get_num_params(model), get_num_gradients(model), get_flops(model, imgsz)
    if verbose and detailed:
        LOGGER.info(
            f"{'layer':>5} {'name':>40} {'gradient':>9} {'parameters':>12} {'shape':>20} {'mean':>10} {'std':>10}"
        )
        for i, (name, p) in enumerate(model.named_parameters()):
            text = f"{i:>5} {name:>40} {p.requires_grad!s:>9} {p.numel():>12} {list(p.shape)!s:>20}"
            LOGGER.info(f"{text} {p.float().mean().item():>10.3g} {p.float().std(unbiased=False).item():>10.3g}")
    if verbose:
        LOGGER.info(
            f"{describe(model)}: {layers} layers, {params:,} parameters, {gradients:,} gradients, {cost:.1f} GFLOPs"
        )
    return layers, params, gradients, cost


def describe(model: nn.Module) -> str:
    """Return a model's display name, such as `YOLOv8n summary (fused)`."""
    source = getattr(model, "yaml_file", None) or (getattr(model, "yaml", None) or {}).get("yaml_file", "")
    stem = str(source).replace("\\", "/").rpartition("/")[2].partition(".")[0]
    name = stem.replace("yolo", "YOLO") or type(model).__name__
    is_fused = getattr(model, "is_fused", None)
    return f"{name} summary{' (fused)' if callable(is_fused) and is_fused() else ''}"
