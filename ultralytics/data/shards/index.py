"""The index of a set of shards: which shards there are, and where in them every picture lies.

A set is a folder, or a prefix of addresses:

    shards.json             what the set is: names, channels, and of every split its shards with sizes and checksums
    train-00000.tar ...     pictures and label files, in the WebDataset format
    train.index.npz         labels of the split as arrays, and place, size and checksum of every picture

Everything in it is numbers and texts: reading a set runs nothing that its maker has chosen.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.data.labels.cache import LABEL_ARRAYS, arrays_of_labels, labels_of_arrays
from ultralytics.data.labels.table import PackedLabels
from ultralytics.utils.arrays import read_arrays
from ultralytics.utils.files import atomic_write
from ultralytics.utils.literals import parse_json
from ultralytics.utils.net.fetch import sha256_of

__all__ = ["FORMAT", "INDEX_FILE", "Places", "Shard", "ShardSetError", "SplitIndex", "read_head", "write_head"]

FORMAT = "ultralytics-shards-1"
INDEX_FILE = "shards.json"
MAX_HEAD = 64 << 20  # bytes of a `shards.json`: more than a million shards
PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
DIGEST = re.compile(r"[0-9a-f]{64}")


class ShardSetError(ValueError):
    """A set of shards is damaged or not what it says; the text names the file."""


@dataclass(frozen=True)
class Shard:
    """One tar file.

    Attributes:
        name: its name in the set.
        bytes: its size.
        images: number of pictures in it.
        sha256: checksum of the file.
    """

    name: str
    bytes: int
    images: int
    sha256: str


@dataclass(frozen=True)
class Places:
    """Where the pictures of a split lie; n pictures.

    Attributes:
        shard: (n,) number of the shard, never falling.
        start: (n,) first byte of the picture in it.
        size: (n,) bytes.
        crc: (n,) CRC-32 of the bytes.
    """

    shard: np.ndarray
    start: np.ndarray
    size: np.ndarray
    crc: np.ndarray


PLACE_ARRAYS = ("shard", "start", "size", "crc")


@dataclass(frozen=True)
class SplitIndex:
    """The index of one split.

    Attributes:
        shards: its tar files.
        labels: labels of all pictures; the files are `<shard>/<number of the picture>/<name>`.
        places: where the pictures lie.
        digest: checksum of the index file, which stands for the content of the split.
    """

    shards: tuple[Shard, ...]
    labels: PackedLabels
    places: Places
    digest: str

    @classmethod
    def read(cls, path: str | os.PathLike, shards: Sequence[Shard], digest: str) -> SplitIndex:
        """Read the index file of a split.

        Args:
            path: the file, on this machine.
            shards: what the head says of the split.
            digest: checksum that the file must have.

        Raises:
            ShardSetError: damaged, or of another set; names the file.
        """
        if sha256_of(path) != digest:
            raise ShardSetError(f"'{path}' is not the file that {INDEX_FILE} names: its checksum differs.")
        try:
            arrays = read_arrays(path, (*LABEL_ARRAYS, *PLACE_ARRAYS, "prefix"))
            labels = labels_of_arrays(arrays, arrays["prefix"].tobytes().decode("utf-8", "surrogateescape"))
            places = Places(**{name: arrays[name] for name in PLACE_ARRAYS})
            _check(places, labels, shards)
        except ValueError as error:
            raise ShardSetError(f"'{path}': {error}") from error
        return cls(tuple(shards), labels, places, digest)

    @staticmethod
    def write(path: Path, labels: PackedLabels, places: Places) -> str:
        """Write the index file of a split and return its checksum."""
        content = arrays_of_labels(labels) | {name: getattr(places, name) for name in PLACE_ARRAYS}
        prefix = np.frombuffer(labels.files.prefix.encode("utf-8", "surrogateescape"), np.uint8)
        with atomic_write(path) as file:
            np.savez(file, prefix=prefix, **content)
        return sha256_of(path)


def _check(places: Places, labels: PackedLabels, shards: Sequence[Shard]) -> None:
    """Raise where places do not lie in the shards.

    Raises:
        ValueError: naming the array.
    """
    n = len(labels)
    for name in PLACE_ARRAYS:
        array = getattr(places, name)
        if array.dtype.kind not in "iu" or array.shape != (n,) or (n and array.min() < 0):
            raise ValueError(f"array '{name}' does not fit {n} pictures.")
    counts = np.bincount(places.shard, minlength=len(shards)) if n else np.zeros(len(shards), np.int64)
    if counts.tolist() != [shard.images for shard in shards] or (np.diff(places.shard) < 0).any():
        raise ValueError(f"its pictures are not those of the shards in {INDEX_FILE}.")
    limits = np.array([shard.bytes for shard in shards], np.int64)
    if n and (places.start + places.size > limits[places.shard]).any():
        raise ValueError("a picture ends behind the end of its shard.")


def write_head(folder: Path, facts: Mapping[str, Any], splits: Mapping[str, tuple[Sequence[Shard], str]]) -> None:
    """Write `shards.json`, which makes the folder a set.

    Args:
        folder: where the set lies.
        facts: keys of the data set: task, names, channels ...
        splits: by name the shards and the checksum of the index file.
    """
    entries = {
        name: {"index": f"{name}.index.npz", "sha256": digest, "shards": [asdict(shard) for shard in shards]}
        for name, (shards, digest) in splits.items()
    }
    with atomic_write(folder / INDEX_FILE, "w") as file:
        json.dump({"format": FORMAT, **facts, "splits": entries}, file, indent=1)


def read_head(path: str | os.PathLike, where: str) -> tuple[dict[str, Any], dict[str, tuple[list[Shard], str, str]]]:
    """Read `shards.json`.

    Args:
        path: the file.
        where: the set, for messages.

    Returns:
        The keys of the data set, and by split its shards, the name of its index file and that file's checksum.

    Raises:
        ShardSetError: no such file, or one that says nonsense.
    """
    size = os.stat(path).st_size
    try:
        if size > MAX_HEAD:
            raise ValueError(f"it has {size:,} bytes")
        head = parse_json(Path(path).read_bytes(), MAX_HEAD)
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise ValueError(f"its 'format' is not '{FORMAT}'")
        splits = {str(name): _split(entry) for name, entry in dict(head["splits"]).items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ShardSetError(f"{INDEX_FILE} of '{where}' cannot be used: {error}.") from error
    return {name: value for name, value in head.items() if name not in {"format", "splits"}}, splits


def _split(entry: Any) -> tuple[list[Shard], str, str]:
    """Return one split of a head.

    Raises:
        ValueError, KeyError, TypeError: where something is not as it should be.
    """
    shards = [Shard(**row) for row in entry["shards"]]
    names = [entry["index"], *(shard.name for shard in shards)]
    for name in names:
        if not isinstance(name, str) or not PLAIN_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no plain file name")
    for digest in (entry["sha256"], *(shard.sha256 for shard in shards)):
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise ValueError("a checksum is no SHA-256 digest")
    for shard in shards:
        if not all(type(number) is int and number >= 0 for number in (shard.bytes, shard.images)):
            raise ValueError(f"sizes of {shard.name} are no whole numbers")
    return shards, entry["index"], entry["sha256"]
