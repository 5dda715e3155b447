"""TorchScript: a recorded graph with its weights in one file, and the metadata as JSON beside them."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.nn.backends.base import ExportArgumentError, ExportFormat, ExportPlan, Runtime, as_list
from ultralytics.nn.backends.metadata import MetadataError
from ultralytics.nn.backends.torchscript_archive import METADATA, checked_copy, read_archive_metadata
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER

__all__ = ["TorchScriptFormat", "TorchScriptRuntime"]


class TorchScriptRuntime(Runtime):
    """A TorchScript module on a device.

    Args:
        path: the file.
        device: where to run.
        trust: let the file's program do whatever torch can, which includes writing files.

    Raises:
        ValueError: no TorchScript file, or a program that does more than compute; its metadata is wrong.
    """

    def __init__(self, path: Path, device: torch.device, trust: bool = False) -> None:
        self.metadata = read_archive_metadata(path)
        if trust:
            LOGGER.warning(f"opening '{path}' with trust=True: its program may do anything that torch can.")
        source = str(path) if trust else checked_copy(path)
        with warnings.catch_warnings():  # `torch.jit` is deprecated in favour of formats this file is not
            warnings.simplefilter("ignore")
            try:
                self.module = torch.jit.load(source, map_location=device).eval()
            except (RuntimeError, ValueError) as error:
                raise ValueError(f"{path} is not a TorchScript file that can be read: {error}") from error
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
            return read_archive_metadata(path)
        except MetadataError:
            raise
        except (OSError, ValueError):  # running the file will say what is wrong with it
            return {}

    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> TorchScriptRuntime:
        """Open a file; its precision is that of its weights."""
        return TorchScriptRuntime(path, device, trust)
