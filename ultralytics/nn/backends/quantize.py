"""Static quantisation of a recorded graph to 8 bits, by ONNX Runtime's tools (extra `export`).

The result is an ordinary ONNX graph in which pairs of QuantizeLinear and DequantizeLinear stand around the nodes that
`scope` chooses. Runtimes that know the pattern compute between them in whole numbers: ONNX Runtime, OpenVINO, TensorRT.
Kernels have a scale per output channel, activations one per tensor, from the smallest and the largest value that any
calibration picture gave. Means of those over the pictures, or percentiles, are no better on common objects and cut off
what only a rare object reaches, whose score then falls.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from torch import nn

from ultralytics.nn.backends.scope import TYPES, nodes_for_8_bits
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER
from ultralytics.utils.silence import require_quietly

__all__ = ["MIN_OPSET", "CalibrationReader", "onnx_calibration_reader", "onnx_int8_quantize", "quantized"]

MIN_OPSET = 13  # the first with a scale per channel
PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")  # how the tools mark graphs that need no preparation


class CalibrationReader:
    """Hands batches to ONNX Runtime's tools, one at a time.

    Args:
        batches: arrays (B, C, H, W).
        name: input of the graph.
    """

    def __init__(self, batches: Iterable[np.ndarray], name: str = "images") -> None:
        self.batches, self.name = iter(batches), name

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next batch by the name of the input, None behind the last one."""
        batch = next(self.batches, None)
        return None if batch is None else {self.name: batch}


def quantized(
    graph: Any,
    batches: Iterable[np.ndarray],
    model: nn.Module | None = None,
    types: Collection[str] = TYPES,
    name: str = "images",
) -> Any:
    """Return a graph (`ModelProto`) in 8 bits.

    Args:
        graph: float32 graph, recorded with operator set 13 or newer; its metadata is lost.
        batches: what the network will see, arrays (B, C, H, W).
        model: network that the graph was recorded from, whose modules say what stays in float; without it only what
            the graph itself tells is known.
        types: kinds of nodes that the runtime is faster with in 8 bits.
        name: input of the graph.

    Raises:
        ValueError: there is nothing to compute in 8 bits, or no batch.
    """
    tools, onnx = _tools(), require("onnx", "export", "an export of 8 bits")
    names = nodes_for_8_bits(graph.graph, model, types)
    chosen = set(names)
    if not any(node.op_type == "Conv" and node.name in chosen for node in graph.graph.node):
        raise ValueError(
            "this network has no convolutions that 8 bits suit: those with constant kernels between its first and its "
            "last layers; use quantize=16 or leave it out."
        )
    mark = graph.metadata_props.add()
    mark.key, mark.value = PREPARED
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "int8.onnx"
        tools.quantize_static(
            graph,
            file,
            CalibrationReader(_counted(batches), name),
            quant_format=tools.QuantFormat.QDQ,
            op_types_to_quantize=list(types),
            nodes_to_quantize=names,
            per_channel=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
        )
        made = onnx.load(file)
    del made.metadata_props[:]
    return made


def _counted(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield batches.

    Raises:
        ValueError: there is none.
    """
    first = True
    for batch in batches:
        first = False
        yield batch
    if first:
        raise ValueError("there is no calibration picture; 8 bits need some, data=... names them.")


def _tools() -> ModuleType:
    require_quietly("onnxruntime", "export", "an export of 8 bits")
    return require_quietly("onnxruntime.quantization", "export", "an export of 8 bits")


def onnx_calibration_reader(
    dataset: Iterable[Any], transform_fn: Callable[[Any], np.ndarray], input_name: str = "images"
) -> CalibrationReader:
    """Return what gives ONNX Runtime's tools the items of a data set, one at a time.

    Args:
        dataset: items, such as a loader's batches.
        transform_fn: makes an item into an array (B, C, H, W), float32, 0 to 1.
        input_name: input of the graph.
    """
    return CalibrationReader(map(transform_fn, dataset), input_name)


def onnx_int8_quantize(
    onnx_file: str | Path,
    output_file: str | Path,
    dataset: Iterable[Any],
    transform_fn: Callable[[Any], np.ndarray],
    input_name: str = "images",
    prefix: str = "",
) -> str:
    """Write an ONNX file in 8 bits and return its path; the float32 file stays, and its metadata is kept.

    `YOLO(...).export(format="onnx", quantize=8)` knows the network and leaves more of it in float where that matters.

    Args:
        onnx_file: float32 file.
        output_file: file to write; it is replaced as a whole.
        dataset: items, such as a loader's batches.
        transform_fn: makes an item into an array (B, C, H, W), float32, 0 to 1.
        input_name: input of the graph.
        prefix: start of the message.

    Raises:
        ValueError: there is nothing to compute in 8 bits, or no item.
    """
    onnx = require("onnx", "export", "an export of 8 bits")
    graph = onnx.load(onnx_file)
    LOGGER.info(f"{prefix} quantising {onnx_file} to 8 bits...".lstrip())
    about = [(entry.key, entry.value) for entry in graph.metadata_props]
    made = quantized(graph, map(transform_fn, dataset), name=input_name)
    onnx.helper.set_model_props(made, dict(about))
    with atomic_write(output_file) as file:
        file.write(made.SerializeToString())
    return str(output_file)
