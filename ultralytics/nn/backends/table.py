"""Every export format's facts, one row each: names, suffix, devices, accepted arguments, precisions, import path.

Plain data, so that the CLI can list formats and a path can be recognised without importing torch or any runtime. A
row without a `home` is a known format that this package cannot write or run yet.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ultralytics.utils.triton_address import is_triton_url

__all__ = [
    "FORMATS",
    "FP16_FORMATS",
    "FP32_UNSUPPORTED_FORMATS",
    "INT8_FORMATS",
    "QUANTIZE_PRECISIONS",
    "W8A16_FORMATS",
    "W8A32_FORMATS",
    "FormatFacts",
    "export_formats",
    "find_format",
    "format_of",
    "refusal",
    "resolve_format_name",
]

Precision = int | str


@dataclass(frozen=True)
class FormatFacts:
    """One export format.

    Attributes:
        name: value of the `format` argument; `-` for the package's own checkpoints.
        title: display name.
        suffix: end of the file or folder name.
        cpu: runs on processors.
        gpu: runs on GPUs.
        args: export-only arguments that it accepts.
        env: public name of the environment it is tested in.
        precisions: weights that this package can write, or the format can store where it is not built.
        unbuilt: further ones that the format can store and this package cannot write.
        remote: paths are addresses of models on a server.
        aliases: further values of the `format` argument.
        home: `package.module:Class`, or None where the format is not built.
    """

    name: str
    title: str
    suffix: str
    cpu: bool
    gpu: bool
    args: tuple[str, ...] = ()
    env: str = "base"
    precisions: tuple[Precision, ...] = (32,)
    aliases: tuple[str, ...] = ()
    home: str | None = None
    unbuilt: tuple[Precision, ...] = ()
    remote: bool = False


def _row(
    name: str,
    title: str,
    suffix: str,
    devices: str,
    args: str = "",
    env: str = "base",
    precisions: tuple[Precision, ...] = (32,),
    aliases: str = "",
    home: str | None = None,
    unbuilt: tuple[Precision, ...] = (),
) -> FormatFacts:
    return FormatFacts(
        name,
        title,
        suffix,
        "cpu" in devices,
        "gpu" in devices,
        tuple(args.split()),
        env,
        precisions,
        tuple(aliases.split()),
        home,
        unbuilt,
    )


_HERE = "ultralytics.nn.backends"
_ROWS = (
    _row("-", "PyTorch", ".pt", "cpu gpu", precisions=(32, 16), home=f"{_HERE}.pytorch:PyTorchFormat"),
    _row(
        "torchscript",
        "TorchScript",
        ".torchscript",
        "cpu gpu",
        "batch quantize nms dynamic",
        precisions=(32, 16),
        home=f"{_HERE}.torchscript:TorchScriptFormat",
    ),
    _row(
        "onnx",
        "ONNX",
        ".onnx",
        "cpu gpu",
        "batch data dynamic quantize opset simplify nms fraction",
        precisions=(32, 16, 8),
        home=f"{_HERE}.onnx:OnnxFormat",
    ),
    _row(
        "openvino",
        "OpenVINO",
        "_openvino_model",
        "cpu",
        "batch data dynamic quantize nms fraction",
        precisions=(32, 16, 8),
        home=f"{_HERE}.openvino:OpenVinoFormat",
    ),
    _row(
        "engine",
        "TensorRT",
        ".engine",
        "gpu",
        "batch data dynamic quantize opset simplify workspace nms fraction",
        precisions=(32, 16),
        aliases="tensorrt trt",
        home=f"{_HERE}.tensorrt:TensorRtFormat",
        unbuilt=(8,),
    ),
    _row(
        "coreml",
        "CoreML",
        ".mlpackage",
        "cpu",
        "batch dynamic quantize nms",
        "coreml",
        (32, 16, 8),
        "mlmodel mlpackage mlprogram apple ios",
        home=f"{_HERE}.coreml:CoreMlFormat",
        unbuilt=("w8a16",),
    ),
    _row("coreai", "Core AI", ".aimodel", "cpu", "batch quantize", precisions=(32, 16)),
    _row(
        "saved_model",
        "TensorFlow SavedModel",
        "_saved_model",
        "cpu gpu",
        "batch data fraction quantize opset nms",
        "tensorflow",
        (32, 8),
    ),
    _row("pb", "TensorFlow GraphDef", ".pb", "cpu gpu", "batch opset", "tensorflow"),
    _row(
        "edgetpu", "TensorFlow Edge TPU", "_edgetpu.tflite", "cpu", "data fraction quantize opset", "tensorflow", (8,)
    ),
    _row(
        "litert",
        "LiteRT",
        ".tflite",
        "cpu",
        "batch quantize data fraction",
        "litert",
        (32, "w8a32"),
        "tflite tfjs",
        home=f"{_HERE}.litert:LiteRtFormat",
        unbuilt=(8, "w8a16"),
    ),
    _row("paddle", "PaddlePaddle", "_paddle_model", "cpu gpu", "batch"),
    _row(
        "mnn",
        "MNN",
        ".mnn",
        "cpu gpu",
        "batch dynamic quantize opset simplify nms",
        "mnn",
        (32, 16, 8),
        home=f"{_HERE}.mnn:MnnFormat",
    ),
    _row(
        "ncnn",
        "NCNN",
        "_ncnn_model",
        "cpu gpu",
        "batch quantize",
        "ncnn",
        (32, 16),
        home=f"{_HERE}.ncnn:NcnnFormat",
    ),
    _row("imx", "IMX", "_imx_model", "cpu gpu", "data quantize fraction nms", "isolated-imx", (8,)),
    _row(
        "rknn",
        "RKNN",
        "_rknn_model",
        "",
        "batch name quantize opset simplify data fraction",
        "isolated-rknn",
        (16, 8),
    ),
    _row(
        "executorch",
        "ExecuTorch",
        "_executorch_model",
        "cpu",
        "batch",
        "executorch",
        home=f"{_HERE}.executorch:ExecuTorchFormat",
    ),
    _row("axelera", "Axelera AI", "_axelera_model", "", "batch quantize fraction data", "isolated-axelera", (8,)),
    _row("deepx", "DEEPX", "_deepx_model", "", "data quantize opset simplify optimize", "isolated-deepx", (8,)),
    _row(
        "qnn",
        "Qualcomm QNN",
        "_qnn.onnx",
        "",
        "batch name quantize opset simplify fraction data",
        "qnn",
        ("w8a16",),
    ),
    _row("hailo", "Hailo", "_hailo_model", "", "name quantize data fraction simplify conf iou", precisions=(8,)),
    _row(
        "ascend",
        "Huawei Ascend",
        "_ascend_model",
        "",
        "batch name quantize opset simplify nms",
        precisions=(16,),
        aliases="huawei cann om",
    ),
    _row(
        "xilinx",
        "AMD Xilinx",
        "_xilinx_model",
        "cpu",
        "name quantize data fraction opset simplify",
        "isolated-xilinx",
        (8,),
        "vitis vitisai versal",
    ),
)

# Formats beside those of the public interface: every argument and function takes them, and the public table and the
# public sets of names, which other programs compare, stay as they are.
_FURTHER = (
    _row(
        "pt2",
        "torch.export",
        ".pt2",
        "cpu gpu",
        "batch dynamic quantize nms",
        precisions=(32, 16),
        home=f"{_HERE}.torch_export:TorchExportFormat",
    ),
)
_ALL = (*_ROWS, *_FURTHER)
# Not a kind of file, and nothing that an export makes.
TRITON = FormatFacts("triton", "Triton", "", True, True, home=f"{_HERE}.triton:TritonFormat", remote=True)

FORMATS: Mapping[str, FormatFacts] = {row.name: row for row in _ALL}


def _storing(precision: Precision) -> frozenset[str]:
    return frozenset(row.name for row in _ROWS[1:] if precision in (*row.precisions, *row.unbuilt))


# Public names: what the formats themselves can store, whether or not it is built here.
FP16_FORMATS, INT8_FORMATS = _storing(16), _storing(8)
W8A16_FORMATS, W8A32_FORMATS = _storing("w8a16"), _storing("w8a32")
FP32_UNSUPPORTED_FORMATS = frozenset(row.name for row in _ROWS[1:]) - _storing(32)
QUANTIZE_PRECISIONS = (
    ("16 (FP16)", FP16_FORMATS),
    ("8 (INT8)", INT8_FORMATS),
    ("'w8a16' (INT8 weights + INT16 activations)", W8A16_FORMATS),
    ("'w8a32' (dynamic INT8)", W8A32_FORMATS),
)


def export_formats() -> dict[str, tuple]:
    """Return the public table of formats, column by column: Format, Argument, Suffix, CPU, GPU, Arguments, Env.

    It has the rows of the published interface; `FORMATS` has those of this package beside them.
    """
    columns = {
        "Format": [row.title for row in _ROWS],
        "Argument": [row.name for row in _ROWS],
        "Suffix": [row.suffix for row in _ROWS],
        "CPU": [row.cpu for row in _ROWS],
        "GPU": [row.gpu for row in _ROWS],
        "Arguments": [list(row.args) for row in _ROWS],
        "Env": [row.env for row in _ROWS],
    }
    return {name: tuple(values) for name, values in columns.items()}


def resolve_format_name(name: str) -> tuple[str, bool]:
    """Return a format's own name for anything a user may write, and whether it was only the closest match.

    Args:
        name: format, alias or suffix such as `.onnx`, in any case.

    Raises:
        ValueError: for `pt`, which is the model itself, and for names that resemble none.
    """
    text = str(name).strip().lower().removeprefix(".")
    known = {alias: row.name for row in _ALL[1:] for alias in (row.name, *row.aliases, row.suffix.lstrip("._"))}
    if text in known:
        return known[text], False
    names = ", ".join(row.name for row in _ALL[1:])
    if text in {"pt", "pytorch", "-", ""}:
        raise ValueError(f"format='{name}' is the model's own format; choose one to export to: {names}.")
    close = difflib.get_close_matches(text, known, n=1, cutoff=0.6)
    if not close:
        raise ValueError(f"format='{name}' is unknown; allowed are {names}.")
    return known[close[0]], True


def format_of(path: str | Path) -> FormatFacts | None:
    """Return the format that a file or folder name, or the address of a model on a server, belongs to, or None.

    The suffix that ends furthest right decides, then the longer one: `model_edgetpu.tflite` is Edge TPU, not LiteRT.
    """
    if is_triton_url(path):
        return TRITON
    name = Path(str(path)).name.lower()
    found = [(name.rfind(row.suffix) + len(row.suffix), len(row.suffix), row) for row in _ALL if row.suffix in name]
    return max(found, key=lambda item: item[:2])[2] if found else None


def find_format(name: str) -> FormatFacts:
    """Return the facts of a built format by name or alias.

    Raises:
        ValueError: for an unknown name.
        NotImplementedError: for a format that this package knows and cannot write, naming ONNX as the way out.
    """
    facts = FORMATS["-"] if str(name).lower() in {"pt", "-"} else FORMATS[resolve_format_name(name)[0]]
    if facts.home is None:
        raise NotImplementedError(refusal(facts))
    return facts


# What makes files of the formats that are not built, from an ONNX file.
TOOLS: Mapping[str, str] = {
    "coreai": "Apple's coreai-torch, which takes the network itself",
    "saved_model": "onnx2tf (onnx2tf -i FILE)",
    "pb": "onnx2tf (onnx2tf -i FILE), and freeze its SavedModel with TensorFlow",
    "edgetpu": "onnx2tf (onnx2tf -i FILE -oiqt), and its fully quantised .tflite to Google's edgetpu_compiler",
    "paddle": "X2Paddle (it takes TorchScript: x2paddle.convert.pytorch2paddle)",
    "imx": "Sony's model-compression-toolkit, and its result to imxconv-pt",
    "rknn": "Rockchip's RKNN-Toolkit2 (RKNN().load_onnx(model=FILE))",
    "axelera": "Axelera's Voyager SDK",
    "deepx": "DEEPX's compiler dx-com (dxcom -m FILE)",
    "qnn": "Qualcomm's QNN SDK (qnn-onnx-converter -i FILE), or onnxruntime-qnn",
    "hailo": "Hailo's Dataflow Compiler (hailo parser onnx FILE)",
    "ascend": "Huawei's ATC (atc --framework=5 --model=FILE)",
    "xilinx": "AMD's Vitis AI",
}


def refusal(facts: FormatFacts, file: str = "best.onnx") -> str:
    """Return what to say where a format is asked for that is not built.

    Args:
        facts: the format.
        file: name of the ONNX file that its tool would get.
    """
    tool = TOOLS.get(facts.name, f"the tools of {facts.title}").replace("FILE", file)
    return (
        f"{facts.title} (format='{facts.name}') is not built; export with format='onnx', and give '{file}' to {tool}."
    )
