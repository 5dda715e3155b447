"""Running an exported file with numpy and its own runtime, nothing else: a function from images to outputs.

The process that checks a fresh export starts in a tenth of a second because nothing here imports torch. Images are
(B, C, H, W), float32, RGB in 0..1; outputs come in the order of the graph.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ultralytics.utils.env import cpu_count
from ultralytics.utils.silence import require_quietly

__all__ = [
    "ExecuTorchFolder",
    "LiteRtFile",
    "MnnFile",
    "NcnnFolder",
    "Run",
    "one_file",
    "open_onnx",
    "open_openvino",
    "physical_cores",
]

Run = Callable[[np.ndarray], list[np.ndarray]]


def physical_cores() -> int:
    """Return how many physical cores this process may use."""
    return max(1, min(cpu_count(), psutil.cpu_count(logical=False) or cpu_count()))


def one_file(folder: Path, pattern: str, what: str) -> Path:
    """Return the one file of a folder that fits a pattern.

    Args:
        folder: the exported model.
        pattern: for its name.
        what: what the file is.

    Raises:
        ValueError: there is none, or several, or the folder is a file.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file; a model of this format is a folder.")
    found = sorted(file for file in folder.glob(pattern) if not file.name.startswith("."))
    if len(found) != 1:
        names = ", ".join(ascii(file.name) for file in found[:5]) or "none"
        raise ValueError(f"{folder} should have one file '{pattern}', {what}, and has {names}; export the model again.")
    return found[0]


def open_onnx(path: str | Path) -> Run:
    """Open an ONNX file by ONNX Runtime, on the processor."""
    runtime = require_quietly("onnxruntime", "export", "running ONNX files")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    kind = np.float16 if "float16" in image.type else np.float32
    return lambda x: session.run(None, {image.name: x.astype(kind)})


def open_openvino(path: str | Path) -> Run:
    """Open an OpenVINO folder, to compute in float32 on the processor."""
    openvino = require_quietly("openvino", "openvino", "running OpenVINO files")
    (graph,) = Path(path).glob("*.xml")
    hints: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(graph), "CPU", hints)
    return lambda x: list(compiled([x]).to_tuple())


class MnnFile:
    """An MNN file on the processor; calling it runs it.

    Attributes:
        text: what the file carries beside the network, for this package its metadata.

    Args:
        path: the file.
        half: compute in 16 bits where the processor can.

    Raises:
        ValueError: no MNN file, or one that takes something else than images.
    """

    def __init__(self, path: str | Path, half: bool = False) -> None:
        mnn = require_quietly("MNN", "mnn", "running MNN files")
        if not Path(path).is_file():
            raise ValueError(f"{path} is a folder; an MNN model is a file.")
        options = {"backend": "CPU", "precision": "low" if half else "high", "numThread": physical_cores()}
        self._manager = mnn.nn.create_runtime_manager((options,))
        try:
            self._net = mnn.nn.load_module_from_file(str(path), [], [], runtime_manager=self._manager, rearrange=True)
        except (SystemError, RuntimeError, ValueError) as error:  # the first where it returns nothing at all
            raise ValueError(f"{path} is not a file that MNN {mnn.version()} can read.") from error
        self._expr = mnn.expr
        facts = self._net.get_info()
        self.text = str(facts.get("bizCode") or "")
        inputs = facts["inputs"]
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            shapes = ", ".join(str(one.shape) for one in inputs) or "none"
            raise ValueError(f"{path}: the network takes {shapes}; expected one input of images (B, C, H, W).")

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """Run the network on images (B, C, H, W)."""
        expr = self._expr
        given = expr.const(np.ascontiguousarray(images), list(images.shape), expr.NCHW)
        outputs = (expr.convert(y, expr.NCHW) for y in self._net.onForward([given]))
        return [np.array(y.read(), copy=True).reshape(y.shape) for y in outputs]


def _openmp_threads() -> int:
    """Return how many threads OpenMP may start: as many as the environment says, else one for each physical core."""
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(physical_cores(), int(given)) if given.isdecimal() and int(given) else physical_cores()


