"""The package's own checkpoints, run by PyTorch itself."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.nn.backends.base import ExportFormat, ExportPlan, Runtime, as_list
from ultralytics.nn.checkpoint import load_checkpoint
from ultralytics.nn.protocols import HintsParams
from ultralytics.utils.device import cpu_has_bf16
from ultralytics.utils.log import LOGGER

__all__ = ["NativeRuntime", "PyTorchFormat"]


class NativeRuntime(Runtime):
    """A network in evaluation mode, folded, in the precision that suits the device.

    Half precision means float16 on accelerators. Processors compute float16 slowly, so there it means bfloat16 where
    the processor has instructions for it, and float32 elsewhere; decoding stays in float32 either way.

    Args:
        model: a network. It is copied before anything about it has to change, so the caller's stays as it is.
        device: where to run.
        half: ask for half precision.
        fuse: fold norms into convolutions.
        channels_last: memory layout of weights and images; None takes it on processors, whose convolutions then need no
            reordering (measured: 0.85 of the time in float32, 0.7 in bfloat16).
        end2end: choose the head without suppression (True) or with it (False), where the model has both.
        own: the model belongs to this runtime and may be changed in place.
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        half: bool = False,
        fuse: bool = True,
        channels_last: bool | None = None,
        end2end: bool | None = None,
        own: bool = False,
    ) -> None:
        self.device, self.metadata = device, {}
        self.half = half and device.type != "cpu"  # whether callers should hand over float16
        if half and device.type == "cpu" and not cpu_has_bf16():
            LOGGER.warning("half precision needs bfloat16 instructions, which this processor lacks; using float32.")
            half = False
        dtype = (torch.bfloat16 if device.type == "cpu" else torch.float16) if half else None
        parameter = next(model.parameters(), None)
        channels_last = device.type == "cpu" if channels_last is None else channels_last
        moves = parameter is not None and (parameter.device != device or (dtype or parameter.dtype) != parameter.dtype)
        if (moves or fuse or channels_last or end2end is not None) and not own:
            model = copy.deepcopy(model)
        if end2end is not None and hasattr(model, "end2end"):
            model.end2end = end2end
        if fuse and callable(getattr(model, "fuse", None)):
            model.fuse(verbose=False)
        model = model.to(device) if dtype is None else _lower_precision(model.to(device), dtype)
        self.channels_last = channels_last
        self.model = (model.to(memory_format=torch.channels_last) if channels_last else model).eval()
        self.dtype = dtype or (parameter.dtype if parameter is not None else torch.float32)

    def run(self, x: torch.Tensor, augment: bool = False, embed: Any = None, **options: Any) -> Any:
        """Return what the network returns in evaluation mode; options that are not set are not passed on."""
        x = x.to(self.device, self.dtype)
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        options |= {k: v for k, v in (("augment", augment), ("embed", embed)) if v}
        return self.model(x, **options)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the decoded outputs alone."""
        y = self.run(x)
        return as_list(y[0] if isinstance(y, (tuple, list)) else y)


def _lower_precision(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Convert a network in place. On processors, experts and routers stay float32, in which mixing is faster."""
    kept = [
        (parameter, parameter.data)
        for module in model.modules()
        if isinstance(module, HintsParams)
        for name, parameter in module.named_parameters()
        if parameter.device.type == "cpu" and module.param_hint(name) in {"experts", "router"}
    ]
    model = model.to(dtype)
    for parameter, data in kept:
        parameter.data = data
    return model


class PyTorchFormat(ExportFormat):
    """`.pt` files: training writes them, so there is nothing to export."""

    name = "-"

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Refuse: a checkpoint is saved, not exported."""
        raise ValueError("a PyTorch checkpoint is not an export format; use model.save(...) or choose format='onnx'.")

    def load(self, path: Path, device: torch.device, half: bool = False, **options: Any) -> NativeRuntime:
        """Open a checkpoint; `options` are those of `NativeRuntime` and `trust`."""
        trust = options.pop("trust", False)
        model, _ = load_checkpoint(str(path), trust=trust)
        return NativeRuntime(model, device, half, own=True, **options)
