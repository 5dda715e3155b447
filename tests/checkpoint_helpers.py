"""Writing pickles and archives by hand, and reading them, for the tests of checkpoints."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import torch

from ultralytics.nn.weights.archive import Container, StorageType
from ultralytics.nn.weights.errors import CheckpointError
from ultralytics.nn.weights.machine import Machine
from ultralytics.nn.weights.opcodes import run
from ultralytics.nn.weights.revive import Reviver, read_file

__all__ = ["Bare", "archive", "call", "glob", "loads", "named", "new", "read", "text", "tup"]


class Bare(Container):
    """A pickle without storages."""

    def __init__(self, data: bytes):
        self.size = len(data)
        super().__init__()
        self.content = run(Machine(data))

    def _fetch(self, kind: StorageType) -> torch.UntypedStorage:
        raise CheckpointError("there are no storages")


def loads(data: bytes) -> Any:
    """Return the live content of a bare pickle."""
    return Reviver(Bare(data)).content()


def read(file: Any) -> Any:
    """Return the live content of a file of torch, or of its bytes."""
    return read_file(io.BytesIO(file) if isinstance(file, bytes) else file)


# Parts of pickles, protocol 2 ---------------------------------------------------------------------------------------


def text(value: str) -> bytes:
    """Push text."""
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def glob(module: str, name: str) -> bytes:
    """Push a global."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def tup(*parts: bytes) -> bytes:
    """Push a tuple."""
    return b"(" + b"".join(parts) + b"t"


def named(**parts: bytes) -> bytes:
    """Push a dictionary with text for keys."""
    return b"(" + b"".join(text(key) + value for key, value in parts.items()) + b"d"


def call(what: bytes, *parts: bytes) -> bytes:
    """Push the result of a call."""
    return what + tup(*parts) + b"R"


def new(what: bytes, state: bytes = b"") -> bytes:
    """Push a bare object, with a state if one is given."""
    return what + b")\x81" + (state + b"b" if state else b"")


def archive(data: bytes, storages: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> bytes:
    """Return the bytes of an archive as torch writes them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        made.writestr("x/data.pkl", data)
        for key, content in (storages or {}).items():
            made.writestr(f"x/data/{key}", content)
    return buffer.getvalue()
