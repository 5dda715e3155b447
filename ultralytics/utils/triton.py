"""A model on a Triton server: its address, what the server says about it, and calls.

The protocol is that of KServe, version 2, over HTTP or gRPC, spoken by NVIDIA's `tritonclient` (extra `triton`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ultralytics.utils.checks.requirements import require
from ultralytics.utils.lazy import offer
from ultralytics.utils.literals import parse_literal
from ultralytics.utils.triton_address import read_address

__all__ = ["TritonRemoteModel", "free_axes"]

NUMBERS = {"FP32": np.float32, "FP16": np.float16, "UINT8": np.uint8}  # what inputs of networks for pictures are
METADATA = "metadata"  # parameter of the model's configuration


class TritonRemoteModel:
    """A model on a Triton server.

    Each thread has a connection of its own, since the clients are not made to be shared.

    Args:
        url: `http://host:8000/model`, `grpc://host:8001/model`; host and port alone where the rest is given apart.
        endpoint: name of the model.
        scheme: http, https or grpc.

    Attributes:
        endpoint, url: name of the model, host and port.
        input_names, input_formats, np_input_formats, input_shapes: by input: name, type of the server and of numpy,
            shape with -1 for what is free.
        output_names: names of the outputs, sorted.
        metadata: what the model's configuration says about it under `metadata`, a dictionary as exports have it; None
            where it says nothing.

    Raises:
        ImportError: `tritonclient` is not installed.
        ConnectionError: no server answers, or it does not have the model ready.
        ValueError: no such address, or an input of a type that is not one of networks for pictures.
    """

    def __init__(self, url: str, endpoint: str = "", scheme: str = "") -> None:
        self.address = read_address(url, endpoint, scheme)
        self.endpoint, self.url = self.address.model, self.address.host
        self._protocol = require(
            f"tritonclient.{'grpc' if self.address.scheme == 'grpc' else 'http'}",
            "triton",
            "a model on a Triton server",
        )
        self._own = threading.local()
        config = self._ask("get_model_config")
        config = config.get("config", config)  # gRPC has it one level deeper
        inputs = self._ask("get_model_metadata")["inputs"]
        self.input_names = [one["name"] for one in inputs]
        self.input_formats = [one["datatype"] for one in inputs]
        self.input_shapes = [[int(side) for side in one["shape"]] for one in inputs]
        if unknown := [one for one in self.input_formats if one not in NUMBERS]:
            raise ValueError(f"{self.address} takes {unknown[0]}; images come as {', '.join(NUMBERS)}.")
        self.np_input_formats = [NUMBERS[one] for one in self.input_formats]
        self.output_names = sorted(one["name"] for one in config["output"])
        self.metadata = self._metadata(config.get("parameters", {}).get(METADATA, {}).get("string_value"))

    @property
    def triton_client(self) -> Any:
        """The client of this thread."""
        if not hasattr(self._own, "client"):
            secure = {"ssl": True} if self.address.scheme == "https" else {}
            self._own.client = self._protocol.InferenceServerClient(url=self.url, verbose=False, **secure)
        return self._own.client

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """Return the outputs, in the order of their sorted names; inputs are brought to the types of the server."""
        given = zip(inputs, self.input_names, self.input_formats, self.np_input_formats, strict=True)
        tensors = []
        for value, name, kind, dtype in given:
            array = np.ascontiguousarray(value, dtype)
            tensor = self._protocol.InferInput(name, list(array.shape), kind)
            tensor.set_data_from_numpy(array)
            tensors.append(tensor)
        wanted = [self._protocol.InferRequestedOutput(name) for name in self.output_names]
        answer = self._ask("infer", inputs=tensors, outputs=wanted)
        return [answer.as_numpy(name) for name in self.output_names]

    def _ask(self, what: str, **options: Any) -> Any:
        """Call a method of the client about the model.

        Raises:
            ConnectionError: no answer, or one that says what is wrong.
        """
        if self.address.scheme == "grpc" and what != "infer":
            options["as_json"] = True
        try:
            ask = getattr(self.triton_client, what)
            return ask(model_name=self.endpoint, model_version=self.address.version, **options)
        except (OSError, self._errors) as error:
            raise ConnectionError(f"{self.address}: {str(error) or type(error).__name__}") from error

    @property
    def _errors(self) -> type[Exception]:
        return require("tritonclient.utils", "triton").InferenceServerException

    def _metadata(self, text: str | None) -> Mapping[str, Any] | None:
        """Return the dictionary that the configuration has as a text.

        Raises:
            ValueError: it is something else.
        """
        if not text:
            return None
        try:
            content = parse_literal(text)
        except ValueError as error:
            raise ValueError(f"{self.address}: the parameter 'metadata' cannot be read: {error}.") from None
        if content is not None and not isinstance(content, Mapping):
            raise ValueError(f"{self.address}: the parameter 'metadata' is a {type(content).__name__}, no dictionary.")
        return content


def free_axes(shape: Sequence[int]) -> bool:
    """Return whether batch, height and width of an input (B, C, H, W) are all free."""
    return len(shape) == 4 and all(shape[axis] < 0 for axis in (0, 2, 3))


__getattr__, __dir__ = offer(__name__)
