"""The package's own checkpoints, run by PyTorch itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.nn.accelerate import pack_convolutions
from ultralytics.nn.backends.base import ExportFormat, ExportPlan, Runtime, as_list, each_tensor
from ultralytics.nn.backends.compiling import compiled_network
from ultralytics.nn.backends.metadata import parse_metadata
from ultralytics.nn.backends.portions import portion_size, run_by_portions
from ultralytics.nn.builder.names import guess_model_task
from ultralytics.nn.hooks import BACKWARD, copy_network, evaluating, has_hooks
from ultralytics.nn.protocols import HintsParams
from ultralytics.nn.weights.checkpoint import load_checkpoint
from ultralytics.utils.device import cpu_has_bf16
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["NativeRuntime", "PyTorchFormat"]


class NativeRuntime(Runtime):
    """A network in evaluation mode, folded, in the precision and layout that suit the device.

    Half precision means float16 on accelerators. Processors compute float16 slowly, so there it means bfloat16 where
    the processor has instructions for it, and float32 elsewhere; decoding stays in float32 either way. Folded
    convolutions on a processor are packed for its vector units (`nn/accelerate.py`): 0.7 of the time in float32, 0.6
    in bfloat16.

    A network with hooks on its layers runs itself, since a folded copy has not the layers that the hooks were put on.
    Its hooks see tensors that may take part in gradients; where there are backward hooks, gradients are recorded.

    Large batches run a few pictures at a time on a processor (`portions.py`).

    Args:
        model: a network. It is copied before anything about it has to change, so the caller's stays as it is; copies
            share its hooks.
        device: where to run.
        half: ask for half precision.
        fuse: fold norms into convolutions, and pack these where that is possible.
        channels_last: memory layout of weights and images; None takes it where a folded network runs on a processor.
        end2end: choose the head without suppression (True) or with it (False), where the model has both.
        own: the model belongs to this runtime and may be changed in place.
        verbose: log the folded model's summary.
        compile: run what `torch.compile` makes of the network, True or a mode; not for networks of others.
        keep_branches: fold without dropping the branch that inference does not use, whose raw output a loss wants.
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
        verbose: bool = False,
        keep_branches: bool = False,
        compile: bool | str = False,
    ) -> None:
        self.device = device
        if half and device.type == "cpu" and not cpu_has_bf16():
            LOGGER.warning("half precision needs bfloat16 instructions, which this processor lacks; using float32.")
            half = False
        hooked = not own and has_hooks(model)
        fuse = fuse and not hooked
        parameter = next(model.parameters(), torch.empty(0))
        low = (torch.bfloat16 if device.type == "cpu" else torch.float16) if half else None
        self.dtype = low or parameter.dtype
        moves = parameter.device != device or parameter.dtype != self.dtype
        changes = moves or fuse or channels_last or end2end is not None
        self.shared = hooked or not (own or changes)  # somebody else looks at what runs here, or trains it
        self.recorded = hooked and has_hooks(model, BACKWARD)
        self.channels_last = fuse and device.type == "cpu" if channels_last is None else channels_last
        if changes and not own:
            model = copy_network(model)
        if end2end is not None and hasattr(model, "end2end"):
            model.end2end = end2end
        self.metadata = _facts_of_network(model)
        if keep_branches and fuse and getattr(model.model[-1], "has_two_branches", False):
            model.set_head_attr(keep_branches=True)
        if fuse and callable(getattr(model, "fuse", None)):
            model.fuse(verbose=verbose)
        self.model = self._settled(model, low) if own or changes else model
        compiles = compile and not self.shared
        self.compiled = compiled_network(self.model, compile, device) if compiles else None
        if fuse and self.compiled is None:
            pack_convolutions(self.model)

    def _settled(self, model: nn.Module, low: torch.dtype | None) -> nn.Module:
        """Return a network of the runtime's own on its device, in its precision and layout, in evaluation mode."""
        model = model.to(self.device) if low is None else _lower_precision(model.to(self.device), low)
        return (model.to(memory_format=torch.channels_last) if self.channels_last else model).eval()

    def run(self, x: torch.Tensor, augment: bool = False, embed: Any = None, **options: Any) -> Any:
        """Return what the network returns in evaluation mode; options that are not set are not passed on."""
        x = x.to(self.device, self.dtype)
        options |= {k: v for k, v in (("augment", augment), ("embed", embed)) if v}
        if self.shared:
            return self._run_shared(self._lay_out(x), options)
        special = bool(options) or has_hooks(self.model)
        size = len(x) if special or len(x) == 1 else portion_size(self.model, x)
        network = self.model if special or self.compiled is None else self.compiled
        return run_by_portions(lambda part: network(self._lay_out(part), **options), x, size)

    def _lay_out(self, x: torch.Tensor) -> torch.Tensor:
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x

    def _run_shared(self, x: torch.Tensor, options: Mapping[str, Any]) -> Any:
        """Run a network of others and leave nothing in it that could not take part in a gradient.

        Gradients, where they are recorded, end at what is returned.
        """
        with torch.inference_mode(False), torch.set_grad_enabled(self.recorded), evaluating(self.model):
            x = x.clone().requires_grad_(self.recorded)
            y = self.model(x, **options)
        return each_tensor(y, torch.Tensor.detach) if self.recorded else y

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


def _facts_of_network(model: nn.Module) -> dict[str, Any]:
    """Return what metadata would say about a network."""
    stride = getattr(model, "stride", None)
    content = getattr(model, "yaml", None)
    content = content if isinstance(content, Mapping) else {}
    layers = getattr(model, "model", None)
    head = layers[-1] if isinstance(layers, nn.Sequential) and len(layers) else model
    args = getattr(model, "args", None)
    task = getattr(model, "task", None)
    facts: dict[str, Any] = {
        "stride": int(torch.as_tensor(stride).max()) if stride is not None else 32,
        "task": task if task in TASK_INFOS else guess_model_task(model),
        "imgsz": args.get("imgsz", 640) if isinstance(args, Mapping) else 640,
        "names": getattr(model, "names", None),
        "channels": int(content.get("channels") or content.get("ch") or _first_channels(model)),
        "end2end": bool(getattr(head, "end2end", False)),
        "kpt_shape": getattr(head, "kpt_shape", None),
        "kpt_names": getattr(model, "kpt_names", None),
    }
    return parse_metadata(facts, str(getattr(model, "pt_path", None) or type(model).__name__))


def _first_channels(model: nn.Module) -> int:
    return next((m.in_channels for m in model.modules() if isinstance(getattr(m, "in_channels", None), int)), 3)


class PyTorchFormat(ExportFormat):
    """`.pt` files: training writes them, so there is nothing to export."""

    name = "-"

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Refuse: a checkpoint is saved, not exported."""
        raise ValueError("a PyTorch checkpoint is not an export format; use model.save(...) or choose format='onnx'.")

    def load(
        self, path: Path, device: torch.device, half: bool = False, trust: bool = False, **options: Any
    ) -> NativeRuntime:
        """Open a checkpoint; `options` are those of `NativeRuntime`."""
        model, _ = load_checkpoint(str(path), trust=trust)
        return NativeRuntime(model, device, half, own=True, **options)


__getattr__, __dir__ = offer(
    __name__,
    {name: f"ultralytics.nn.backends.single:{name}" for name in ("PyTorchBackend", "TorchScriptBackend")},
)
