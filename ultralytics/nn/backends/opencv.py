"""ONNX files run by OpenCV's `dnn` module, for machines without ONNX Runtime.

OpenCV 5 has two engines. The new one reads what this package exports. The classic one, the only one of OpenCV 4, wants
a fixed input size, and convolution kernels that are constant: with kernels that are computed in the graph it raises in
OpenCV 4 and ends the whole process in 5. So the new one is named explicitly where there is one, and a graph is looked
through before OpenCV gets to see it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ultralytics.nn.backends.base import Runtime
from ultralytics.nn.backends.metadata import parse_metadata
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.log import LOGGER

__all__ = ["OpenCvRuntime", "obstacle"]

CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
NO_NMS = "the suppression inside it; export without nms=True"
NO_FREE_AXES = "inputs of free size; export without dynamic=True, for one size"
NO_KERNELS = "convolution kernels that are computed in the graph; export with dnn=True, which gives them another form"


def obstacle(graph: Any, new_engine: bool) -> str:
    """Return what OpenCV cannot take about an ONNX graph and what to do, empty where nothing is known.

    Args:
        graph: `GraphProto`, its nodes sorted by dependence as the format demands.
        new_engine: for OpenCV 5 instead of 4.
    """
    if any(node.op_type == "NonMaxSuppression" for node in graph.node):
        return NO_NMS
    if new_engine:
        return ""
    if not all(input_shape(graph)):
        return NO_FREE_AXES
    constant = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in CONVOLUTIONS and node.input[1] not in constant:
            return NO_KERNELS
        if all(name in constant for name in node.input):
            constant.update(node.output)
    return ""


def input_shape(graph: Any) -> list[int]:
    """Return the shape of the graph's input; 0 for an axis that is free."""
    weights = {tensor.name for tensor in graph.initializer}  # old files list them as inputs
    images = next(value for value in graph.input if value.name not in weights)
    return [axis.dim_value for axis in images.type.tensor_type.shape.dim]


class OpenCvRuntime(Runtime):
    """A network of OpenCV's, on the processor."""

    def __init__(self, path: Path, device: torch.device) -> None:
        onnx = require("onnx", "export", "running ONNX files by OpenCV")
        content = path.read_bytes()
        try:
            model = onnx.load_from_string(content)
            self.shape = input_shape(model.graph)
        except Exception as error:  # protobuf raises classes of its own
            raise ValueError(f"{path} is not an ONNX file: {error}") from error
        engine = {"engine": cv2.dnn.ENGINE_NEW} if hasattr(cv2.dnn, "ENGINE_NEW") else {}
        self.name = f"OpenCV {cv2.__version__}"
        reason = obstacle(model.graph, new_engine=bool(engine))
        if reason:
            raise ValueError(f"{self.name} cannot run {path} because of {reason}, or leave out dnn=True.")
        if device.type != "cpu":
            LOGGER.warning(f"{self.name} runs on the CPU here, not on {device}.")
        try:
            self.net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8), **engine)
        except cv2.error as error:
            raise ValueError(f"{self.name} cannot read {path}: {_reason(error)}") from error
        self.path, self.device = path, device
        self.metadata = parse_metadata({entry.key: entry.value for entry in model.metadata_props}, str(path))
        self.outputs = [value.name for value in model.graph.output]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the network.

        Raises:
            ValueError: if the images do not have the size that the file was exported for, or OpenCV cannot run it.
        """
        if any(want and want != have for want, have in zip(self.shape, x.shape, strict=True)):
            raise ValueError(f"the ONNX file takes images of shape {tuple(self.shape)}, got {tuple(x.shape)}.")
        try:
            self.net.setInput(np.ascontiguousarray(x.to("cpu", torch.float32).numpy()))
            outputs = self.net.forward(self.outputs)
        except cv2.error as error:
            raise ValueError(f"{self.name} cannot run {self.path}: {_reason(error)}") from error
        return [torch.from_numpy(y.copy()).to(self.device) for y in outputs]  # theirs are overwritten by the next call

    def close(self) -> None:
        """Drop the network with its memory."""
        self.net = None


def _reason(error: cv2.error) -> str:
    """Return OpenCV's message in one line."""
    return " ".join(str(error).split())
