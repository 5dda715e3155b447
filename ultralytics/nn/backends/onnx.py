"""ONNX: export through the TorchScript recorder, run by ONNX Runtime.

Free axes are `batch`, `height`, `width` of the input and `batch`, `anchors` of the output. Half precision on a
processor stores the weights in 16 bits and widens them when the file is opened: half the size, the speed of float32.
On a GPU the whole graph is recorded in float16. Inputs and outputs stay float32 in both cases. In 8 bits convolutions
compute with whole numbers (`quantize`).
"""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.backends.arrays import physical_cores
from ultralytics.nn.backends.base import ExportArgumentError, ExportFormat, ExportPlan, Runtime
from ultralytics.nn.backends.metadata import MetadataError, parse_metadata
from ultralytics.nn.backends.opencv import OpenCvRuntime
from ultralytics.nn.backends.quantize import MIN_OPSET as MIN_OPSET_8_BITS
from ultralytics.nn.backends.quantize import quantized
from ultralytics.nn.backends.scope import TYPES
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.files import atomic_write
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.onnx_file import onnx_metadata
from ultralytics.utils.silence import require_quietly, silence

__all__ = ["OnnxFormat", "OnnxRuntime", "best_opset", "check_opset", "onnx_content", "physical_cores"]

OPSET = 18  # widely supported, and the newest one the TorchScript recorder writes without conversion
MIN_OPSET = 11  # below it neither resizing nor suppression is exact
MAX_IR = 10  # newer files are refused by runtimes in use


def best_opset(onnx: Any = None) -> int:
    """Return the operator set that an export takes by default: the installed `onnx` may know fewer.

    Args:
        onnx: the package, where it is imported already.
    """
    onnx = onnx or require("onnx", "export", "ONNX export")
    return min(OPSET, onnx.defs.onnx_opset_version())


class OnnxRuntime(Runtime):
    """A session of ONNX Runtime.

    It computes with one thread per physical core that the process may use; more threads only wait for one another.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        runtime = require_quietly("onnxruntime", "export", "running ONNX files")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = physical_cores()
        options.log_severity_level = 3
        available = runtime.get_available_providers()
        providers: list[Any] = ["CPUExecutionProvider"]
        if device.type == "cuda" and "CUDAExecutionProvider" in available:
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
        elif device.type != "cpu":
            LOGGER.warning(f"ONNX Runtime has no provider for {device}; it runs on the CPU. Installed: {available}.")
        try:
            self.session = runtime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # the runtime raises classes of its own, one per kind of damage
            raise ValueError(f"{path} is not an ONNX file that ONNX Runtime can run: {error}") from error
        self.device = device
        self.metadata = parse_metadata(_session_metadata(self.session, path), str(path))
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            shapes = ", ".join(f"{one.name} {one.shape}" for one in inputs) or "none"
            raise ValueError(f"{path}: the graph takes {shapes}; expected one input of images (B, C, H, W).")
        (self.input,) = inputs
        self.dtype = torch.float16 if "float16" in self.input.type else torch.float32

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the graph.

        Raises:
            ValueError: if the images do not have the size that the file was exported for.
        """
        fixed = [want if isinstance(want, int) else have for want, have in zip(self.input.shape, x.shape, strict=True)]
        if fixed != list(x.shape):
            raise ValueError(
                f"the ONNX file takes images of shape {tuple(self.input.shape)}, got {tuple(x.shape)}; "
                "export with dynamic=True to vary it."
            )
        images = np.ascontiguousarray(x.to("cpu", self.dtype).numpy())
        outputs = self.session.run(None, {self.input.name: images})
        return [torch.from_numpy(y).to(self.device) for y in outputs]

    def close(self) -> None:
        """Drop the session with its threads and memory."""
        self.session = None


def _session_metadata(session: Any, path: Path) -> Mapping[str, str]:
    """Return the texts that a session's file has."""
    try:
        return session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        raise MetadataError(str(path), "*", f"is no UTF-8 text ({error.reason})") from error


