"""Models on a Triton server, by their address. The server runs the file; nothing is exported here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.backends.base import ExportFormat, ExportPlan, Runtime
from ultralytics.nn.backends.metadata import parse_metadata
from ultralytics.utils.lazy import offer
from ultralytics.utils.triton import TritonRemoteModel, free_axes

__all__ = ["TritonFormat", "TritonRuntime"]


class TritonRuntime(Runtime):
    """A model on a server.

    What the server's configuration does not say about the model is taken from the shape of its input.

    Args:
        url: its address.
        device: where outputs are returned.

    Raises:
        ConnectionError: no server answers, or it does not have the model.
        ValueError: the model takes something else than images, or its metadata is wrong.
    """

    def __init__(self, url: str, device: torch.device) -> None:
        self.remote = TritonRemoteModel(url)
        if len(self.remote.input_names) != 1 or len(self.remote.input_shapes[0]) != 4:
            takes = ", ".join(
                f"{n} {s}" for n, s in zip(self.remote.input_names, self.remote.input_shapes, strict=True)
            )
            raise ValueError(f"{self.remote.address} takes {takes}; expected one input of images (B, C, H, W).")
        self.shape = self.remote.input_shapes[0]
        self.device = device
        self.metadata = {
            **_shape_facts(self.shape),
            **parse_metadata(self.remote.metadata or {}, str(self.remote.address)),
        }

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Send images and return what the server makes of them.

        Raises:
            ValueError: if the images do not have the size that the model takes.
            ConnectionError: the server does not answer, or with an error.
        """
        if any(side >= 0 and side != have for side, have in zip(self.shape, x.shape, strict=True)):
            wanted = ", ".join("any" if side < 0 else str(side) for side in self.shape)
            raise ValueError(f"{self.remote.address} takes images of shape ({wanted}), got {tuple(x.shape)}.")
        images = x.detach().to("cpu", torch.float32).numpy()
        if self.remote.np_input_formats[0] == np.uint8:
            images = np.rint(images * 255)
        outputs = self.remote(images)
        return [torch.from_numpy(np.array(y)).to(self.device) for y in outputs]  # copied: the answer is read-only


def _shape_facts(shape: list[int]) -> dict[str, Any]:
    """Return what the shape of an input tells about a model."""
    batch, channels, height, width = shape
    facts: dict[str, Any] = {"dynamic": free_axes(shape), "free_batch": batch < 0}
    facts |= {"batch": batch} if batch > 0 else {}
    facts |= {"channels": channels} if channels > 0 else {}
    return facts | ({"imgsz": [height, width]} if height > 0 and width > 0 else {})


class TritonFormat(ExportFormat):
    """Addresses `http://host:8000/model` and `grpc://host:8001/model`."""

    name = "triton"

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Refuse: a server gets a file of another format."""
        raise ValueError("a server is no export format; export with format='onnx' and put the file on the server.")

    def peek(self, path: Path | str) -> Mapping[str, Any]:
        """Return the metadata of a model on a server."""
        return TritonRuntime(str(path), torch.device("cpu")).metadata

    def load(self, path: Path | str, device: torch.device, half: bool = False, trust: bool = False) -> TritonRuntime:
        """Connect to a model."""
        return TritonRuntime(str(path), device)


__getattr__, __dir__ = offer(__name__, {"TritonBackend": "ultralytics.nn.backends.single:TritonBackend"})
