"""OpenVINO: a folder with the graph (.xml), the weights (.bin) and the metadata, converted from this package's ONNX.

On processors with bfloat16 OpenVINO computes in it unless told otherwise, which moves boxes by a pixel. Here it
computes in float32 unless half precision is asked for. A file of half precision stores its weights in 16 bits. One of
8 bits is converted from the ONNX file of 8 bits, which makes them as good and as fast as OpenVINO's own tools (NNCF)
with the same nodes left in float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.backends.arrays import physical_cores
from ultralytics.nn.backends.base import ExportArgumentError, ExportFormat, ExportPlan, Runtime
from ultralytics.nn.backends.metadata import MetadataError, parse_metadata, read_beside, write_beside
from ultralytics.nn.backends.onnx import onnx_content
from ultralytics.utils.files import atomic_folder
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.silence import require_quietly
from ultralytics.utils.text import printable

__all__ = ["OpenVinoFormat", "OpenVinoRuntime"]

IN_8_BITS = ("Conv",)  # it is slower where activations and what passes them on are told to be in 8 bits too
INFO = "model_info"  # section of the .xml with the same, for a graph that is taken out of its folder


class OpenVinoRuntime(Runtime):
    """A compiled network, on the processor.

    It computes with one thread per physical core that the process may use, as ONNX Runtime does here.

    Args:
        path: the folder.
        device: where outputs are returned.
        half: let OpenVINO choose the precision that is fastest on this processor.

    Raises:
        ValueError: a part is missing or damaged, the graph takes something else than images, or metadata is wrong.
    """

    def __init__(self, path: Path, device: torch.device, half: bool = False) -> None:
        openvino = _openvino("running OpenVINO files")
        if device.type != "cpu":
            LOGGER.warning(f"OpenVINO runs on the CPU here, not on {device}.")
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": physical_cores()}
        if not half:
            options["INFERENCE_PRECISION_HINT"] = "f32"
        core = openvino.Core()
        graph = _read(core, path)
        self.metadata = _metadata(path, graph)
        self.shape = _input_shape(graph, path)
        try:
            self.compiled = core.compile_model(graph, "CPU", options)
        except RuntimeError as error:
            raise ValueError(f"OpenVINO {openvino.__version__} cannot run {path}: {_reason(error)}") from error
        self.device = device

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Run the network.

        Raises:
            ValueError: if the images do not have the size that the file was exported for.
        """
        if any(want and want != have for want, have in zip(self.shape, x.shape, strict=True)):
            wanted = ", ".join(str(side or "any") for side in self.shape)
            raise ValueError(
                f"the OpenVINO file takes images of shape ({wanted}), got {tuple(x.shape)}; "
                "export with dynamic=True to vary it."
            )
        images = np.ascontiguousarray(x.to("cpu", torch.float32).numpy())
        outputs = self.compiled.infer_new_request([images])  # threads share the network, not a request of it
        return [torch.from_numpy(y).to(self.device) for y in outputs.to_tuple()]

    def close(self) -> None:
        """Drop the network with its threads and memory."""
        self.compiled = None


