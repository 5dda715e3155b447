"""ncnn: a folder with the layers (.param), the weights (.bin) and the metadata, converted from TorchScript by pnnx.

An ncnn network has no axis for images: it takes one, and the runtime goes through a batch. So every file takes any
number of images, and dynamic convolutions keep the form for one, which ncnn has a convolution for. pnnx leaves a dozen
files beside those that are wanted, and its exit status does not tell a failure; it runs in a folder of its own.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.backends.arrays import NcnnFolder
from ultralytics.nn.backends.base import ExportFormat, ExportPlan, Limits, Runtime
from ultralytics.nn.backends.converter import run_converter
from ultralytics.nn.backends.metadata import peek_beside, read_beside, write_beside
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["NcnnFormat", "NcnnRuntime"]

SOURCE = "model.torchscript"
PARTS = ("model.ncnn.param", "model.ncnn.bin")  # the public names


class NcnnRuntime(Runtime):
    """A network of ncnn, on the processor.

    Args:
        path: the folder.
        device: where outputs are returned.

    Raises:
        ValueError: a part is missing or damaged, or the metadata is wrong.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        if device.type != "cpu":
            LOGGER.warning(f"ncnn runs on the CPU here, not on {device}.")
        self.metadata = read_beside(path) or {}
        self.metadata.setdefault("free_batch", True)  # of folders by others, which say what they were made with
        self.net = NcnnFolder(path)
        self.device = device

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the network on one image after the other.

        Raises:
            ValueError: if the images do not have the size that the folder was exported for.
        """
        size = self.metadata.get("imgsz")
        if size and list(x.shape[2:]) != size:
            raise ValueError(f"the ncnn folder takes images of {size[0]}x{size[1]}, got {x.shape[2]}x{x.shape[3]}.")
        outputs = self.net(np.ascontiguousarray(x.to("cpu", torch.float32).numpy()))
        return [torch.from_numpy(y).to(self.device) for y in outputs]

    def close(self) -> None:
        """Drop the network with its threads and memory."""
        self.net = None


class NcnnFormat(ExportFormat):
    """`_ncnn_model` folders."""

    name = "ncnn"
    tools = (("pnnx", "ncnn"),)
    end_to_end = False
    opener = "ultralytics.nn.backends.arrays:NcnnFolder"
    runtimes = ("ncnn",)
    packages = ("pnnx", "ncnn")

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Record one image, and say that the file takes any number of them."""
        plan = super().check(args, plan)
        self.needs_processor(plan)
        return replace(plan, batch=1, free_batch=True)

    def limits(self, plan: ExportPlan) -> Limits:
        """Return how far a folder may be from torch; ncnn's fast convolutions round more."""
        return Limits(2e-3, 5e-5) if plan.precision == 32 else super().limits(plan)

    def dynamic_form(self, plan: ExportPlan) -> str:
        """One image after the other: the form for one."""
        return "single"

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Record the network, convert the recording and write the folder."""
        program = require("pnnx", "ncnn", "ncnn export").EXEC_PATH
        image = torch.zeros(1, plan.channels, *plan.imgsz)
        with tempfile.TemporaryDirectory(prefix="ultralytics-ncnn-") as room:
            folder = Path(room)
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                torch.jit.trace(model, image, strict=False, check_trace=False).save(str(folder / SOURCE))
            shape = ",".join(map(str, image.shape))
            command = [program, SOURCE, f"inputshape=[{shape}]", f"fp16={int(plan.half)}", "device=cpu"]
            run_converter("pnnx, the converter of ncnn,", command, folder, PARTS)
            path.mkdir()
            for part in PARTS:
                shutil.copyfile(folder / part, path / part)
        write_beside(path, plan.metadata)
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a folder."""
        return peek_beside(path)

    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> NcnnRuntime:
        """Open a folder; it is computed in what its weights are stored in."""
        return NcnnRuntime(path, device)


__getattr__, __dir__ = offer(__name__, {"NCNNBackend": "ultralytics.nn.backends.single:NCNNBackend"})
