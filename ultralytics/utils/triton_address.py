"""Addresses of models on a Triton server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ultralytics.utils.text import without_password

__all__ = ["TritonAddress", "is_triton_url", "read_address"]

SCHEMES = ("http", "https", "grpc")


def is_triton_url(text: object) -> bool:
    """Return whether a text is the address of a model on a server, `scheme://host[:port]/model`, and of no file."""
    try:
        url = urlsplit(str(text))
    except ValueError:  # such as an open bracket in the host
        return False
    return bool(url.scheme in SCHEMES and url.netloc and url.path.strip("/") and not Path(url.path).suffix)


@dataclass(frozen=True)
class TritonAddress:
    """Where a model is.

    Attributes:
        scheme: http, https or grpc.
        host: host and port.
        model: name of the model.
        version: its version; empty for the server's choice.
    """

    scheme: str
    host: str
    model: str
    version: str = ""

    def __str__(self) -> str:
        return without_password(f"{self.scheme}://{self.host}/{'/'.join(filter(None, (self.model, self.version)))}")


def read_address(url: str, model: str = "", scheme: str = "") -> TritonAddress:
    """Return the parts of an address: `scheme://host/model`, `scheme://host/model/version`, or host and the rest apart.

    Raises:
        ValueError: another scheme, or a part is missing.
    """
    if not model and not scheme:
        parts = urlsplit(url)
        scheme, url = parts.scheme, parts.netloc
        model = parts.path.strip("/")
    name, _, version = model.partition("/")
    if scheme not in SCHEMES or not url or not name or (version and not version.isdecimal()):
        raise ValueError(
            f"'{without_password(url)}' with model '{model}' and scheme '{scheme}' is no address of a Triton model; "
            f"expected http://host:8000/model or grpc://host:8001/model, or /model/2 for its version 2."
        )
    return TritonAddress(scheme, url, name, version)
