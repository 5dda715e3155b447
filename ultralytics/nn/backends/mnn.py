"""MNN: one file, converted from this package's ONNX, with the metadata as JSON in the text that MNN calls bizCode.

The converter is called as the extension module that it is. Its Python front, `mnnconvert`, installs a package through
the first pip that it finds and sends usage data to a server of Alibaba's, before it calls the same function.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.backends.arrays import MnnFile
from ultralytics.nn.backends.base import ExportFormat, ExportPlan, Runtime
from ultralytics.nn.backends.converter import run_converter
from ultralytics.nn.backends.metadata import MetadataError, parse_metadata_json
from ultralytics.nn.backends.onnx import check_opset, onnx_content
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["MnnFormat", "MnnRuntime"]

CONVERT = "import MNN, _tools, sys; _tools.mnnconvert(sys.argv)"  # the words of the command line, the first is a name
BITS = {16: ("--fp16",), 8: ("--weightQuantBits", "8")}  # of the weights, by precision
SOURCE, RESULT = "model.onnx", "model.mnn"


class MnnRuntime(Runtime):
    """A module of MNN, on the processor.

    Args:
        path: the file.
        device: where outputs are returned.
        half: compute in 16 bits where the processor has instructions for it.

    Raises:
        ValueError: no MNN file, a damaged one, or wrong metadata.
    """

    def __init__(self, path: Path, device: torch.device, half: bool = False) -> None:
        if device.type != "cpu":
            LOGGER.warning(f"MNN runs on the CPU here, not on {device}.")
        self.file = MnnFile(path, half)
        self.metadata = _metadata(self.file.text, path)
        self.device, self._lock = device, threading.Lock()  # a module keeps what is between its layers

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the network.

        Raises:
            ValueError: if the images do not have the size that the file was exported for.
        """
        known = self.metadata
        free = bool(known.get("args", {}).get("dynamic"))
        if not free and list(x.shape[2:]) != known.get("imgsz", list(x.shape[2:])):
            raise ValueError(
                f"the MNN file takes images of {known['imgsz']} pixels, got {tuple(x.shape)}; export with dynamic=True "
                "to vary it."
            )
        images = np.ascontiguousarray(x.to("cpu", torch.float32).numpy())
        with self._lock:
            outputs = self.file(images)
        return [torch.from_numpy(y).to(self.device) for y in outputs]

    def close(self) -> None:
        """Drop the network with its threads and memory."""
        self.file = None


class MnnFormat(ExportFormat):
    """`.mnn` files."""

    name = "mnn"
    tools = (("MNN", "mnn"),)
    class_maps = True
    own_nms = True
    opener = "ultralytics.nn.backends.arrays:MnnFile"
    runtimes = ("MNN",)
    packages = ("onnx", "onnxslim", "MNN")

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Check the operator set of the ONNX file that is converted."""
        plan = super().check(args, plan)
        check_opset(plan)
        return plan

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Convert the model's ONNX file; it is the converter that stores weights in 16 or 8 bits."""
        with tempfile.TemporaryDirectory(prefix="ultralytics-mnn-") as room:
            folder = Path(room)
            (folder / SOURCE).write_bytes(onnx_content(model, replace(plan, precision=32, metadata={})))
            words = ["-f", "ONNX", "--modelFile", SOURCE, "--MNNModel", RESULT, "--bizCode"]
            words += [
                json.dumps(dict(plan.metadata)),
                *{16: ["--fp16"], 8: ["--weightQuantBits", "8"]}.get(plan.precision, []),
            ]
            run_converter("the converter of MNN", [sys.executable, "-c", CONVERT, *words], folder, [RESULT])
            path.write_bytes((folder / RESULT).read_bytes())
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a file."""
        try:
            return _metadata(MnnFile(path).text, path)
        except MetadataError:
            raise
        except (OSError, ValueError, ImportError) as error:  # running the file will say what is wrong with it
            LOGGER.debug(f"{path}: {error}")
            return {}

    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> MnnRuntime:
        """Open a file; `half` lets MNN compute in 16 bits, be its weights stored in 32 or less."""
        return MnnRuntime(path, device, half)


def _metadata(text: str, path: Path) -> dict[str, Any]:
    """Return the checked metadata in a file's text, empty where it has none."""
    return parse_metadata_json(text, str(path), "bizCode") if text.strip() else {}


__getattr__, __dir__ = offer(__name__, {"MNNBackend": "ultralytics.nn.backends.single:MNNBackend"})
