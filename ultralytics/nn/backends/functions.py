"""Writing one network as one graph, as functions of the public interface; `Exporter` prepares a model and does more.

The network is recorded as it is: fold it, and switch its head to the form wanted, before.
"""

from __future__ import annotations

import inspect
import io
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.backends.torchscript import METADATA
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER

__all__ = ["torch2onnx", "torch2torchscript"]


def torch2onnx(
    model: nn.Module,
    im: torch.Tensor | tuple[torch.Tensor, ...],
    output_file: str | os.PathLike,
    opset: int = 14,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
) -> str:
    """Write a network as an ONNX file and return its path.

    Args:
        model: in evaluation mode.
        im: example input, (B, C, H, W) for this package's networks, or a tuple of inputs.
        output_file: file to write; it is replaced as a whole.
        opset: version of the operator set.
        input_names: names of the graph's inputs; `images` where None.
        output_names: names of its outputs; `output0` where None.
        dynamic: name of an input or output -> axis -> name, for axes that stay free.
    """
    older = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the recorder warns about itself and about every shape that it fixes
        torch.onnx.export(
            model,
            im if isinstance(im, tuple) else (im,),
            buffer,
            input_names=list(input_names or ["images"]),
            output_names=list(output_names or ["output0"]),
            dynamic_axes={name: dict(axes) for name, axes in dynamic.items()} if dynamic else None,
            opset_version=opset,
            **older,
        )
    return _store(buffer, output_file)


def torch2torchscript(
    model: nn.Module,
    im: torch.Tensor,
    output_file: str | os.PathLike,
    metadata: Mapping[str, Any] | None = None,
    prefix: str = "",
) -> str:
    """Write a network as a TorchScript file and return its path.

    Args:
        model: in evaluation mode.
        im: example input, (B, C, H, W) for this package's networks.
        output_file: file to write; it is replaced as a whole.
        metadata: what readers need to know, stored as JSON.
        prefix: start of the message.
    """
    LOGGER.info(f"{prefix} recording with torch {torch.__version__}...".lstrip())
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        graph = torch.jit.trace(model, im, strict=False, check_trace=False)
        torch.jit.save(graph, buffer, _extra_files={METADATA: json.dumps(dict(metadata or {}))})
    return _store(buffer, output_file)


def _store(buffer: io.BytesIO, output_file: str | os.PathLike) -> str:
    """Write what was recorded."""
    with atomic_write(output_file) as file:
        file.write(buffer.getbuffer())
    return os.fspath(output_file)
