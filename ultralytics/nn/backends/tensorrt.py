"""TensorRT: an engine that is built for one kind of GPU, from this package's ONNX.

From TensorRT 11 on networks are strongly typed: the graph says in which precision it is computed, so half precision is
an ONNX file in float16. Versions 8.5 to 10 get the float32 file and a flag. Dynamic convolutions are exported as
patches, with constant kernels. The file starts with the length of the metadata in four bytes and the metadata as JSON.

Nothing here has run on a GPU yet: what is tested is every call up to the builder's, and the runtime's, by a stand-in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ultralytics.nn.backends.base import ExportArgumentError, ExportFormat, ExportPlan, Runtime
from ultralytics.nn.backends.metadata import MAX_JSON_CHARS, MetadataError, parse_metadata_json
from ultralytics.nn.backends.onnx import check_opset, onnx_content
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.device import select_device
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["TensorRtFormat", "TensorRtRuntime", "build_engine", "split_engine"]

LENGTH = 4  # bytes of the metadata's length
LEAST_SIDE = 32  # pixels, where height and width are free
LEAST_MOST = 16  # images that an engine of a free batch takes at least


class TensorRtRuntime(Runtime):
    """An engine on a GPU.

    Args:
        path: the file.
        device: the GPU.

    Raises:
        ValueError: no engine, one for another GPU or version of TensorRT, or wrong metadata.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        tensorrt = require("tensorrt", "", "running TensorRT engines")
        if device.type != "cuda":
            raise ValueError(f"{path} is a TensorRT engine, which runs on the GPU that it was built on: device=0.")
        text, content = split_engine(path)
        self.metadata = parse_metadata_json(text, str(path), "metadata") if text else {}
        self._runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
        self.engine = self._runtime.deserialize_cuda_engine(content)
        if self.engine is None:
            raise ValueError(
                f"{path} is not an engine that TensorRT {tensorrt.__version__} can run on this GPU; export it here."
            )
        self.context = self.engine.create_execution_context()
        names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
        inputs = [name for name in names if self.engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT]
        if len(inputs) != 1:
            raise ValueError(f"{path}: the engine takes {', '.join(inputs) or 'nothing'}; expected images alone.")
        self.input, self.outputs = inputs[0], sorted(name for name in names if name not in inputs)
        self.device, self._types = device, _torch_types(tensorrt)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the engine.

        Raises:
            ValueError: if the images do not have a size that the engine was built for.
        """
        images = x.to(self.device, self._types[self.engine.get_tensor_dtype(self.input)]).contiguous()
        if not self.context.set_input_shape(self.input, tuple(images.shape)):
            shape = tuple(self.engine.get_tensor_shape(self.input))
            raise ValueError(
                f"the engine takes images of shape {shape}, got {tuple(x.shape)}; see its batch and imgsz."
            )
        outputs = [self._room(name) for name in self.outputs]
        for name, tensor in zip((self.input, *self.outputs), (images, *outputs), strict=True):
            self.context.set_tensor_address(name, tensor.data_ptr())
        stream = torch.cuda.current_stream(self.device) if self.device.type == "cuda" else None
        if not self.context.execute_async_v3(stream.cuda_stream if stream else 0):
            raise RuntimeError("TensorRT could not run the engine.")
        return outputs

    def _room(self, name: str) -> torch.Tensor:
        """Return an empty tensor for an output, of the shape that the input decides."""
        shape = tuple(self.context.get_tensor_shape(name))
        return torch.empty(shape, dtype=self._types[self.engine.get_tensor_dtype(name)], device=self.device)

    def close(self) -> None:
        """Drop the engine with its memory."""
        self.context = self.engine = self._runtime = None


class TensorRtFormat(ExportFormat):
    """`.engine` files."""

    name = "engine"
    own_nms = True
    packages = ("onnx", "onnxslim", "tensorrt")

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Check the operator set; without a named device take the first GPU."""
        plan = super().check(args, plan)
        check_opset(plan)
        if plan.device.type != "cuda" and args.device is None and torch.cuda.is_available():
            LOGGER.warning("TensorRT builds on a GPU; taking device=0.")
            plan = replace(plan, device=torch.device("cuda:0"))
        return replace(plan, workspace=args.workspace)

    def check_installed(self, args: Any) -> None:
        """Check that TensorRT and a GPU are there.

        Raises:
            ExportArgumentError: a device that is no GPU.
            ImportError: TensorRT is not installed.
        """
        require("tensorrt", "", "TensorRT export")
        named = args.device is not None and torch.device(select_device(args.device, verbose=False)).type != "cuda"
        if named or not torch.cuda.is_available():
            raise ExportArgumentError(
                f"'device={args.device}' cannot build a TensorRT engine, which is made on the GPU that will run "
                "it: device=0 on a machine with one. format='onnx' gives the file that NVIDIA's trtexec takes."
            )

    def dynamic_form(self, plan: ExportPlan) -> str:
        """Constant kernels, which every version parses."""
        return "patches"

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Build the engine from the model's ONNX file, and write it behind the metadata."""
        tensorrt = require("tensorrt", "", "TensorRT export")
        typed = version_of(tensorrt) >= 11
        recorded = plan if typed else replace(plan, precision=32)
        content = build_engine(tensorrt, onnx_content(model, replace(recorded, metadata={})), plan)
        text = json.dumps(dict(plan.metadata)).encode()
        path.write_bytes(len(text).to_bytes(LENGTH, "little") + text + bytes(content))
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a file."""
        try:
            text, _ = split_engine(path)
            return parse_metadata_json(text, str(path), "metadata") if text else {}
        except MetadataError:
            raise
        except (OSError, ValueError):  # running the file will say what is wrong with it
            return {}

    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> TensorRtRuntime:
        """Open a file; its precision is that of the engine."""
        return TensorRtRuntime(path, device)


def version_of(tensorrt: ModuleType) -> int:
    """Return the first number of TensorRT's version."""
    return int(str(tensorrt.__version__).partition(".")[0])


