"""The label cache: what a scan of label files found, kept beside them so that the next start need not repeat it.

A cache is a zip of plain numpy arrays (npz), read with pickle switched off: a file lying in somebody's data set cannot
run anything. It holds its format version and a key made of the names, sizes and times of all files and of the rules
they were checked by; with another version, another key or damage it counts as absent. Where the data set's folder is
read-only the cache lives in the user's cache folder instead.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from ultralytics.data.labels.lists import LabelList
from ultralytics.data.labels.table import PackedLabels, PackedStrings
from ultralytics.data.labels.verify import Finding
from ultralytics.utils.arrays import read_arrays
from ultralytics.utils.files import atomic_write
from ultralytics.utils.literals import parse_json
from ultralytics.utils.log import LOGGER

__all__ = [
    "CACHE_VERSION",
    "LABEL_ARRAYS",
    "ScanResult",
    "arrays_of_labels",
    "get_hash",
    "labels_of_arrays",
    "load_labels",
    "save_labels",
    "user_cache_path",
]

CACHE_VERSION = "parameternet-2"
OUTCOMES = ("found", "missing", "empty", "corrupt", "total")
ARRAYS = ("shapes", "offsets", "cls", "boxes", "points", "point_ends", "keypoints")
LABEL_ARRAYS = (*ARRAYS, "file_blob", "file_ends")


class ScanResult(dict):
    """Labels of a data set and what was wrong with it.

    As a dictionary it has the public keys: `labels`, a list of dictionaries; `results`, the numbers of images found,
    missing, empty, corrupt and in all; `msgs`, texts; `hash` and `version`. The attributes are what they stand for.

    Args:
        labels: labels of the usable images.
        counts: number of images of the scan by outcome: found, missing, empty, corrupt, total.
        findings: problems worth a message.
        key: `get_hash` of the files and rules.
    """

    def __init__(
        self, labels: PackedLabels | LabelList, counts: Mapping[str, int], findings: Sequence[Finding], key: str = ""
    ):
        self.findings = list(findings)
        super().__init__(
            labels=LabelList(labels) if isinstance(labels, PackedLabels) else labels,
            results=tuple(counts[name] for name in OUTCOMES),
            msgs=[str(finding) for finding in self.findings],
            hash=key,
            version=CACHE_VERSION,
        )

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> ScanResult:
        """Return `result`, a dictionary with the public keys, as such an object."""
        if isinstance(result, cls):
            return result
        labels = LabelList.of(result["labels"])
        counts = dict(zip(OUTCOMES, result.get("results") or (len(labels), 0, 0, 0, len(labels)), strict=True))
        findings = [Finding("note", text, 0, "") for text in result.get("msgs", ())]
        return cls(labels, counts, findings, result.get("hash", ""))

    @property
    def labels(self) -> PackedLabels:
        """Labels of the usable images, as arrays."""
        return LabelList.of(self["labels"]).packed

    @property
    def counts(self) -> dict[str, int]:
        """Number of images by outcome."""
        return dict(zip(OUTCOMES, self["results"], strict=True))


def get_hash(paths: Iterable[str | os.PathLike], extra: Any = ()) -> str:
    """SHA-256 over names, sizes and times of change of files, and over the text of `extra`.

    A missing file counts as such, so that adding it later changes the hash.
    """
    digest = hashlib.sha256(repr(extra).encode())
    for path in paths:
        name = os.fspath(path)
        try:
            status = os.stat(name)
            fact = f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n"
        except OSError:
            fact = f"{name}\0-\n"
        digest.update(fact.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def user_cache_path(path: str | os.PathLike, kind: str = "labels") -> Path:
    """Where something that belongs beside `path` is kept when that folder cannot be written."""
    name = hashlib.sha256(os.path.abspath(path).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return Path(platformdirs.user_cache_dir("ultralytics", appauthor=False)) / kind / f"{name}{Path(path).suffix}"


def load_labels(path: str | os.PathLike, key: str) -> ScanResult | None:
    """Return the cached scan for `key`, or None where there is none that fits.

    A file that cannot be read, such as a cache of another package, is told in a line and counts as absent.

    Args:
        path: usual place of the cache; the user's cache folder is tried next.
        key: `get_hash` of the files and rules.
    """
    for candidate in (Path(path), user_cache_path(path)):
        try:
            found = _read(candidate, key)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            LOGGER.info(f"the label cache {candidate} is not used, the labels are scanned anew: {error}")
            continue
        if found is not None:
            return found
    return None


def _read(path: Path, key: str) -> ScanResult | None:
    """Read one cache file; None where it is of another version or of other files.

    Raises:
        FileNotFoundError, ValueError: where it is absent, no cache, or damaged.
    """
    head = _from_bytes(read_arrays(path, ("head",))["head"])
    if not isinstance(head, dict) or not all(isinstance(head.get(name), str) for name in ("version", "key", "prefix")):
        raise ValueError("it is no label cache of this package")
    if head["version"] != CACHE_VERSION or head["key"] != key:
        return None
    arrays = read_arrays(path, (*LABEL_ARRAYS, "findings"))
    counts, rows = head.get("counts"), _from_bytes(arrays.pop("findings"))
    if not isinstance(counts, dict) or not all(isinstance(counts.get(name), int) for name in OUTCOMES):
        raise ValueError("its counts are damaged")
    fits = isinstance(rows, list) and all(
        isinstance(row, list) and tuple(map(type, row)) == (str, str, int, str) for row in rows
    )
    if not fits:
        raise ValueError("its findings are damaged")
    labels = labels_of_arrays(arrays, head["prefix"])
    return ScanResult(labels, {name: counts[name] for name in OUTCOMES}, [Finding(*row) for row in rows], key)


def save_labels(path: str | os.PathLike, key: str, scan: ScanResult) -> Path | None:
    """Store a scan and return where, or None where it could be written nowhere.

    Args:
        path: usual place. When its folder is read-only, one line says so and the user's cache folder is used.
        key: `get_hash` of the files and rules.
        scan: what to store.
    """
    path = Path(path)
    try:
        _write(path, key, scan)
        return path
    except OSError as error:
        elsewhere = user_cache_path(path)
        try:
            _write(elsewhere, key, scan)
        except OSError as second:
            LOGGER.warning(f"labels are not cached: {path.parent}: {error.strerror}; {elsewhere}: {second.strerror}")
            return None
        LOGGER.info(f"{path.parent} is not writable ({error.strerror}); labels are cached in {elsewhere}")
        return elsewhere


def _write(path: Path, key: str, scan: ScanResult) -> None:
    labels = scan.labels
    head = {"version": CACHE_VERSION, "key": key, "prefix": labels.files.prefix, "counts": scan.counts}
    content = arrays_of_labels(labels) | {"head": _as_bytes(head), "findings": _as_bytes(scan.findings)}
    with atomic_write(path) as file:
        np.savez(file, **content)


def arrays_of_labels(labels: PackedLabels) -> dict[str, np.ndarray]:
    """Return labels as plain arrays, the names `LABEL_ARRAYS`; `labels.files.prefix` is not among them."""
    arrays = {name: getattr(labels, name) for name in ARRAYS} | {"cls": labels.cls.astype(np.int32)}
    return arrays | {"file_blob": labels.files.blob, "file_ends": labels.files.ends}


def labels_of_arrays(arrays: Mapping[str, np.ndarray], prefix: str) -> PackedLabels:
    """Return the labels that `arrays_of_labels` has taken apart.

    Args:
        arrays: those of `LABEL_ARRAYS`.
        prefix: common beginning of the file names.

    Raises:
        ValueError: naming the array that does not fit the others.
    """
    files = PackedStrings.from_parts(prefix, arrays["file_blob"], arrays["file_ends"])
    kept = {name: arrays[name] for name in ARRAYS}
    if kept["cls"].dtype.kind in "iu":
        kept["cls"] = kept["cls"].astype(np.float32)
    return PackedLabels(files, **kept).check()


def _as_bytes(value: Any) -> np.ndarray:
    """JSON text as an array of bytes (strings in npz would be fixed-width)."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _from_bytes(array: np.ndarray) -> Any:
    """Return the value of `_as_bytes`.

    Raises:
        ValueError: no JSON.
    """
    return parse_json(array.tobytes(), array.nbytes)
