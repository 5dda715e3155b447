"""LiteRT (TensorFlow Lite's successor): one `.tflite` file, converted from torch by litert-torch, without TensorFlow.

Images go in as torch has them, (B, C, H, W) in 0..1, float32 at every precision. The metadata is a zip with
`metadata.json` behind the file, as in the published package; runtimes ignore it. Dynamic convolutions are exported as
patches: a kernel that is computed in the graph takes half as long again, and is refused in 8 bits.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import tempfile
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.backends.arrays import LiteRtFile
from ultralytics.nn.backends.base import ExportFormat, ExportPlan, Runtime, as_list
from ultralytics.nn.backends.metadata import MAX_JSON_CHARS, MetadataError, parse_metadata_json
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["LiteRtFormat", "LiteRtRuntime", "add_metadata", "read_metadata"]

MEMBER = "metadata.json"


class LiteRtRuntime(Runtime):
    """An interpreter of LiteRT, on the processor.

    Args:
        path: the file.
        device: where outputs are returned.

    Raises:
        ValueError: no LiteRT file, a damaged one, or wrong metadata.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        if device.type != "cpu":
            LOGGER.warning(f"LiteRT runs on the CPU here, not on {device}.")
        self.metadata = read_metadata(path)
        self.file = LiteRtFile(path)
        self.device, self._lock = device, threading.Lock()  # an interpreter has one set of buffers

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the network.

        Raises:
            ValueError: if the images do not have the size that the file was exported for.
        """
        if tuple(x.shape) != self.file.shape:
            raise ValueError(f"the LiteRT file takes images of shape {self.file.shape}, got {tuple(x.shape)}.")
        images = np.ascontiguousarray(x.to("cpu", torch.float32).numpy())
        with self._lock:
            outputs = self.file(images)
        return [torch.from_numpy(y).to(self.device) for y in outputs]

    def close(self) -> None:
        """Drop the network with its threads and memory."""
        self.file = None


class LiteRtFormat(ExportFormat):
    """`.tflite` files."""

    name = "litert"
    end_to_end = False
    opener = "ultralytics.nn.backends.arrays:LiteRtFile"
    runtimes = ("ai_edge_litert.interpreter",)
    packages = ("litert-torch", "ai-edge-litert", "ai-edge-quantizer")

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Keep to the processor."""
        plan = super().check(args, plan)
        self.needs_processor(plan)
        return plan

    def check_installed(self, args: Any) -> None:
        """Check that the converter is there."""
        with _quiet():
            require("litert_torch", "litert", "LiteRT export")

    def dynamic_form(self, plan: ExportPlan) -> str:
        """Constant kernels."""
        return "patches"

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Convert the network, store its weights in 8 bits if that is asked for, and add the metadata."""
        image = torch.zeros(plan.batch, plan.channels, *plan.imgsz)
        with _quiet(), torch.no_grad():
            converter = require("litert_torch", "litert", "LiteRT export")
            converter.convert(_Flat(model).eval(), (image,)).export(str(path))
            if plan.precision == "w8a32":
                _weights_of_8_bits(path)
        add_metadata(path, plan.metadata)
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a file."""
        try:
            return read_metadata(path)
        except MetadataError:
            raise
        except (OSError, ValueError):  # running the file will say what is wrong with it
            return {}

    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> LiteRtRuntime:
        """Open a file; its precision is that of its graph."""
        return LiteRtRuntime(path, device)


class _Flat(nn.Module):
    """A network that gives one tensor, or a flat tuple of them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> Any:
        outputs = as_list(self.model(x))
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _weights_of_8_bits(path: Path) -> None:
    """Store the weights of a file in 8 bits, in place; activations are computed in float32."""
    quantizer = require("ai_edge_quantizer", "litert", "LiteRT export with quantize=w8a32")
    job = quantizer.Quantizer(str(path))
    job.load_quantization_recipe(quantizer.recipe.dynamic_wi8_afp32())
    with tempfile.TemporaryDirectory(prefix="ultralytics-litert-") as room:
        small = Path(room) / path.name
        job.quantize().export_model(str(small))
        path.write_bytes(small.read_bytes())


def add_metadata(path: Path, metadata: Mapping[str, Any]) -> None:
    """Append metadata to a file."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, json.dumps(dict(metadata), indent=2))


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the checked metadata behind a file, empty where there is none.

    Raises:
        MetadataError: too large, or a value in it is wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(MEMBER)
            if info.file_size > MAX_JSON_CHARS:
                raise MetadataError(
                    str(path), MEMBER, f"has {info.file_size:,} bytes; at most {MAX_JSON_CHARS:,} are read"
                )
            text = archive.open(info).read(MAX_JSON_CHARS + 1)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.LargeZipFile):
        return {}
    return parse_metadata_json(text, str(path), MEMBER)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the converter says about itself to itself."""
    before = {name: os.environ.get(name) for name in ("TF_CPP_MIN_LOG_LEVEL", "PJRT_DEVICE")}
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", "PJRT_DEVICE": "CPU"})
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


__getattr__, __dir__ = offer(__name__, {"LiteRTBackend": "ultralytics.nn.backends.single:LiteRTBackend"})
