"""Bytes out of shards: from a folder in place, from addresses through a copy on the local disk.

A shard that lies elsewhere is fetched whole, once for all processes of a machine, and its checksum compared; `http` and
`https` by this package's own downloads, which go on where a connection broke, other addresses (`s3://`, `gs://` ...) by
fsspec and its plugins. Every picture has a checksum of its own, so a damaged one is told from a damaged shard.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import time
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from ultralytics.data.shards.index import INDEX_FILE, Shard, ShardSetError, SplitIndex, read_head
from ultralytics.utils.downloads import DownloadError
from ultralytics.utils.log import LOGGER
from ultralytics.utils.net.fetch import fetch, file_lock, sha256_of

__all__ = ["DamagedSampleError", "ShardReader", "ShardSet", "described_by", "is_address", "is_shard_set"]

RETRIES = 5
PAUSE = 0.5  # seconds before the second attempt, doubled for each further one
FREE_SHARE = 0.1  # of the disk that copies leave free
BLOCK = 512  # bytes of a header in a tar file


class DamagedSampleError(OSError):
    """One picture in a shard is damaged; the text names it."""


def is_address(text: str) -> bool:
    """Whether this is the address of a set of shards rather than a path."""
    scheme, colon, _ = text.partition("://")
    return bool(colon) and scheme.isalnum() and scheme not in {"rtsp", "rtmp", "tcp", "ul"}


def is_shard_set(text: str) -> bool:
    """Whether this folder, or the prefix of this address, holds shards; a prefix has no suffix of a file."""
    if is_address(text):
        return not Path(urlsplit(text).path).suffix
    return Path(text, INDEX_FILE).is_file()


class ShardSet:
    """A set of shards.

    Args:
        where: a folder, or the address that the names of its files follow, such as `s3://bucket/coco`.

    Attributes:
        facts: keys of the data set: task, names, channels ...
        splits: names of the splits.

    Raises:
        ShardSetError: no such set, or a damaged one.
        DownloadError: it cannot be fetched.
    """

    def __init__(self, where: str | os.PathLike) -> None:
        self.where = os.fspath(where).rstrip("/")
        self.remote = is_address(self.where)
        self.where = self.where if self.remote else str(Path(self.where).absolute())
        folder = Path(platformdirs.user_cache_dir("ultralytics", appauthor=False)) / "shards"
        mark = hashlib.sha256(self.where.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        self.folder = folder / mark if self.remote else Path(self.where)
        if self.remote:
            # A head is small and has no checksum: it is fetched each time, so that a set that has grown is seen.
            with file_lock(self.folder / INDEX_FILE):
                (self.folder / INDEX_FILE).unlink(missing_ok=True)
                self._fetch(INDEX_FILE, self.folder / INDEX_FILE, None)
        elif not (self.folder / INDEX_FILE).is_file():
            raise ShardSetError(f"'{self.where}' holds no shards: it has no {INDEX_FILE}.")
        self.facts, self._splits = read_head(self.folder / INDEX_FILE, self.where)

    @property
    def splits(self) -> list[str]:
        """Names of the splits."""
        return list(self._splits)

    def shards(self, split: str) -> list[Shard]:
        """Return the tar files of a split."""
        return self._splits[split][0]

    def index(self, split: str) -> SplitIndex:
        """Read the labels and places of a split.

        Raises:
            ShardSetError: damaged; names the file.
            KeyError: no such split.
        """
        shards, name, digest = self._splits[split]
        return SplitIndex.read(self.path_of(name, digest), shards, digest)

    def path_of(self, name: str, sha256: str) -> Path:
        """Return where a file of the set lies on this machine, fetching it where it is not there yet."""
        if not self.remote:
            return self.folder / name
        path = self.folder / f"{sha256[:16]}-{name}"  # a set may be written anew under the same names
        if not path.is_file():
            with file_lock(path):
                if not path.is_file():
                    self._make_room()
                    self._fetch(name, path, sha256)
        return path

    def _fetch(self, name: str, path: Path, sha256: str | None) -> None:
        address = f"{self.where}/{name}"
        if address.startswith(("http://", "https://")):
            fetch(address, path, RETRIES, 0, progress=False, sha256=sha256)
        else:
            _fetch_through_fsspec(address, path, sha256)

    def _make_room(self) -> None:
        """Remove the copies that were used longest ago while the disk is nearly full."""
        self.folder.mkdir(parents=True, exist_ok=True)
        copies = sorted(self.folder.glob("*.tar"), key=lambda path: path.stat().st_atime)
        for path in copies:
            disk = shutil.disk_usage(self.folder)
            if disk.free >= FREE_SHARE * disk.total:
                return
            path.unlink(missing_ok=True)  # processes that have it open go on reading it


def described_by(shards: ShardSet, split: str = "") -> tuple[dict[str, Any], Path]:
    """Return the description of a data set that a set of shards carries, and the file that says so.

    Args:
        shards: the set.
        split: the split that has to be there.

    Raises:
        FileNotFoundError: it is not.
    """
    if split and split not in shards.splits:
        raise FileNotFoundError(f"'{shards.where}' has no shards of '{split}'; it has {', '.join(shards.splits)}.")
    splits = {name: f"{shards.where}/{name}" for name in shards.splits}
    return {**shards.facts, **splits}, shards.folder / INDEX_FILE


def _fetch_through_fsspec(address: str, path: Path, sha256: str | None) -> None:
    """Fetch a file by fsspec, with new attempts after failures.

    Raises:
        ImportError: fsspec, or its plugin for such addresses, is not installed.
        DownloadError: not to be had, or not the right content.
    """
    try:
        from fsspec.core import url_to_fs

        system, remote = url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ImportError(
            f"reading '{address}' needs fsspec and its plugin for such addresses: pip install "
            f"'ultralytics[shards]', and s3fs, gcsfs or the like ({error})."
        ) from error
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(RETRIES + 1):
        try:
            system.get_file(remote, str(part))
            if sha256 is not None and sha256_of(part) != sha256:
                raise OSError("its checksum differs from that of the index")
            os.replace(part, path)
            return
        except Exception as error:  # every file system raises its own
            part.unlink(missing_ok=True)
            if attempt == RETRIES:
                raise DownloadError(f"'{address}' could not be fetched: {error}.") from error
            LOGGER.warning(f"'{address}' could not be fetched: {error}. Trying again ({attempt + 1} of {RETRIES}) ...")
            time.sleep(PAUSE * 2**attempt)


class ShardReader:
    """Reads pictures of a split; open files are shared by forked processes, and none of it is copied to spawned ones.

    Args:
        shards: the set.
        index: the split.
    """

    def __init__(self, shards: ShardSet, index: SplitIndex) -> None:
        self.set, self.index = shards, index
        self._open = lru_cache(maxsize=64)(self._opened)

    def __getstate__(self) -> dict[str, object]:
        return {"set": self.set, "index": self.index}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(**{"shards": state["set"], "index": state["index"]})

    def read(self, number: int) -> bytes:
        """Return the bytes of a picture file.

        Args:
            number: row of the picture in the index.

        Raises:
            DamagedSampleError: its bytes are not those that were written.
            ShardSetError: the shard is not the one that was written; names it.
        """
        places = self.index.places
        start, size = int(places.start[number]), int(places.size[number])
        shard = self.index.shards[int(places.shard[number])]
        data = self._open(int(places.shard[number])).read(start, size)
        if len(data) != size or zlib.crc32(data) != int(places.crc[number]):
            raise DamagedSampleError(
                f"{self.set.where}/{shard.name}: picture '{self.index.labels.files[number]}' is damaged: its bytes do "
                "not have the checksum of the index"
            )
        return data

    def _opened(self, number: int) -> _OpenShard:
        shard = self.index.shards[number]
        try:
            opened = _OpenShard(self.set.path_of(shard.name, shard.sha256))
        except FileNotFoundError as error:
            raise ShardSetError(f"shard '{self.set.where}/{shard.name}' is missing.") from error
        first = int(self.index.places.start[self._first(number)]) if shard.images else 0
        problem = opened.problem(shard, first)
        if problem:
            raise ShardSetError(f"shard '{self.set.where}/{shard.name}' is damaged: {problem}; fetch or write it anew.")
        return opened

    def _first(self, shard: int) -> int:
        return int(self.index.places.shard.searchsorted(shard))


class _OpenShard:
    """A tar file that is read at given places; the descriptor has no position that processes could disturb."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed with the object

    def read(self, start: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, start)
        self._file.seek(start)
        return self._file.read(size)

    def problem(self, shard: Shard, first: int) -> str:
        """Say what is wrong with the file as a whole, or nothing: its size, and the header of the first picture."""
        size = os.fstat(self._file.fileno()).st_size
        if size != shard.bytes:
            return f"it has {size:,} bytes instead of {shard.bytes:,}"
        try:
            if first:
                tarfile.TarInfo.frombuf(self.read(first - BLOCK, BLOCK), "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            return f"there is no file where the index says so ({error})"
        return ""