class OnnxFormat(ExportFormat):
    """`.onnx` files."""

    name = "onnx"
    own_nms = True
    class_maps = True
    opener = "ultralytics.nn.backends.arrays:open_onnx"
    runtimes = ("onnxruntime",)
    packages = ("onnx", "onnxslim", "onnxruntime")
    calibrated = (8,)

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Check the operator set against what the recorder and the installed `onnx` can write.

        With `dnn` the file is to be run by OpenCV, any version of it: blocks choose forms with constant kernels, sizes
        are fixed, and suppression stays outside.
        """
        plan = super().check(args, plan)
        if getattr(args, "dnn", False):
            unfit = [f"{name}=True" for name, set_ in (("dynamic", plan.any_batch), ("nms", plan.nms)) if set_]
            if unfit:
                raise ExportArgumentError(f"'dnn=True' is for OpenCV, which takes no '{unfit[0]}' file; leave one out.")
            plan = replace(plan, dynamic_form="patches")
        check_opset(plan)
        return plan

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Record, simplify, quantise, check, add metadata and write."""
        content = onnx_content(model, plan)
        with atomic_write(path) as out:
            out.write(content)
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a file."""
        try:
            return read_metadata(path)
        except MetadataError:
            raise
        except (OSError, ValueError, ImportError) as error:  # running the file will say what is wrong with it
            LOGGER.debug(f"{path}: {error}")
            return {}

    def load(
        self, path: Path, device: torch.device, half: bool = False, trust: bool = False, dnn: bool = False
    ) -> OnnxRuntime | OpenCvRuntime:
        """Open a file, with `dnn` by OpenCV; its precision is that of its graph."""
        return OpenCvRuntime(path, device) if dnn else OnnxRuntime(path, device)


def check_opset(plan: ExportPlan) -> None:
    """Check an operator set against what the network needs and what the recorder and the installed `onnx` can write.

    Raises:
        ExportArgumentError: it is out of range.
    """
    newest = min(20, require("onnx", "export", "ONNX export").defs.onnx_opset_version())
    oldest = max(MIN_OPSET_8_BITS if plan.precision == 8 else MIN_OPSET, plan.min_opset)
    if plan.opset is not None and not oldest <= plan.opset <= newest:
        raise ExportArgumentError(
            f"'opset={plan.opset}' is out of range; this model allows {oldest} to {newest}, best {best_opset()}."
        )


def onnx_content(model: nn.Module, plan: ExportPlan, types: Collection[str] = TYPES) -> bytes:
    """Return a prepared model as a checked ONNX file, for the format itself and for those that are converted from it.

    Args:
        model: prepared for the plan's target, in evaluation mode.
        plan: what to record; its metadata goes into the file. With calibration pictures the graph is in 8 bits.
        types: kinds of nodes that the runtime is faster with in 8 bits.
    """
    onnx = require("onnx", "export", "ONNX export")
    graph = onnx.load_from_string(_record(model, plan))
    if plan.simplify:
        graph = _simplified(graph, onnx)
    if plan.half and plan.device.type == "cpu":
        _store_half(graph, onnx)
    elif plan.pictures is not None:
        graph = quantized(graph, plan.pictures(), model, types)
    graph.ir_version = min(graph.ir_version, MAX_IR)
    for key, value in plan.metadata.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, str(value)
    content = graph.SerializeToString()
    onnx.checker.check_model(content)
    return content


class _FloatIO(nn.Module):
    """A half-precision network with float32 inputs and outputs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.half()

    def forward(self, x: torch.Tensor) -> Any:
        y = self.model(x.half())
        return y.float() if isinstance(y, torch.Tensor) else tuple(part.float() for part in y)


def free_axes(plan: ExportPlan) -> dict[str, dict[int, str]] | None:
    """Return the names of the axes that stay free, by input and output, or None for a fixed graph."""
    if not plan.any_batch:
        return None
    if plan.free_batch:
        return {name: {0: "batch"} for name in ("images", *plan.outputs)}
    if plan.class_maps:
        axes = {name: {0: "batch", 1: "height", 2: "width"} for name in plan.outputs}
        return {"images": {0: "batch", 2: "height", 3: "width"}, **axes}
    fixed_rows = plan.nms or plan.final_rows
    by_rank = {
        2: {0: "batch"},
        3: {0: "batch"} if fixed_rows else {0: "batch", 2: "anchors"},
        4: {0: "batch", 2: "mask_height", 3: "mask_width"},
    }
    axes = {name: by_rank.get(rank, {0: "batch"}) for name, rank in zip(plan.outputs, plan.ranks, strict=True)}
    return {"images": {0: "batch", 2: "height", 3: "width"}, **axes}


def _record(model: nn.Module, plan: ExportPlan) -> bytes:
    """Return the serialised graph of one forward pass."""
    model = _FloatIO(model) if plan.half and plan.device.type != "cpu" else model
    image = torch.zeros(plan.batch, plan.channels, *plan.imgsz, device=plan.device)
    buffer = io.BytesIO()
    extra = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the recorder warns about itself and about every shape that it fixes
        torch.onnx.export(
            model,
            (image,),
            buffer,
            opset_version=plan.opset or best_opset(),
            do_constant_folding=True,
            input_names=["images"],
            output_names=list(plan.outputs),
            dynamic_axes=free_axes(plan),
            **extra,
        )
    return buffer.getvalue()


def _simplified(graph: Any, onnx: Any) -> Any:
    """Return the graph without redundant nodes; where the tool is missing or fails, the graph as it is.

    The tool needs to know the shapes. Its own way of finding them, by algebra and after every pass, takes longer than
    all the rest of an export; that of `onnx`, once and before, leaves the same nodes.
    """
    try:
        onnxslim = require_quietly("onnxslim", "export")  # it imports ONNX Runtime
    except ImportError:
        LOGGER.warning(
            "onnxslim is not installed, so the graph is not simplified; run: pip install 'ultralytics[export]'"
        )
        return graph
    try:
        shaped = onnx.shape_inference.infer_shapes(graph, data_prop=True)
        with silence():
            return onnxslim.slim(shaped, no_shape_infer=True)
    except Exception as error:  # a cosmetic step must not cost the export
        LOGGER.warning(f"the graph could not be simplified ({error}); it is written as recorded.")
        return graph


def _store_half(graph: Any, onnx: Any) -> None:
    """Keep large float32 weights as float16 with a Cast in front of their readers, in place."""
    casts = []
    for tensor in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 256 or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], f"{name}_cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def read_metadata(path: str | Path) -> Mapping[str, Any]:
    """Return the parsed metadata of a file without opening a session."""
    return parse_metadata(onnx_metadata(path), str(path))


__getattr__, __dir__ = offer(__name__, {"ONNXBackend": "ultralytics.nn.backends.single:ONNXBackend"})
