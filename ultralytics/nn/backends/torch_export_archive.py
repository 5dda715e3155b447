"""The archive of a `.pt2` file: its graph as JSON and its weights as plain bytes, read without torch's own reader.

torch stores tensors of plain types as bytes with a description in JSON, and pickles what is none. Nothing here
unpickles: a file that needs it is refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ultralytics.nn.backends.torch_export_graph import DTYPES, Graph, parse_graph
from ultralytics.nn.backends.torchscript_archive import ModelFileError, UnsafeModelError
from ultralytics.utils.literals import parse_json
from ultralytics.utils.text import printable

__all__ = ["SCHEMA", "read_program"]

SCHEMA = 8  # major version of torch's schema of exported programs
MAX_JSON = 200_000_000  # bytes of the graph; that of a large model has 2 MB
OLD = ("serialized_state_dict.pt", "serialized_exported_program.json", "/data/weights/model.pt")  # of older torch
FAULTS = (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, RecursionError, EOFError)


def read_program(
    path: str | Path, device: torch.device, trust: bool = False, file: Any = None
) -> tuple[Graph, dict[str, torch.Tensor]]:
    """Return the graph of a file, and its weights on a device by their names in the graph.

    Args:
        path: the file, or what error messages call it.
        device: where it is to run.
        trust: take every operator that torch knows, see `parse_graph`.
        file: an open binary file to read instead.

    Raises:
        UnsafeModelError: it uses an operator that may do more than compute, or pickles.
        ModelFileError: no such file, or damaged.
    """
    try:
        with zipfile.ZipFile(file or path) as archive:
            members = _members(archive, str(path))
            content = parse_json(archive.read(members["models/model.json"]), MAX_JSON)
            version = content["schema_version"]["major"]
            if version != SCHEMA:
                raise ModelFileError(f"{path} has version {version!r} of the format; version {SCHEMA} is read.")
            graph = parse_graph(content["graph_module"], device, str(path), trust)
            stored = {
                **_tensors(archive, members, "weights", str(path)),
                **_tensors(archive, members, "constants", str(path)),
            }
            return graph, {name: stored[key].to(device) for name, key in graph.weights.items()}
    except (ModelFileError, FileNotFoundError, PermissionError):
        raise
    except (*FAULTS, OSError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise ModelFileError(f"{path} is not a torch.export file that can be read ({problem}).") from error


def _members(archive: zipfile.ZipFile, source: str) -> Mapping[str, zipfile.ZipInfo]:
    """Return the members by their names below the archive's one folder.

    Raises:
        ModelFileError: the layout of an older torch, another kind of archive, or one that unpacks to more than it is.
    """
    found = archive.infolist()
    members = {info.filename.partition("/")[2]: info for info in found}
    if "models/model.json" not in members or "data/weights/model_weights_config.json" not in members:
        if any(info.filename.endswith(OLD) for info in found):
            raise ModelFileError(f"{source} has pickled weights, as torch before 2.9 wrote them; export it again.")
        names = printable(", ".join(info.filename for info in found[:3]), 200)
        raise ModelFileError(f"{source} is not a torch.export file that can be read; its members are: {names}.")
    if len(members) != len(found) or any(info.compress_type != zipfile.ZIP_STORED for info in found):
        raise ModelFileError(f"{source} is damaged: a member is there twice, or is compressed, which torch never does.")
    if sum(info.file_size for info in found) > archive.start_dir:
        raise ModelFileError(f"{source} is damaged: its members are larger than the file.")
    if "byteorder" in members and archive.read(members["byteorder"]) != b"little":
        raise ModelFileError(f"{source} was written on a machine with another order of bytes.")
    return members


def _tensors(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], kind: str, source: str
) -> dict[str, torch.Tensor]:
    """Return the tensors of one folder of the archive by name.

    Raises:
        UnsafeModelError: one of them is pickled.
    """
    config = members.get(f"data/{kind}/model_{kind}_config.json")
    described = parse_json(archive.read(config), MAX_JSON)["config"] if config else {}
    storages: dict[str, torch.Tensor] = {}
    tensors = {}
    for name, facts in described.items():
        place, meta = facts["path_name"], facts["tensor_meta"]
        if facts["use_pickle"] or meta is None:
            raise UnsafeModelError(f"{source}: '{printable(name, 80)}' is pickled; only plain tensors are read.")
        if place not in storages:
            storages[place] = _bytes(archive, members[f"data/{kind}/{place}"])
        dtype = DTYPES[meta["dtype"]]
        storage = storages[place]
        whole = storage[: storage.numel() // dtype.itemsize * dtype.itemsize].view(dtype)
        sizes, strides = ([one["as_int"] for one in meta[key]] for key in ("sizes", "strides"))
        tensors[name] = whole.as_strided(sizes, strides, meta["storage_offset"]["as_int"])
    return tensors


def _bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> torch.Tensor:
    """Return the bytes of a member."""
    content = bytearray(archive.read(member))
    return torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)
