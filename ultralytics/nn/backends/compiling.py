"""Networks compiled by `torch.compile` for inference, with the network itself in reserve.

On a processor the packed convolutions of `nn/accelerate.py` already are what the compiler would generate, so compiling
gains nothing there (1.0 of the time for `yolov8n`); it is for accelerators and for networks of other layers.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

import torch
from torch import nn

from ultralytics.nn.accelerate import pack_convolutions
from ultralytics.utils.log import LOGGER

__all__ = ["CompiledNetwork", "compiled_network"]

COMPILERS = ("c++", "g++", "clang++", "cl")


class CompiledNetwork:
    """A call that runs the compiled network, or the network itself once compiling has failed.

    Compiling happens at the first call, and again for other sizes of images.

    Args:
        model: folded network, which nobody else uses.
        mode: of `torch.compile`.
    """

    def __init__(self, model: nn.Module, mode: str) -> None:
        self.model, self.mode = model, mode
        self._run: Any = torch.compile(model, mode=mode)
        self._worked = False

    def __call__(self, x: torch.Tensor) -> Any:
        """Return what the network returns."""
        try:
            y = self._run(x)
        except Exception as error:  # compilers fail in many ways; what also fails without one is raised below
            if self._worked or self._run is self.model:
                raise
            LOGGER.warning(f"torch.compile does not work here, running the network as it is: {_first_line(error)}")
            pack_convolutions(self.model)
            self._run = self.model
            return self.model(x)
        self._worked = True
        return y


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def compiled_network(model: nn.Module, mode: bool | str, device: torch.device) -> CompiledNetwork | None:
    """Return a compiled call, None where there is no compiler, which is said.

    Args:
        model: folded network.
        mode: of `torch.compile`; True is `default`.
        device: where the network is.
    """
    own = os.environ.get("CXX")
    if device.type == "cpu" and not (own and shutil.which(own)) and not any(map(shutil.which, COMPILERS)):
        LOGGER.warning(
            f"compile={mode} needs a C++ compiler ({', '.join(COMPILERS[1:])}) on the PATH, or named by CXX, and there "
            "is none; running the network as it is."
        )
        return None
    try:
        return CompiledNetwork(model, "default" if mode is True else str(mode))
    except Exception as error:  # such as a version of Python that it does not know
        LOGGER.warning(f"torch.compile does not work here, running the network as it is: {_first_line(error)}")
        return None
