"""torch.export: a graph of torch's operators with its weights in one `.pt2` file, and the metadata as JSON beside them.

torch's successor of TorchScript. The file is written by torch and opens there with `torch.export.load`; here it is
read by a reader of our own, which runs nothing but operators (see `torch_export_graph`).
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.nn.backends.base import ExportArgumentError, ExportFormat, ExportPlan, Runtime, as_list
from ultralytics.nn.backends.metadata import MetadataError
from ultralytics.nn.backends.torch_export_archive import read_program
from ultralytics.nn.backends.torchscript_archive import METADATA, UnsafeModelError, read_archive_metadata
from ultralytics.utils.checks.version import check_version
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER

__all__ = ["TorchExportFormat", "TorchExportRuntime"]

TITLE = "torch.export"
OLDEST = "2.9"  # torch that stores weights as plain bytes; before, files of this kind are pickles
FREE = (0, 2, 3)  # axes of the images that `dynamic` leaves open


class TorchExportRuntime(Runtime):
    """An exported graph on a device.

    Args:
        path: the file.
        device: where to run.
        trust: let the graph use any operator that torch knows, which includes some that write files.

    Raises:
        ValueError: no torch.export file, or a graph that does more than compute; its metadata is wrong.
    """

    def __init__(self, path: Path, device: torch.device, trust: bool = False) -> None:
        self.metadata = read_archive_metadata(path, TITLE)
        if trust:
            LOGGER.warning(f"opening '{path}' with trust=True: its graph may do anything that torch's operators can.")
        self.graph, self.weights = read_program(path, device, trust)
        self.device, self.dtype = device, self.graph.dtype

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the graph.

        Raises:
            ValueError: if the images do not have the size that the file was exported for.
        """
        if any(want not in (None, have) for want, have in zip(self.graph.shape, x.shape, strict=True)):
            shape = tuple("any" if want is None else want for want in self.graph.shape)
            raise ValueError(
                f"the torch.export file takes images of shape {shape}, got {tuple(x.shape)}; "
                "export with dynamic=True to vary it."
            )
        with torch.no_grad():
            return as_list(self.graph.run(x.to(self.device, self.dtype), self.weights))

    def close(self) -> None:
        """Drop the weights."""
        self.weights = {}


class TorchExportFormat(ExportFormat):
    """`.pt2` files."""

    name = "pt2"
    static_nms = True

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Refuse half precision on processors, for which the graph would have no fast kernels.

        Raises:
            NotImplementedError: the installed torch is too old.
        """
        plan = super().check(args, plan)
        if plan.half and plan.device.type == "cpu":
            raise ExportArgumentError(
                "'quantize=16' of format='pt2' needs a GPU (device=0); on a CPU take float32 or format='onnx'."
            )
        if not check_version(torch.__version__, f">={OLDEST}"):
            raise NotImplementedError(
                f"format='pt2' needs torch {OLDEST} or newer, which stores plain weights; this is torch "
                f"{torch.__version__}. Use format='onnx' or format='torchscript'."
            )
        return plan

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Record the network and write the graph."""
        buffer = io.BytesIO()
        with _quiet(), torch.no_grad():
            program = _record(model, plan)
            torch.export.save(program, buffer, extra_files={METADATA: json.dumps(dict(plan.metadata))})
        try:
            read_program(path, plan.device, file=buffer)
        except UnsafeModelError as error:
            LOGGER.warning(f"the file can only be opened with trust=True: {error}")
        with atomic_write(path) as out:
            out.write(buffer.getvalue())
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a file."""
        try:
            return read_archive_metadata(path, TITLE)
        except MetadataError:
            raise
        except (OSError, ValueError):  # running the file will say what is wrong with it
            return {}

    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> TorchExportRuntime:
        """Open a file; its precision is that of its weights."""
        return TorchExportRuntime(path, device, trust)


def _record(model: nn.Module, plan: ExportPlan) -> torch.export.ExportedProgram:
    """Return the graph of one forward pass, without what it says about this machine."""
    batch, sides = plan.batch, plan.imgsz
    if plan.any_batch:  # an axis of size 1, here or at the deepest level, would be taken as fixed
        batch = max(batch, 2)
    if plan.dynamic:
        least = 2 * int(plan.metadata.get("stride", 32))
        sides = tuple(max(side, least) for side in sides)
    dtype = torch.float16 if plan.half else torch.float32
    image = torch.zeros(batch, plan.channels, *sides, device=plan.device, dtype=dtype)
    axes = FREE if plan.dynamic else FREE[:1]
    free = (dict.fromkeys(axes, torch.export.Dim.DYNAMIC),) if plan.any_batch else None
    program = torch.export.export(model.half() if plan.half else model, (image,), dynamic_shapes=free)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of source files
    program.example_inputs = None  # as large as the images
    return program


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what torch says about itself while it records and writes."""
    logger = logging.getLogger("torch.export")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
