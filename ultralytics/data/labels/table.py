"""Labels of a whole data set in a few arrays, so that a million images cost hundreds of bytes each, not objects.

A Python list of dicts would hold about 3 kB per image and would grow in every worker process, because reading an object
writes its reference count and so copies its memory page. Arrays are written to by nobody, and are shared by forked
workers as they are; for spawned workers they move into shared memory once.

Values and offsets: the rows of image i are `offsets[i]:offsets[i + 1]`. R rows in all, P polygon points in all, K
keypoints.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from multiprocessing.context import get_spawning_popen
from typing import Any, overload

import numpy as np
import torch

from ultralytics.data.labels.verify import LabelRows

__all__ = ["LabelPacker", "PackedLabels", "PackedStrings"]


class PackedStrings(Sequence[str]):
    """An unchangeable sequence of texts in one block of bytes; paths share their common beginning.

    Args:
        texts: what to store.
    """

    def __init__(self, texts: Iterable[str] = ()):
        texts = list(texts)
        low, high = (min(texts), max(texts)) if len(texts) > 1 else ("", "")
        shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
        self.prefix = low[:shared]
        encoded = [text[len(self.prefix) :].encode("utf-8", "surrogateescape") for text in texts]
        self.blob = np.frombuffer(b"".join(encoded), np.uint8)
        self.ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)

    @classmethod
    def from_parts(cls, prefix: str, blob: np.ndarray, ends: np.ndarray) -> PackedStrings:
        """Build from the three stored parts.

        Raises:
            ValueError: if they do not fit together.
        """
        if blob.dtype != np.uint8 or blob.ndim != 1 or not _is_rising_to(ends, len(blob)):
            raise ValueError("packed texts are damaged: offsets do not fit the bytes.")
        packed = cls()
        packed.prefix, packed.blob, packed.ends = prefix, blob, ends
        return packed

    def __len__(self) -> int:
        return len(self.ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        return self.prefix + self.blob[self.ends[i] : self.ends[i + 1]].tobytes().decode("utf-8", "surrogateescape")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} texts, {self.nbytes} bytes)"

    def take(self, indices: np.ndarray | Sequence[int]) -> PackedStrings:
        """Return the texts at `indices`, in that order."""
        indices = np.asarray(indices, np.int64)
        rows = _row_numbers(self.ends, indices)
        ends = np.concatenate(([0], np.cumsum(np.diff(self.ends)[indices]))).astype(np.int64)
        return PackedStrings.from_parts(self.prefix, self.blob[rows], ends)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays in bytes."""
        return self.blob.nbytes + self.ends.nbytes + len(self.prefix)

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedStrings.from_parts, (self.prefix, self.blob, self.ends)