class OpenVinoFormat(ExportFormat):
    """`_openvino_model` folders."""

    name = "openvino"
    own_nms = True
    class_maps = True
    opener = "ultralytics.nn.backends.arrays:open_openvino"
    runtimes = ("openvino",)
    packages = ("onnx", "onnxslim", "openvino")
    calibrated = (8,)

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Refuse what OpenVINO computes wrongly: 8 bits with free height and width (seen with 2026.4)."""
        plan = super().check(args, plan)
        if plan.precision == 8 and plan.dynamic:
            raise ExportArgumentError(
                "'dynamic=True' with quantize=8 is not possible for format='openvino', which computes wrong scores in "
                "8 bits where height and width are free; use dynamic='batch', or format='onnx'."
            )
        return plan

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Convert the model's ONNX file and write the folder.

        The conversion gets float32 or 8 bits; it is the writer that stores weights in 16 bits, apart from those that
        lose by it.
        """
        openvino = _openvino("OpenVINO export")
        content = onnx_content(model, replace(plan, precision=32, metadata={}), IN_8_BITS)
        graph = openvino.Core().read_model(content)
        for key, value in plan.metadata.items():
            graph.set_rt_info(str(value), [INFO, key])
        with atomic_folder(path) as folder:
            file = folder / f"{path.name.removesuffix(self.facts.suffix)}.xml"
            openvino.save_model(graph, str(file), compress_to_fp16=plan.half)
            write_beside(folder, plan.metadata)
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a folder."""
        try:
            beside = read_beside(path)
            return _inside(_read(_openvino("reading OpenVINO files").Core(), path), path) if beside is None else beside
        except MetadataError:
            raise
        except (OSError, ValueError, ImportError) as error:  # running the file will say what is wrong with it
            LOGGER.debug(f"{path}: {error}")
            return {}

    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> OpenVinoRuntime:
        """Open a folder; with `half` it is computed in what is fastest here, be its weights stored in 16 bits or 32."""
        return OpenVinoRuntime(path, device, half)


def _openvino(why: str) -> ModuleType:
    """Import OpenVINO without its telemetry and return the module.

    Args:
        why: what needs it.

    Raises:
        ImportError: it is not installed.
    """
    return require_quietly("openvino", "openvino", why)


def _read(core: Any, path: Path) -> Any:
    """Return the graph of a folder with its weights.

    Raises:
        ValueError: a part is missing, or it is no graph that OpenVINO can read.
    """
    if not path.is_dir():
        raise ValueError(f"{path} is a file; an OpenVINO model is a folder with an .xml and a .bin file.")
    graphs = sorted(file for file in path.glob("*.xml") if not file.name.startswith("."))
    if len(graphs) != 1:
        found = ", ".join(printable(file.name, 60) for file in graphs[:5]) or "none"
        raise ValueError(f"{path} should have one .xml file, the graph, and has {found}; export the model again.")
    (graph,) = graphs
    weights = graph.with_suffix(".bin")
    if not weights.is_file():
        raise ValueError(f"{path} has no '{weights.name}', the weights of '{graph.name}'; export the model again.")
    try:
        return core.read_model(str(graph), str(weights))
    except RuntimeError as error:
        raise ValueError(
            f"{graph} with '{weights.name}' is not a model that OpenVINO can read: {_reason(error)}"
        ) from error


def _metadata(path: Path, graph: Any) -> dict[str, Any]:
    """Return the checked metadata of a folder: those of the file beside the graph, without it those inside."""
    beside = read_beside(path)
    return _inside(graph, path) if beside is None else beside


def _inside(graph: Any, path: Path) -> dict[str, Any]:
    """Return what a graph says about itself."""
    if not graph.has_rt_info([INFO]):
        return {}
    info = graph.get_rt_info([INFO]).value
    return parse_metadata(info, str(path)) if isinstance(info, Mapping) else {}


def _input_shape(graph: Any, path: Path) -> list[int]:
    """Return the shape of the graph's input; 0 for an axis that is free.

    Raises:
        ValueError: it has other inputs than one of images.
    """
    shapes = [value.partial_shape for value in graph.inputs]
    if len(shapes) != 1 or shapes[0].rank.is_dynamic or len(shapes[0]) != 4:
        found = ", ".join(map(str, shapes)) or "none"
        raise ValueError(f"{path}: the graph takes {found}; expected one input of images (B, C, H, W).")
    return [0 if axis.is_dynamic else axis.get_length() for axis in shapes[0]]


def _reason(error: RuntimeError) -> str:
    """Return what went wrong: the last line of the message, those before tell places in OpenVINO's source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[-1], 300) if lines else type(error).__name__


__getattr__, __dir__ = offer(__name__, {"OpenVINOBackend": "ultralytics.nn.backends.single:OpenVINOBackend"})
