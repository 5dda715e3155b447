"""Running an exported file with numpy and its own runtime, nothing else: a function from images to outputs.

The process that checks a fresh export starts in a tenth of a second because nothing here imports torch. Images are
(B, C, H, W), float32, RGB in 0..1; outputs come in the order of the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.utils.silence import require_quietly

__all__ = ["Run", "open_onnx", "open_openvino"]

Run = Callable[[np.ndarray], list[np.ndarray]]


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
