"""ExecuTorch: a folder with a program (.pte) for XNNPACK on processors and phones, and the metadata.

The program is recorded by `torch.export`. Dynamic convolutions are exported as patches: a kernel that is computed in
the graph runs, but outside XNNPACK, seventeen times slower. The batch is fixed: a free one fails when it is run.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.nn.backends.arrays import ExecuTorchFolder
from ultralytics.nn.backends.base import ExportFormat, ExportPlan, Runtime
from ultralytics.nn.backends.metadata import peek_beside, read_beside, write_beside
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["ExecuTorchFormat", "ExecuTorchRuntime"]

PROGRAM = "model.pte"


class ExecuTorchRuntime(Runtime):
    """A program of ExecuTorch, on the processor.

    Args:
        path: the folder.
        device: where outputs are returned.

    Raises:
        ValueError: the program is missing or damaged, or the metadata is wrong.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        if device.type != "cpu":
            LOGGER.warning(f"ExecuTorch runs on the CPU here, not on {device}.")
        self.metadata = read_beside(path) or {}
        self.program = ExecuTorchFolder(path)
        self.device, self._lock = device, threading.Lock()  # a method has one plan of its memory

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the program.

        Raises:
            ValueError: if the images do not have the size that the folder was exported for.
        """
        size = self.metadata.get("imgsz")
        if size and list(x.shape[2:]) != size:
            raise ValueError(f"the ExecuTorch program takes images of {size} pixels, got {tuple(x.shape)}.")
        with self._lock:
            outputs = self.program(x.to("cpu", torch.float32).contiguous().numpy())
        return [torch.from_numpy(y).to(self.device) for y in outputs]

    def close(self) -> None:
        """Drop the program."""
        self.program = None


class ExecuTorchFormat(ExportFormat):
    """`_executorch_model` folders."""

    name = "executorch"
    tools = (("executorch.exir", "executorch"),)
    end_to_end = False
    opener = "ultralytics.nn.backends.arrays:ExecuTorchFolder"
    runtimes = ("executorch.runtime",)
    packages = ("executorch",)

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Keep to the processor."""
        plan = super().check(args, plan)
        self.needs_processor(plan)
        return plan

    def dynamic_form(self, plan: ExportPlan) -> str:
        """Constant kernels."""
        return "patches"

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Record the network, compile what XNNPACK takes, and write the folder."""
        why = "ExecuTorch export"
        exir = require("executorch.exir", "executorch", why)
        xnnpack = require("executorch.backends.xnnpack.partition.xnnpack_partitioner", "executorch", why)
        image = torch.zeros(plan.batch, plan.channels, *plan.imgsz)
        with _quiet(), torch.no_grad():
            program = torch.export.export(model, (image,))
            edge = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()])
            content = edge.to_executorch().buffer
        path.mkdir()
        (path / PROGRAM).write_bytes(content)
        write_beside(path, plan.metadata)
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a folder."""
        return peek_beside(path)

    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> ExecuTorchRuntime:
        """Open a folder; its precision is that of its program."""
        return ExecuTorchRuntime(path, device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what the compiler says about itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


__getattr__, __dir__ = offer(__name__, {"ExecuTorchBackend": "ultralytics.nn.backends.single:ExecuTorchBackend"})
