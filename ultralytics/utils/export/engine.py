"""Public path of writing ONNX, on the way to TensorRT; what belongs to TensorRT alone is not built."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "best_onnx_opset": "ultralytics.nn.backends.onnx:best_opset",
        "torch2onnx": "ultralytics.nn.backends.functions:torch2onnx",
    },
)
