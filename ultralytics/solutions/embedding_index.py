"""An index of pictures by their embeddings: finding pictures, keeping the index in files, nearest ones.

The files are `embeddings.npy`, unit rows (N, D) in float32, and `paths.jsonl`: a first line about the whole, then a
line for every row. The first line has the checksum of the embeddings, so that two files of different runs are told
apart. Both are written whole. What is read is checked and never trusted with a path: a name counts only where the
folder has a picture of that name, size and time.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.data.images.arrays import read_array
from ultralytics.data.images.formats import is_image
from ultralytics.data.images.io import UnreadableImageError, imread
from ultralytics.utils.files import atomic_write
from ultralytics.utils.literals import parse_json
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import printable
from ultralytics.utils.tqdm import TQDM

__all__ = [
    "IndexedPicture",
    "Match",
    "PictureIndex",
    "file_checksum",
    "find_pictures",
    "read_index",
    "unit_rows",
    "updated_index",
    "write_index",
]

EMBEDDINGS, PATHS = "embeddings.npy", "paths.jsonl"
FORMAT = 1
BATCH = 16  # pictures that are held and embedded at once
LINE_LIMIT = 10_000  # characters of a line of the paths' file

Embed = Callable[[list[np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class IndexedPicture:
    """A picture as it was when it was embedded.

    Attributes:
        name: path from the folder, with slashes.
        size: bytes of the file.
        mtime_ns: time of its last change, in nanoseconds.
    """

    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Match:
    """A picture that was found.

    Attributes:
        name: path from the folder, with slashes.
        score: cosine of the angle between its embedding and that of the query, -1..1.
    """

    name: str
    score: float


@dataclass(frozen=True, eq=False)
class PictureIndex:
    """Pictures and their embeddings by one model.

    Attributes:
        model: what made the embeddings; others of another model mean nothing beside them.
        pictures: the pictures, by row.
        embeddings: unit rows (N, D), float32.
    """

    model: str
    pictures: tuple[IndexedPicture, ...]
    embeddings: np.ndarray

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """The pictures' names."""
        return frozenset(picture.name for picture in self.pictures)

    def nearest(self, query: np.ndarray, k: int, least: float) -> list[Match]:
        """Return the pictures that are most like a query, best first.

        Args:
            query: embedding (D,) or (1, D).
            k: most pictures.
            least: lowest score, -1..1.

        Raises:
            ValueError: `k` is below 1, or the query has another length than the embeddings.
        """
        if k < 1:
            raise ValueError(f"k={k} pictures cannot be found; at least 1 can.")
        vector = unit_rows(np.asarray(query, np.float32).reshape(1, -1))[0]
        if len(vector) != self.embeddings.shape[1]:
            raise ValueError(f"the query has {len(vector)} numbers, the index {self.embeddings.shape[1]} a picture.")
        scores = self.embeddings @ vector
        order = np.argsort(-scores, kind="stable")[:k]
        return [Match(self.pictures[i].name, float(scores[i])) for i in order if scores[i] >= least]


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Return rows (N, D) scaled to length 1 in float32; rows of zeros or with numbers that are none become zeros."""
    rows = np.asarray(rows, np.float64)  # squares of tiny numbers are nothing, or inexact, in float32
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    usable = np.isfinite(lengths) & (lengths > 0)
    return np.where(usable, rows / np.where(usable, lengths, 1), 0).astype(np.float32)


def find_pictures(folder: Path) -> list[IndexedPicture]:
    """Return the pictures of a folder and those below it, sorted by name; hidden ones are left out.

    Raises:
        FileNotFoundError: no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"data='{printable(folder)}' is no folder; it is to hold the pictures to search.")
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if is_image(name) and not name.startswith("."):
                path = Path(place, name)
                if path.is_file():
                    status = path.stat()
                    found.append(
                        IndexedPicture(path.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns)
                    )
    return sorted(found, key=lambda picture: picture.name)


