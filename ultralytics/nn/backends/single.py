"""One class for each format that is built, as the public interface has them; `AutoBackend` chooses by itself.

An object of one of them opens a file and runs it, and knows what the file says about itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends.base import format_class
from ultralytics.nn.backends.table import format_of

__all__ = [
    "BaseBackend",
    "CoreMLBackend",
    "ExecuTorchBackend",
    "LiteRTBackend",
    "MNNBackend",
    "NCNNBackend",
    "ONNXBackend",
    "OpenVINOBackend",
    "PyTorchBackend",
    "TensorRTBackend",
    "TorchScriptBackend",
    "TritonBackend",
]


class BaseBackend:
    """A model file of one format, ready for inference.

    Besides its own attributes it has those of `AutoBackend`, such as `stride`, `names`, `task` and `metadata`.

    Args:
        weight: path of the file, or a network for PyTorch.
        device: where to run.
        fp16: half precision, where the format offers it.
        **options: further arguments of `AutoBackend`.

    Raises:
        TypeError: the file has another format.
    """

    format = ""  # as `AutoBackend.format` names it; empty for any

    def __init__(
        self, weight: str | Path | nn.Module, device: torch.device | str, fp16: bool = False, **options: Any
    ) -> None:
        self.device = torch.device(device)
        self.fp16 = fp16
        self.options = options
        self.load_model(weight)

    def load_model(self, weight: str | Path | nn.Module) -> None:
        """Open a file; afterwards `backend` runs it."""
        self.backend = AutoBackend(weight, self.device, fp16=self.fp16, **{"verbose": False, **self.options})
        if self.format and self.backend.format != self.format:
            raise TypeError(f"{type(self).__name__} takes files of format '{self.format}', not '{weight}'.")

    def forward(self, im: torch.Tensor, **kwargs: Any) -> Any:
        """Run the model on images (B, C, H, W), RGB in 0..1; see `AutoBackend.forward`."""
        return self.backend(im, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`."""
        return self.forward(*args, **kwargs)

    @staticmethod
    def read_metadata(file: str | Path) -> Mapping[str, Any]:
        """Return what an exported file says about itself, without opening it to run; empty where it says nothing."""
        facts = format_of(file)
        return format_class(facts).peek(Path(file)) if facts is not None and facts.home else {}

    def __getattr__(self, name: str) -> Any:
        """Look unknown attributes up on what runs the file."""
        if name.startswith("_") or name == "backend":
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(self.backend, name)


class PyTorchBackend(BaseBackend):
    """A checkpoint or a network."""

    format = "pt"

    def __init__(
        self,
        weight: str | Path | nn.Module,
        device: torch.device | str,
        fp16: bool = False,
        fuse: bool = True,
        verbose: bool = True,
        end2end: bool | None = None,
    ) -> None:
        super().__init__(weight, device, fp16, fuse=fuse, verbose=verbose, end2end=end2end)


class TorchScriptBackend(BaseBackend):
    """A TorchScript file."""

    format = "torchscript"


class ONNXBackend(BaseBackend):
    """An ONNX file, run by ONNX Runtime, or with `format="dnn"` by OpenCV."""

    format = "onnx"

    def __init__(
        self,
        weight: str | Path,
        device: torch.device | str,
        fp16: bool = False,
        format: str = "onnx",
        session_options: None = None,
    ) -> None:
        if format not in {"onnx", "dnn"} or session_options is not None:
            raise NotImplementedError(
                "ONNXBackend opens ONNX files by ONNX Runtime, or by OpenCV with format='dnn', and sets up the session "
                "itself; leave out 'session_options', or open a session yourself."
            )
        super().__init__(weight, device, fp16, dnn=format == "dnn")


class OpenVINOBackend(BaseBackend):
    """An OpenVINO folder."""

    format = "openvino"


class TritonBackend(BaseBackend):
    """A model on a Triton server, by its address."""

    format = "triton"


class MNNBackend(BaseBackend):
    """An MNN file."""

    format = "mnn"


class NCNNBackend(BaseBackend):
    """An ncnn folder."""

    format = "ncnn"


class LiteRTBackend(BaseBackend):
    """A LiteRT file."""

    format = "litert"


class ExecuTorchBackend(BaseBackend):
    """An ExecuTorch folder."""

    format = "executorch"


class CoreMLBackend(BaseBackend):
    """A Core ML package, which macOS alone runs."""

    format = "coreml"


class TensorRTBackend(BaseBackend):
    """A TensorRT engine."""

    format = "engine"
