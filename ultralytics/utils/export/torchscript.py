"""Public path of writing TorchScript."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"torch2torchscript": "ultralytics.nn.backends.functions:torch2torchscript"}
)
