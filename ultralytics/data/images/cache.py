"""Decoded pictures kept for the whole run: in one block of shared memory (`cache=ram`) or as raw arrays on disk
(`cache=disk`).

The block is a memory-mapped file, in the memory file system where there is room. Workers inherit or reopen the mapping,
and the ranks of one training run on a machine find the same file, so pictures are held once per machine. Arrays on disk
lie next to the pictures (`a.jpg` -> `a.npy`) and end with the size and time of the picture they were made from: an
array that does not match its picture is not used, and one that somebody else made is neither used nor replaced.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from filelock import FileLock

from ultralytics.data.images.arrays import MARK, TRAILER, is_cached_array
from ultralytics.data.images.io import UnreadableImageError
from ultralytics.utils import env
from ultralytics.utils.arrays import read_array
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER
from ultralytics.utils.tqdm import TQDM

__all__ = ["DiskImages", "RamImages", "disk_has_room", "fill", "in_memory", "ram_has_room"]

GIB = 2**30
HEAD_BYTES = 64  # of the block: SHA-256 of what it holds once complete, then padding


def ram_has_room(need: int, margin: float, prefix: str = "") -> bool:
    """Whether `need` bytes, and `margin` times as much again, are available in memory; says so if not."""
    available = psutil.virtual_memory().available
    if need * (1 + margin) <= available:
        return True
    LOGGER.warning(
        f"{prefix}pictures need {need * (1 + margin) / GIB:.1f} GiB of memory with a margin of {margin:.0%}, but only "
        f"{available / GIB:.1f} GiB are available; not caching them."
    )
    return False


def disk_has_room(folder: Path, need: int, margin: float, prefix: str = "") -> bool:
    """Whether `folder` can be written and has room for `need` bytes and a margin; says so if not."""
    if not os.access(folder, os.W_OK):
        LOGGER.warning(f"{prefix}{folder} is not writable; not caching pictures on disk.")
        return False
    free = shutil.disk_usage(folder).free
    if need * (1 + margin) <= free:
        return True
    LOGGER.warning(
        f"{prefix}pictures need {need * (1 + margin) / GIB:.1f} GiB of disk with a margin of {margin:.0%}, but only "
        f"{free / GIB:.1f} GiB are free in {folder}; not caching them."
    )
    return False


def fill(store: Callable[[int], int], n: int, description: str) -> int:
    """Call `store` for every image in threads, since decoding runs outside the interpreter lock; sum its results."""
    total = 0
    with ThreadPoolExecutor(env.num_threads()) as pool:
        bar = TQDM(pool.map(store, range(n)), total=n, desc=description)
        for size in bar:
            total += size
            bar.set_description(f"{description} ({total / GIB:.1f} GiB)")
    return total


class RamImages:
    """Pictures of known sizes in one block that all processes of a run share.

    Args:
        shapes: (n, 3) height, width, channels of each stored picture.
        key: text that stands for the content (files, times, size); a complete block with the same key is taken over.
        dtype: of the numbers; bytes for pictures.
    """

    def __init__(self, shapes: np.ndarray, key: str, dtype: Any = np.uint8):
        self.shapes, self.dtype = np.asarray(shapes, np.int64), np.dtype(dtype)
        self.ends = np.concatenate(([0], np.cumsum(self.shapes.prod(1)))) * self.dtype.itemsize
        self.key = hashlib.sha256(f"{key}{self.shapes.tolist() if len(shapes) < 64 else len(shapes)}".encode()).digest()
        self.path = _block_path(self.key, int(self.ends[-1]))
        self._map: mmap.mmap | None = None

    @property
    def nbytes(self) -> int:
        """Size of all pictures in bytes."""
        return int(self.ends[-1])

    def load_all(self, read: Callable[[int], np.ndarray], description: str) -> None:
        """Fill the block with `read(i)` for every i, unless another rank has done so.

        Raises:
            OSError: if the block cannot be made.
        """
        with FileLock(f"{self.path}.lock"):
            self._open(create=True)
            if self._map[:32] == self.key:
                return
            fill(lambda i: self._store(i, read(i)), len(self.shapes), description)
            self._map[:32] = self.key

    def _store(self, i: int, image: np.ndarray) -> int:
        shape = tuple(self.shapes[i])
        if image.shape != shape:
            raise UnreadableImageError(f"picture {i} is {image.shape} where the label scan found {shape}.")
        self._view(i)[...] = image
        return image.nbytes

    def __getitem__(self, i: int) -> np.ndarray:
        """Picture `i`, a read-only view of the block."""
        view = self._view(i)
        view.flags.writeable = False
        return view

    def _view(self, i: int) -> np.ndarray:
        if self._map is None:
            self._open(create=False)
        start, shape = int(self.ends[i]) + HEAD_BYTES, self.shapes[i]
        return np.frombuffer(self._map, self.dtype, int(shape.prod()), start).reshape(shape)

    def _open(self, create: bool) -> None:
        """Map the file, made and deleted by the process that creates it."""
        flags = os.O_RDWR | (os.O_CREAT if create else 0)
        descriptor = os.open(self.path, flags, 0o600)
        try:
            size = self.nbytes + HEAD_BYTES
            if create and os.fstat(descriptor).st_size != size:
                _reserve(descriptor, size)
                weakref.finalize(self, _remove, self.path, os.getpid())
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the way to the block, not its content."""
        return {**self.__dict__, "_map": None}