def build_engine(tensorrt: ModuleType, content: bytes, plan: ExportPlan) -> Any:
    """Return the serialised engine of an ONNX file.

    Args:
        tensorrt: the package.
        content: the ONNX file; from version 11 on its types are those of the engine.
        plan: batch, sizes, precision and working memory.

    Raises:
        RuntimeError: TensorRT cannot parse the file, or builds nothing.
    """
    version = version_of(tensorrt)
    logger = tensorrt.Logger(tensorrt.Logger.WARNING)
    builder = tensorrt.Builder(logger)
    explicit = 1 << int(tensorrt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH) if version < 10 else 0
    network = builder.create_network(explicit)
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse(content):
        faults = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise RuntimeError(f"TensorRT {tensorrt.__version__} cannot read the ONNX file: {faults}")
    config = builder.create_builder_config()
    if plan.workspace:
        config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, int(plan.workspace * 2**30))
    if plan.half and version < 11:
        config.set_flag(tensorrt.BuilderFlag.FP16)
    if plan.any_batch:
        profile = builder.create_optimization_profile()
        shapes = profile_shapes(plan)
        profile.set_shape("images", *shapes)
        config.add_optimization_profile(profile)
        LOGGER.info(
            f"the engine takes images of shapes from {shapes[0]} to {shapes[2]}; batch= and imgsz= choose them."
        )
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise RuntimeError(f"TensorRT {tensorrt.__version__} built no engine; its messages above say why.")
    return engine


def profile_shapes(plan: ExportPlan) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the smallest, the usual and the largest shape (B, C, H, W) of an engine whose batch or size is free."""
    (height, width), channels = plan.imgsz, plan.channels
    least = (LEAST_SIDE, LEAST_SIDE) if plan.dynamic else (height, width)
    most = (2 * height, 2 * width) if plan.dynamic else (height, width)
    batch = max(LEAST_MOST, 2 * plan.batch)
    return (1, channels, *least), (plan.batch, channels, height, width), (batch, channels, *most)


def split_engine(path: Path) -> tuple[str, bytes]:
    """Return the metadata text and the engine of a file; the text is empty where the file has none.

    Raises:
        MetadataError: the text is no UTF-8.
    """
    content = path.read_bytes()
    size = int.from_bytes(content[:LENGTH], "little")
    text = content[LENGTH : LENGTH + size]
    if not 2 <= size <= MAX_JSON_CHARS or len(text) < size or not text.startswith(b"{"):
        return "", content
    try:
        return text.decode("utf-8"), content[LENGTH + size :]
    except UnicodeDecodeError as error:
        raise MetadataError(str(path), "metadata", f"is no UTF-8 text ({error.reason})") from error


def _torch_types(tensorrt: ModuleType) -> dict[Any, torch.dtype]:
    kinds = tensorrt.DataType
    types = {kinds.FLOAT: torch.float32, kinds.HALF: torch.float16, kinds.INT32: torch.int32, kinds.BOOL: torch.bool}
    further = {"INT64": torch.int64, "UINT8": torch.uint8, "INT8": torch.int8}
    return types | {getattr(kinds, name): kind for name, kind in further.items() if hasattr(kinds, name)}


__getattr__, __dir__ = offer(__name__, {"TensorRTBackend": "ultralytics.nn.backends.single:TensorRTBackend"})
