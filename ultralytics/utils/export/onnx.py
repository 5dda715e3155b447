"""Public path of writing ONNX files of 8 bits."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "onnx_calibration_reader": "ultralytics.nn.backends.quantize:onnx_calibration_reader",
        "onnx_int8_quantize": "ultralytics.nn.backends.quantize:onnx_int8_quantize",
    },
)
