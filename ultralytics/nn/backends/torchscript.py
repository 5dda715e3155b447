"""TorchScript: a recorded graph with its weights in one file, and the metadata as JSON beside them."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.nn.backends.base import ExportArgumentError, ExportFormat, ExportPlan, Runtime, as_list, parse_metadata
from ultralytics.utils.files import atomic_write

__all__ = ["TorchScriptFormat", "TorchScriptRuntime"]

METADATA = "config.txt"  # entry of the file's extra data


class TorchScriptRuntime(Runtime):
    """A TorchScript module on a device."""

    def __init__(self, path: Path, device: torch.device) -> None:
        extra = {METADATA: ""}
        with warnings.catch_warnings():  # `torch.jit` is deprecated in favour of formats this file is not
            warnings.simplefilter("ignore")
            try:
                self.module = torch.jit.load(str(path), map_location=device, _extra_files=extra).eval()
            except (RuntimeError, ValueError) as error:
                raise ValueError(f"{path} is not a TorchScript file that can be read: {error}") from error
        text = extra[METADATA]
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        self.metadata = parse_metadata(json.loads(text)) if text else {}
        self.device = device
        self.dtype = next((p.dtype for p in self.module.parameters() if p.is_floating_point()), torch.float32)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the graph."""
        return as_list(self.module(x.to(self.device, self.dtype)))


class TorchScriptFormat(ExportFormat):
    """`.torchscript` files."""

    name = "torchscript"

    def check(self, args, plan: ExportPlan) -> ExportPlan:
        """Refuse half precision on processors, for which the recorded graph would have no fast kernels."""
        plan = super().check(args, plan)
        if plan.half and plan.device.type == "cpu":
            raise ExportArgumentError(
                "'quantize=16' of format='torchscript' needs a GPU (device=0); on a CPU take float32 or format='onnx'."
            )
        return plan

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Record one forward pass and write the graph."""
        dtype = torch.float16 if plan.half else torch.float32
        image = torch.zeros(plan.batch, plan.channels, *plan.imgsz, device=plan.device, dtype=dtype)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            graph = torch.jit.trace(model.half() if plan.half else model, image, strict=False, check_trace=False)
            buffer = io.BytesIO()
            torch.jit.save(graph, buffer, _extra_files={METADATA: json.dumps(dict(plan.metadata))})
        with atomic_write(path) as out:
            out.write(buffer.getvalue())
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a file."""
        try:
            with zipfile.ZipFile(path) as archive:
                entry = next(name for name in archive.namelist() if name.endswith(f"extra/{METADATA}"))
                return parse_metadata(json.loads(archive.read(entry)))
        except (OSError, ValueError, StopIteration, zipfile.BadZipFile):
            return {}

    def load(self, path: Path, device: torch.device, half: bool = False) -> TorchScriptRuntime:
        """Open a file; its precision is that of its weights."""
        return TorchScriptRuntime(path, device)