def _row_numbers(ends: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Row numbers that belong to `groups`, in order, for groups that lie between consecutive `ends`."""
    lengths = np.diff(ends)[groups]
    starts = ends[:-1][groups]
    shifts = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths) if len(groups) else starts
    return np.arange(lengths.sum(), dtype=np.int64) + shifts


@dataclass(frozen=True)
class PackedLabels:
    """All labels of a data set.

    Attributes:
        files: image files.
        shapes: (n, 2) int32 height and width.
        offsets: (n + 1,) int64 into the rows.
        cls: (R,) float32 class ids.
        boxes: (R, 4) float32 x centre, y centre, width, height, normalised.
        points: (P, 2) float32 polygon points, normalised; empty where there are no polygons.
        point_ends: (R + 1,) int64 into `points`, or (1,) where there are no polygons.
        keypoints: (R, K, 3) float32, normalised, or (R, 0, 3) where there are none.
    """

    files: PackedStrings
    shapes: np.ndarray
    offsets: np.ndarray
    cls: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    point_ends: np.ndarray
    keypoints: np.ndarray

    def __len__(self) -> int:
        return len(self.files)

    @property
    def classes(self) -> np.ndarray:
        """(R,) class ids as whole numbers."""
        return self.cls.astype(np.int64)

    @property
    def has_polygons(self) -> bool:
        """Whether rows carry polygons."""
        return len(self.point_ends) == len(self.cls) + 1 and len(self.cls) > 0

    def boxes_only(self) -> np.ndarray:
        """Return the positions of images with rows that carry no polygon."""
        points = np.diff(self.point_ends) if self.has_polygons else np.zeros(len(self.cls), np.int64)
        return np.unique(np.searchsorted(self.offsets, np.flatnonzero(points == 0), side="right") - 1)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays in bytes."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))

    def check(self) -> PackedLabels:
        """Return self if the arrays fit together and hold what they should.

        Raises:
            ValueError: naming the array that does not.
        """
        rows = len(self.cls)
        whole, real = "iu", "f"
        kinds = {"shapes": whole, "cls": real, "boxes": real, "points": real, "keypoints": real}
        facts = {
            **{f"type of {name}": getattr(self, name).dtype.kind in kind for name, kind in kinds.items()},
            "shapes": self.shapes.shape == (len(self), 2) and bool((self.shapes > 0).all()),
            "cls": self.cls.ndim == 1 and bool((self.cls >= 0).all()) and bool((self.cls == np.floor(self.cls)).all()),
            "offsets": self.offsets.shape == (len(self) + 1,) and _is_rising_to(self.offsets, rows),
            "boxes": self.boxes.shape == (rows, 4) and bool(np.isfinite(self.boxes).all()),
            "points": self.points.ndim == 2 and self.points.shape[1] == 2,
            "point_ends": len(self.point_ends) in {1, rows + 1} and _is_rising_to(self.point_ends, len(self.points)),
            "keypoints": self.keypoints.ndim == 3 and len(self.keypoints) == rows and self.keypoints.shape[2] == 3,
        }
        wrong = [name for name, fits in facts.items() if not fits]
        if wrong:
            raise ValueError(f"packed labels are damaged: {', '.join(wrong)} do not fit.")
        return self

    def rows(self, i: int) -> LabelRows:
        """Labels of image `i`; the arrays are views."""
        start, stop = int(self.offsets[i]), int(self.offsets[i + 1])
        segments = []
        if self.has_polygons:
            ends = self.point_ends[start : stop + 1].tolist()
            segments = [self.points[a:b] for a, b in itertools.pairwise(ends)] if ends[0] < ends[-1] else []
        keypoints = self.keypoints[start:stop] if self.keypoints.shape[1] else None
        return LabelRows(self.cls[start:stop], self.boxes[start:stop], segments, keypoints)

    def take_images(self, indices: np.ndarray | Sequence[int]) -> PackedLabels:
        """Return the labels of the images at `indices`, in that order."""
        indices = np.asarray(indices, np.int64)
        offsets = np.concatenate(([0], np.cumsum(np.diff(self.offsets)[indices]))).astype(np.int64)
        packed = self._with_rows(_row_numbers(self.offsets, indices), offsets)
        return replace(packed, files=self.files.take(indices), shapes=self.shapes[indices])

    def keep_rows(self, mask: np.ndarray) -> PackedLabels:
        """Return labels with only the rows where `mask` (R,) is true; images without rows stay as background."""
        counted = np.concatenate(([0], np.cumsum(mask)))
        return self._with_rows(np.flatnonzero(mask), counted[self.offsets].astype(np.int64))

    def as_one_class(self) -> PackedLabels:
        """Return labels in which every class id is 0."""
        return replace(self, cls=np.zeros_like(self.cls))

    def without_polygons(self) -> PackedLabels:
        """Return labels without polygons."""
        return replace(self, points=np.zeros((0, 2), np.float32), point_ends=np.zeros(1, np.int64))

    def _with_rows(self, rows: np.ndarray, offsets: np.ndarray) -> PackedLabels:
        changed = replace(
            self, offsets=offsets, cls=self.cls[rows], boxes=self.boxes[rows], keypoints=self.keypoints[rows]
        )
        if not self.has_polygons:
            return changed
        lengths = np.diff(self.point_ends)[rows]
        ends = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        return replace(changed, points=self.points[_row_numbers(self.point_ends, rows)], point_ends=ends)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as arrays, for a process that is being spawned as handles of shared memory.

        The arrays move there once, so any number of spawned workers map the same memory.
        """
        arrays = [getattr(self, field.name) for field in fields(self)[1:]] + [self.files.blob, self.files.ends]
        if get_spawning_popen() is None:
            return _unpickled, (self.files.prefix, *arrays)
        if "_shared" not in self.__dict__:
            shared = [torch.from_numpy(np.require(array, requirements="W")).share_memory_() for array in arrays]
            moved = _unpickled(self.files.prefix, *shared)
            for field in fields(self):  # frozen against change of content, which this is not
                object.__setattr__(self, field.name, getattr(moved, field.name))
            object.__setattr__(self, "_shared", shared)
        return _unpickled, (self.files.prefix, *self.__dict__["_shared"])


def _is_rising_to(ends: np.ndarray, last: int) -> bool:
    """Return whether these are ends of groups: whole numbers from 0 that never fall, up to `last`."""
    if ends.dtype.kind not in "iu" or ends.ndim != 1 or not len(ends):
        return False
    return bool(ends[0] == 0 and ends[-1] == last and (ends[1:] >= ends[:-1]).all())


def _unpickled(prefix: str, *parts: np.ndarray | torch.Tensor) -> PackedLabels:
    *arrays, blob, ends = [part.numpy() if isinstance(part, torch.Tensor) else part for part in parts]
    return PackedLabels(PackedStrings.from_parts(prefix, blob, ends), *arrays)


class LabelPacker:
    """Collects labels image by image and packs them.

    Images are packed in chunks on the way, so that building needs little more memory than the result.
    """

    CHUNK = 4096

    def __init__(self) -> None:
        self._open: list[tuple[str, tuple[int, int], LabelRows]] = []
        self._chunks: list[PackedLabels] = []

    def add(self, file: str, size_hw: tuple[int, int], rows: LabelRows) -> None:
        """Append one image."""
        self._open.append((file, size_hw, rows))
        if len(self._open) >= self.CHUNK:
            self._close_chunk()

    def finish(self) -> PackedLabels:
        """Return everything that was added."""
        if self._open or not self._chunks:
            self._close_chunk()
        chunks, self._chunks = self._chunks, []
        with_polygons = any(chunk.has_polygons for chunk in chunks)
        mixed = with_polygons and any(len(chunk.cls) and not chunk.has_polygons for chunk in chunks)
        arrays: dict[str, Any] = {"files": PackedStrings(file for chunk in chunks for file in chunk.files)}
        for name in ("shapes", "cls", "boxes", "points"):
            arrays[name] = np.concatenate([getattr(chunk, name) for chunk in chunks])
        width = max(chunk.keypoints.shape[1] for chunk in chunks)
        arrays["keypoints"] = np.concatenate(
            [
                c.keypoints if c.keypoints.shape[1] == width else np.zeros((len(c.cls), width, 3), np.float32)
                for c in chunks
            ]
        )
        arrays["offsets"] = _join_ends([chunk.offsets for chunk in chunks])
        point_ends = [_full_point_ends(chunk) if mixed else chunk.point_ends for chunk in chunks]
        arrays["point_ends"] = _join_ends(point_ends)
        return PackedLabels(**arrays)

    def _close_chunk(self) -> None:
        files, sizes, rows = zip(*self._open, strict=True) if self._open else ((), (), ())
        self._open = []
        counts = [len(r.cls) for r in rows]
        segments = [points for r in rows for points in (r.segments or [_NO_POINTS] * len(r.cls))]
        any_points = any(len(points) for points in segments)
        keypoints = [r.keypoints for r in rows if r.keypoints is not None and len(r.keypoints)]
        total = sum(counts)
        packed_keypoints = np.concatenate(keypoints) if keypoints else np.zeros((total, 0, 3), np.float32)
        self._chunks.append(
            PackedLabels(
                PackedStrings(files),
                np.array(sizes, np.int32).reshape(-1, 2),
                np.cumsum([0, *counts], dtype=np.int64),
                _joined([r.cls for r in rows], (0,)),
                _joined([r.boxes for r in rows], (0, 4)),
                _joined(segments if any_points else [], (0, 2)),
                np.cumsum([0, *map(len, segments)], dtype=np.int64) if any_points else np.zeros(1, np.int64),
                packed_keypoints,
            )
        )


_NO_POINTS = np.zeros((0, 2), np.float32)


def _joined(arrays: list[np.ndarray], empty_shape: tuple[int, ...]) -> np.ndarray:
    return np.concatenate(arrays).astype(np.float32, copy=False) if arrays else np.zeros(empty_shape, np.float32)


def _full_point_ends(chunk: PackedLabels) -> np.ndarray:
    """Point offsets with one entry per row, also for a chunk without polygons."""
    return chunk.point_ends if chunk.has_polygons else np.zeros(len(chunk.cls) + 1, np.int64)


def _join_ends(parts: list[np.ndarray]) -> np.ndarray:
    """Join offset arrays of consecutive chunks into one."""
    lengths = np.concatenate([np.diff(part) for part in parts])
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