class NcnnFolder:
    """An ncnn network on the processor; calling it runs it, one image after the other.

    Args:
        path: the folder.

    Raises:
        ValueError: a part is missing or damaged, or the network takes something else than images.
    """

    def __init__(self, path: str | Path) -> None:
        ncnn = require_quietly("ncnn", "ncnn", "running ncnn folders")
        layers = one_file(Path(path), "*.param", "the layers")
        weights = layers.with_suffix(".bin")
        if not weights.is_file():
            raise ValueError(f"{path} has no '{weights.name}', the weights; export the model again.")
        self._mat = ncnn.Mat
        self._net = ncnn.Net()
        self._net.opt.use_vulkan_compute = False
        self._net.opt.num_threads = _openmp_threads()
        # Going on after one of these fails would end the process.
        if self._net.load_param(str(layers)) or self._net.load_model(str(weights)):
            raise ValueError(f"{layers} with '{weights.name}' is not a network that ncnn {ncnn.__version__} can read.")
        self._inputs, self._outputs = list(self._net.input_names()), sorted(self._net.output_names())
        if len(self._inputs) != 1 or not self._outputs:
            raise ValueError(f"{path}: the network takes {self._inputs or 'nothing'}; expected one input of images.")

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """Run the network on images (B, C, H, W)."""
        each = [self._one(image) for image in images]
        return [np.stack(parts) for parts in zip(*each, strict=True)]

    def _one(self, image: np.ndarray) -> Sequence[np.ndarray]:
        found = []
        with self._net.create_extractor() as extractor:
            extractor.input(self._inputs[0], self._mat(np.ascontiguousarray(image, np.float32)).clone())
            for name in self._outputs:
                status, y = extractor.extract(name)
                if status:
                    raise ValueError(f"ncnn cannot compute '{name}' (status {status}); export the model again.")
                found.append(np.array(y))
        return found


class LiteRtFile:
    """A LiteRT file on the processor; calling it runs it.

    Attributes:
        shape: of the images, (B, C, H, W).

    Args:
        path: the file.

    Raises:
        ValueError: no LiteRT file, or one that takes something else than images.
    """

    def __init__(self, path: str | Path) -> None:
        package = require_quietly("ai_edge_litert.interpreter", "litert", "running LiteRT files")
        if not Path(path).is_file():
            raise ValueError(f"{path} is a folder; a LiteRT model is a file.")
        try:
            self._net = package.Interpreter(model_path=str(path), num_threads=physical_cores())
            self._net.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{path} is not a file that LiteRT can read: {str(error)[:300]}") from error
        inputs = self._net.get_input_details()
        if len(inputs) != 1 or len(inputs[0]["shape"]) != 4:
            shapes = ", ".join(str(list(one["shape"])) for one in inputs) or "none"
            raise ValueError(f"{path}: the graph takes {shapes}; expected one input of images (B, C, H, W).")
        self._input = inputs[0]["index"]
        self._outputs = [one["index"] for one in sorted(self._net.get_output_details(), key=lambda one: one["name"])]
        self.shape = tuple(map(int, inputs[0]["shape"]))

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """Run the network on images (B, C, H, W)."""
        self._net.set_tensor(self._input, np.ascontiguousarray(images, np.float32))
        self._net.invoke()
        return [self._net.get_tensor(index).copy() for index in self._outputs]


class ExecuTorchFolder:
    """An ExecuTorch program on the processor; calling it runs it. (Its runtime takes tensors of torch, and imports it.)

    Args:
        path: the folder.

    Raises:
        ValueError: the program is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        runtime = require_quietly("executorch.runtime", "executorch", "running ExecuTorch folders")
        self._torch = require_quietly("torch")
        file = one_file(Path(path), "*.pte", "the program")
        try:
            self._program = runtime.Runtime.get().load_program(file.read_bytes())
            self._method = self._program.load_method("forward")
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{file} is not a program that ExecuTorch can read: {str(error)[:300]}") from error

    def __call__(self, images: np.ndarray) -> list[np.ndarray]:
        """Run the program on images (B, C, H, W)."""
        outputs = self._method.execute([self._torch.from_numpy(np.ascontiguousarray(images, np.float32))])
        return [y.numpy().copy() for y in outputs]
