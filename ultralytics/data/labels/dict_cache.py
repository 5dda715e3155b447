"""The label cache of scripts: a dictionary beside the labels, for data sets that fill one themselves.

`YOLODataset` has a cache of its own (`cache.py`). This one holds whatever nests of dictionaries, lists, numbers, texts,
paths and arrays a script puts into it, as an archive of arrays and one JSON text, so that reading it runs nothing.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER

__all__ = ["load_dataset_cache_file", "save_dataset_cache_file"]

TEXT = "tree.json"


def save_dataset_cache_file(prefix: str, path: str | os.PathLike, x: Mapping[str, Any], version: str) -> None:
    """Write a cache; where the folder is read-only, a warning says so and training goes on without.

    Args:
        prefix: start of the messages.
        path: file to write.
        x: content.
        version: stored under `version`, for the reader to compare.

    Raises:
        TypeError: something in it is none of the kinds that a cache holds.
    """
    arrays: list[np.ndarray] = []
    tree = _packed({**x, "version": version}, arrays)
    try:
        with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(TEXT, json.dumps(tree))
            for index, array in enumerate(arrays):
                buffer = io.BytesIO()
                np.save(buffer, array, allow_pickle=False)
                archive.writestr(f"{index}.npy", buffer.getvalue())
    except OSError as error:
        LOGGER.warning(f"{prefix}no cache is kept, '{path}' cannot be written: {error.strerror or error}.")
        return
    LOGGER.info(f"{prefix}New cache created: {path}")


def load_dataset_cache_file(path: str | os.PathLike) -> dict[str, Any]:
    """Read a cache that `save_dataset_cache_file` wrote.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no such file; caches of the published package are pickles, which are not read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {}
            for name in archive.namelist():
                if name.endswith(".npy"):
                    arrays[int(name[:-4])] = np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
            return _unpacked(json.loads(archive.read(TEXT)), arrays)
    except FileNotFoundError:
        raise
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"'{path}' is no cache of this package ({error}); delete it to scan again.") from None


def _packed(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return JSON's kinds as they are and others as a list that starts with the kind; arrays go into `arrays`."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of Python objects cannot be kept in a cache; use a list.")
        arrays.append(value)
        return ["array", len(arrays) - 1]
    if isinstance(value, Path):
        return ["path", str(value)]
    if isinstance(value, Mapping):
        return ["dict", [[_packed(key, arrays), _packed(item, arrays)] for key, item in value.items()]]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [_packed(item, arrays) for item in value]]
    raise TypeError(f"{type(value).__name__} cannot be kept in a cache; numbers, texts, arrays and nests of them can.")


def _unpacked(tree: Any, arrays: Mapping[int, np.ndarray]) -> Any:
    """Return what `_packed` was given."""
    if not isinstance(tree, list):
        return tree
    kind, content = tree
    if kind == "array":
        return arrays[content]
    if kind == "path":
        return Path(content)
    if kind == "dict":
        return {_unpacked(key, arrays): _unpacked(item, arrays) for key, item in content}
    if kind in {"list", "tuple"}:
        items = [_unpacked(item, arrays) for item in content]
        return items if kind == "list" else tuple(items)
    raise ValueError(f"unknown kind '{kind}'")