def updated_index(folder: Path, model: str, embed: Embed, old: PictureIndex | None) -> PictureIndex:
    """Return the index of a folder as it is now; only what is new or changed is embedded.

    Args:
        folder: where the pictures are.
        model: what makes the embeddings.
        embed: from BGR pictures to embeddings (N, D).
        old: an index of before; None, or one of another model, embeds everything.

    Returns:
        The index without pictures that cannot be read, for which there is a warning each. It is `old` itself where
        nothing changed.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no picture in it that can be read.
    """
    present = find_pictures(folder)
    rows = dict(zip(old.pictures, old.embeddings, strict=True)) if _fits(old, model) else {}
    if old is not None and rows and present == list(old.pictures):
        return old
    fresh = [picture for picture in present if picture not in rows]
    known = {picture: rows[picture] for picture in present if picture in rows}
    for batch in TQDM(_batches(fresh), total=-(-len(fresh) // BATCH), desc="Embedding pictures", disable=not fresh):
        known |= _embedded(folder, batch, embed)
    kept = tuple(picture for picture in present if picture in known)
    if not kept:
        raise ValueError(f"'{printable(folder)}' has no picture that can be read.")
    return PictureIndex(model, kept, np.stack([known[picture] for picture in kept]))


def _fits(old: PictureIndex | None, model: str) -> bool:
    return old is not None and old.model == model


def _batches(items: Sequence[IndexedPicture]) -> Iterable[Sequence[IndexedPicture]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _embedded(folder: Path, batch: Iterable[IndexedPicture], embed: Embed) -> dict[IndexedPicture, np.ndarray]:
    """Read and embed pictures; those that cannot be read are left out with a warning."""
    images = {}
    for picture in batch:
        try:
            images[picture] = imread(folder / picture.name)
        except (UnreadableImageError, FileNotFoundError, PermissionError) as error:
            LOGGER.warning(f"picture left out of the index: {error}")
    if not images:
        return {}
    rows = unit_rows(embed(list(images.values())))
    if len(rows) != len(images):
        raise ValueError(f"the model gave {len(rows)} embeddings of {len(images)} pictures.")
    return dict(zip(images, rows, strict=True))


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# Files ----------------------------------------------------------------------------------------------------------------


def write_index(index: PictureIndex, folder: Path) -> None:
    """Write an index into a folder, each file whole.

    A crash between the two leaves files that do not belong together, which `read_index` finds out.
    """
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, index.embeddings, allow_pickle=False)
    data = buffer.getvalue()
    head = {
        "format": FORMAT,
        "model": index.model,
        "pictures": len(index.pictures),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    with atomic_write(folder / EMBEDDINGS) as file:
        file.write(data)
    with atomic_write(folder / PATHS, "w") as file:
        file.write(json.dumps(head) + "\n")
        for picture in index.pictures:
            file.write(json.dumps(vars(picture)) + "\n")


def read_index(folder: Path) -> PictureIndex | None:
    """Return the index in a folder; None where there is none, and with a warning where it is damaged."""
    if not (folder / EMBEDDINGS).is_file() or not (folder / PATHS).is_file():
        return None
    try:
        return _checked_index(folder)
    except (OSError, ValueError, MemoryError, RecursionError) as error:
        LOGGER.warning(f"the index in '{printable(folder)}' is not used and will be built anew: {error}")
        return None


def _checked_index(folder: Path) -> PictureIndex:
    """Read an index, or raise what is wrong with it."""
    with open(folder / PATHS, encoding="utf-8") as file:
        head, *rows = [parse_json(line, LINE_LIMIT) for line in file]
    if not isinstance(head, dict) or head.get("format") != FORMAT or not isinstance(head.get("model"), str):
        raise ValueError(f"{PATHS} does not begin as one of this version does")
    if head.get("pictures") != len(rows):
        raise ValueError(f"{PATHS} has {len(rows)} pictures, and says it has {printable(head.get('pictures'), 20)}")
    if file_checksum(folder / EMBEDDINGS) != head.get("sha256"):
        raise ValueError(f"{EMBEDDINGS} is not the one that {PATHS} was written with")
    embeddings = read_array(folder / EMBEDDINGS)
    if embeddings.ndim != 2 or embeddings.dtype != np.float32 or len(embeddings) != len(rows):
        raise ValueError(f"{EMBEDDINGS} holds {embeddings.dtype} {embeddings.shape}, not float32 ({len(rows)}, D)")
    if not np.isfinite(embeddings).all():
        raise ValueError(f"{EMBEDDINGS} holds numbers that are none")
    return PictureIndex(head["model"], tuple(_checked_row(row, line) for line, row in enumerate(rows, 2)), embeddings)


def _checked_row(row: Any, line: int) -> IndexedPicture:
    kinds = {"name": str, "size": int, "mtime_ns": int}
    if not isinstance(row, dict) or {key: type(value) for key, value in row.items()} != kinds:
        raise ValueError(f"{PATHS}, line {line} is not a name, a size and a time")
    return IndexedPicture(**row)