def in_memory(
    shapes: np.ndarray,
    key: str,
    read: Callable[[int], np.ndarray],
    prefix: str,
    dtype: Any = np.uint8,
    what: str = "images",
) -> RamImages | None:
    """Return a filled `RamImages`, or None with a warning where the block cannot be made."""
    block = RamImages(shapes, key, dtype)
    try:
        block.load_all(read, f"{prefix}Caching {what} (shared memory)")
    except OSError as error:
        LOGGER.warning(f"{prefix}{what} are not cached: {error}")
        return None
    return block


def _block_path(key: bytes, nbytes: int) -> str:
    """File for a block: the same for all ranks of a run, different for other runs."""
    run = os.environ.get("MASTER_PORT", "") if env.world_size() > 1 else str(os.getpid())
    user = os.getuid() if hasattr(os, "getuid") else 0
    name = f"ultralytics-{user}-{run}-{key.hex()[:16]}"
    memory = Path("/dev/shm")
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        return str(Path(tempfile.gettempdir()) / name)
    has_room = (memory / name).exists() or shutil.disk_usage(memory).free > nbytes * 1.05
    return str((memory if has_room else Path(tempfile.gettempdir())) / name)


def _reserve(descriptor: int, size: int) -> None:
    """Give a file its size and, where possible, its space: running out is then an error now and no crash later."""
    os.ftruncate(descriptor, size)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)


def _remove(path: str, owner: int) -> None:
    """Delete a block; forked children inherit this call and must not make it."""
    if os.getpid() != owner:
        return
    for name in (path, f"{path}.lock"):
        if os.path.exists(name):
            os.unlink(name)


class DiskImages:
    """Raw arrays next to the pictures.

    Args:
        marked: use only arrays with our mark; otherwise any that is not older than its picture.
        kinds: names of the types of numbers that they may have.
    """

    def __init__(self, marked: bool = True, kinds: Container[str] = frozenset({"uint8"})) -> None:
        self.marked, self.kinds = marked, kinds
        self._writable = True

    @staticmethod
    def array_path(image: str) -> str:
        """Where the array of a picture lies."""
        return os.path.splitext(image)[0] + ".npy"

    def load(self, image: str, path: str | os.PathLike | None = None) -> np.ndarray | None:
        """Return the stored picture, or None where there is none that matches the picture file.

        A damaged array, or one that is no picture of bytes, counts as none: the picture is decoded instead.

        Args:
            image: the picture file.
            path: its array, where it lies elsewhere.
        """
        path = path or self.array_path(image)
        if str(path) == image:  # a picture that is an array itself
            return None
        try:
            ours = is_cached_array(path)
            with open(path, "rb") as file:
                array = read_array(file, os.fstat(file.fileno()).st_size - (TRAILER.size if ours else 0))
                fresh = ours and file.read() == _trailer(image)
            if not (fresh or self.marked):
                fresh = os.stat(path).st_mtime_ns >= os.stat(image).st_mtime_ns
            return array if fresh and array.dtype.name in self.kinds and array.ndim == 3 else None
        except (OSError, ValueError):
            return None

    def store(self, image: str, array: np.ndarray, path: str | os.PathLike | None = None) -> int:
        """Write the array of a picture and return its bytes, 0 where the folder refuses or the name is taken.

        Args:
            image: the picture file.
            array: the picture.
            path: where its array is to lie, if elsewhere.
        """
        path = path or self.array_path(image)
        if not self._writable or (os.path.exists(path) and not is_cached_array(path)):
            return 0
        try:
            with atomic_write(path) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
                file.write(_trailer(image))
        except OSError as error:
            if self._writable:
                LOGGER.warning(f"caching pictures on disk stops, they are decoded instead: {error}")
            self._writable = False
            return 0
        return array.nbytes


def _trailer(image: str) -> bytes:
    status = os.stat(image)
    return TRAILER.pack(MARK, status.st_size, status.st_mtime_ns)
