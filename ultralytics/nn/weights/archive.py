"""The containers that torch writes: a zip archive, and the single stream of torch before 1.6.

Both hold one pickle and the bytes of storages, to which the pickle refers by keys. Archives are read with Python's
`zipfile`; entries have to be stored, not compressed, as torch writes them, so that no file becomes larger when read.
"""

from __future__ import annotations

import errno
import os
import struct
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import IO, Any

import numpy as np
import torch

from ultralytics.nn.weights.errors import CheckpointError, shown
from ultralytics.nn.weights.machine import Machine, Name, Reference
from ultralytics.nn.weights.opcodes import run

__all__ = ["Container", "StorageType", "entries_of", "opened"]

MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of a stream
STREAM_PROTOCOL = 1001
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
LENGTH = struct.Struct("<q")

STORAGE_TYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "UntypedStorage": torch.uint8,
}
STORAGE_MODULES = frozenset({"torch", "torch.cuda", "torch.storage"})


def entries_of(file: IO[bytes]) -> Mapping[str, zipfile.ZipInfo]:
    """Return the entries of a zip archive by name.

    Raises:
        CheckpointError: it is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.NameToInfo
    except OSError as error:
        if error.errno and error.errno != errno.EINVAL:  # not what the file says, but the disk
            raise
        raise CheckpointError(f"the archive is damaged: {error}") from None
    except Exception as error:  # `zipfile` checks little: a wrong number may end in an error of any kind
        raise CheckpointError(f"the archive is damaged: {error}") from None


class StorageType:
    """What a pickle says of one storage.

    Attributes:
        key: name of its bytes in the file.
        dtype: type of its elements.
        count: number of elements.
    """

    __slots__ = ("count", "dtype", "key")

    def __init__(self, reference: Reference):
        """Check a reference.

        Raises:
            CheckpointError: it is none of a storage.
        """
        key = reference.key
        if type(key) is not tuple or len(key) not in {5, 6} or type(key[0]) is not str or key[0] != "storage":
            raise CheckpointError("something outside of the pickle is referred to that is no storage")
        if len(key) == 6 and key[5] is not None:
            raise CheckpointError("a storage is a part of another one")
        kind, self.key, self.count = key[1], key[2], key[4]
        known = type(kind) is Name and kind.module in STORAGE_MODULES and kind.name in STORAGE_TYPES
        if not known:
            raise CheckpointError(f"storages of kind '{kind if type(kind) is Name else '?'}' are not read")
        if type(self.key) is not str or type(self.count) is not int or self.count < 0:
            raise CheckpointError("the name or length of a storage is wrong")
        self.dtype: torch.dtype = STORAGE_TYPES[kind.name]

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.count * self.dtype.itemsize


class Container(ABC):
    """A file with one pickle and storages.

    Attributes:
        content: what the pickle describes, see `machine.py`.
        size: length of the file in bytes.
        left: bytes of storages that may still be read; entries that share their bytes do not make a file larger.
    """

    content: Any
    size: int

    def __init__(self) -> None:
        self.left = self.size
        self.read: dict[str, torch.UntypedStorage] = {}

    def storage(self, kind: StorageType) -> torch.UntypedStorage:
        """Return the bytes of a storage; every one is read once.

        Raises:
            CheckpointError: the file does not have as many.
        """
        found = self.read.get(kind.key)
        if found is None:
            found = self.read[kind.key] = self._fetch(kind)
        if found.nbytes() < kind.size:
            raise CheckpointError(f"storage '{shown(kind.key, 40)}' is shorter than the pickle says")
        return found

    def _new(self, size: int) -> torch.Tensor:
        """Return room for `size` bytes."""
        self.left -= size
        if self.left < 0:
            raise CheckpointError("the storages are longer than the file")
        return torch.empty(size, dtype=torch.uint8)

    @abstractmethod
    def _fetch(self, kind: StorageType) -> torch.UntypedStorage:
        """Read the bytes of a storage."""


class Archive(Container):
    """A zip archive, as torch has written since 1.6.

    Args:
        file: the open file.
    """

    def __init__(self, file: IO[bytes]):
        self.file = file
        self.size = file.seek(0, 2)
        super().__init__()
        self.entries = entries_of(file)
        self.root = next((name[: -len("data.pkl")] for name in self.entries if name.endswith("/data.pkl")), None)
        if self.root is None:
            raise CheckpointError("it is a ZIP archive, but holds no 'data.pkl'")
        if f"{self.root}byteorder" in self.entries and self._bytes("byteorder") != b"little":
            raise CheckpointError("it was written on a machine with another order of bytes")
        self.content = run(Machine(self._bytes("data.pkl")))

    def _place(self, name: str) -> tuple[int, int]:
        """Return where the bytes of an entry begin, and how many there are."""
        entry = self.entries.get(f"{self.root}{name}")
        if entry is None:
            raise CheckpointError(f"the archive has no entry '{shown(name, 40)}'")
        self.file.seek(entry.header_offset)
        header = LOCAL_HEADER.unpack(self.file.read(LOCAL_HEADER.size))
        signature, flags, method, name_length, extra_length = header[0], header[2], header[3], *header[-2:]
        if signature != b"PK\x03\x04" or flags & 1 or method or entry.compress_type:
            raise CheckpointError(f"entry '{shown(name, 40)}' of the archive is compressed, encrypted or damaged")
        start = entry.header_offset + LOCAL_HEADER.size + name_length + extra_length
        if start + entry.file_size > self.size:
            raise CheckpointError(f"entry '{shown(name, 40)}' of the archive is cut off")
        return start, entry.file_size

    def _bytes(self, name: str) -> bytes:
        start, size = self._place(name)
        self.file.seek(start)
        return self.file.read(size)

    def _fetch(self, kind: StorageType) -> torch.UntypedStorage:
        start, size = self._place(f"data/{kind.key}")
        room = self._new(size)
        self.file.seek(start)
        if size and self.file.readinto(room.numpy()) != size:
            raise CheckpointError("the file became shorter while it was read")
        return room.untyped_storage()


class Stream(Container):
    """What torch wrote before 1.6: pickles, one after the other, and the bytes of all storages.

    Args:
        file: the open file.
    """

    def __init__(self, file: IO[bytes]):
        self.size = file.seek(0, 2)
        super().__init__()
        file.seek(0)
        self.data = file.read()
        self.at = 0
        if self._next()[0] != MAGIC or self._next()[0] != STREAM_PROTOCOL:
            raise CheckpointError("it does not begin as PyTorch files do")
        machine = self._next()[0]
        if type(machine) is not dict or machine.get("little_endian") is not True:
            raise CheckpointError("it was written on a machine with another order of bytes")
        self.content, references = self._next()
        kinds = {kind.key: kind for kind in map(StorageType, references)}
        self.places = dict(self._places(self._next()[0], kinds))

    def _next(self) -> tuple[Any, list[Reference]]:
        """Run the next pickle; return its content and what it refers to."""
        machine = Machine(self.data, self.at)
        content = run(machine)
        self.at = machine.at
        return content, machine.references

    def _places(self, keys: Any, kinds: Mapping[str, StorageType]) -> Iterator[tuple[str, tuple[int, int]]]:
        """Yield where the bytes of every storage begin, and how many there are."""
        if type(keys) is not list or not all(type(key) is str and key in kinds for key in keys):
            raise CheckpointError("its list of storages is wrong")
        for key in keys:
            start = self.at + LENGTH.size
            if start > self.size:
                raise CheckpointError("it is cut off in the storages")
            size = LENGTH.unpack_from(self.data, self.at)[0] * kinds[key].dtype.itemsize
            self.at = start + size
            if size < 0 or self.at > self.size:
                raise CheckpointError("it is cut off in the storages")
            yield key, (start, size)

    def _fetch(self, kind: StorageType) -> torch.UntypedStorage:
        if kind.key not in self.places:
            raise CheckpointError(f"there is no storage '{shown(kind.key, 40)}'")
        start, size = self.places[kind.key]
        room = self._new(size)
        room.numpy()[:] = np.frombuffer(self.data, np.uint8, size, start)
        return room.untyped_storage()


@contextmanager
def opened(file: str | os.PathLike | IO[bytes]) -> Iterator[Container]:
    """Open a file of torch for as long as its content is read.

    Raises:
        CheckpointError: it is none, or is damaged.
        UnsafeCheckpointError: see `opcodes.run`.
    """
    with open(file, "rb") if isinstance(file, (str, os.PathLike)) else nullcontext(file) as stream:
        stream.seek(0)
        kind = Archive if stream.read(2) == b"PK" else Stream
        try:
            container = kind(stream)
        except (struct.error, MemoryError) as error:
            raise CheckpointError(f"it is damaged: {error}") from None
        yield container
