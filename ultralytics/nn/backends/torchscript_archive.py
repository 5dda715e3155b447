"""What is looked at in a TorchScript file before torch opens it.

TorchScript is a program: torch compiles its source text and runs it, at prediction and, for some objects, while the
file is read. Most operators only compute, but `aten::save` and `aten::from_file` write files, so a stranger's model
could. The source texts in the file are therefore searched for such names first. Torch then gets a copy that holds the
very members that were searched, since two readers of a zip file may disagree about what is in it.
"""

from __future__ import annotations

import ast
import io
import zipfile
from pathlib import Path
from typing import Any

from ultralytics.nn.backends.metadata import MAX_JSON_CHARS, MetadataError, parse_metadata_json
from ultralytics.utils.text import printable

__all__ = ["METADATA", "ModelFileError", "UnsafeModelError", "checked_copy", "read_archive_metadata"]

METADATA = "config.txt"  # entry of the file's extra data
MAX_CODE = 20_000_000  # characters of one source text
PACKED_AT_MOST = 100  # bytes of content for a byte of the file; source texts are packed, weights are not
SPARE = 1 << 24  # bytes that a small file may unpack to in any case
# Operators and functions that reach files, memory by name, or other machines.
REACHING_OUT = frozenset(
    {"from_file", "save", "load", "load_tensor", "read_file", "write_file", "rpc_sync", "rpc_async", "rpc_remote"}
)
NAMESPACES = frozenset({"aten", "prim", "quantized", "torchvision"})  # of operators, behind `ops.`


class ModelFileError(ValueError):
    """A file that is no TorchScript, or damaged; the text names it."""


class UnsafeModelError(ModelFileError):
    """A model file whose program asks for more than computing."""


def checked_copy(path: Path) -> io.BytesIO:
    """Return a file for `torch.jit.load` with the content of a TorchScript file that only computes.

    Raises:
        ModelFileError: damaged, or no TorchScript file.
        UnsafeModelError: its program names an operator that reaches files or other machines.
    """
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as target:
            members = archive.infolist()
            _check_members(path, members)
            for info in members:
                content = archive.read(info)
                if info.filename.endswith(".py"):
                    _check_code(content, path, info.filename)
                target.writestr(info.filename, content)
    except (ModelFileError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # the zip reader and what it calls raise what they stumble over
        raise ModelFileError(f"{path} is not a TorchScript file that can be read ({error}).") from error
    copy.seek(0)
    return copy


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse archives that are no TorchScript, name a member twice, or unpack to much more than they are."""
    names = [info.filename for info in members]
    if len(set(names)) != len(names):
        raise ModelFileError(f"{path} is not a TorchScript file that can be read: it has two members of one name.")
    if not any(name.endswith("/constants.pkl") for name in names) or any(n.endswith("/model.json") for n in names):
        raise ModelFileError(f"{path} is not a TorchScript file that can be read; its members are {names[:3]}.")
    if sum(info.file_size for info in members) > PACKED_AT_MOST * path.stat().st_size + SPARE:
        raise ModelFileError(f"{path} unpacks to far more than a model of its size; it is not read.")


def _check_code(content: bytes, path: Path, member: str) -> None:
    """Refuse a source text that names an operator which reaches out.

    Raises:
        UnsafeModelError: naming it, or a text that cannot be searched.
    """
    place = f"{path}: '{printable(member, 200)}'"
    try:
        text = content.decode("utf-8")
        if len(text) > MAX_CODE:
            raise UnsafeModelError(f"{place} has {len(text):,} characters of program; at most {MAX_CODE:,} are read.")
        tree = ast.parse(text)
    except (SyntaxError, UnicodeDecodeError, RecursionError, MemoryError) as error:
        raise UnsafeModelError(f"{place} is no program that can be checked before it runs ({error}).") from error
    name = next((found for node in ast.walk(tree) if (found := _reaching_out(node))), "")
    if name:
        raise UnsafeModelError(
            f"{place} uses '{printable(name, 80)}', which may reach files or other machines, so the model was not "
            "opened. Prediction needs no such thing; if you trust whoever made the file, pass trust=True."
        )


def _reaching_out(node: ast.AST) -> str:
    """Return the name of an operator that a node may take and that reaches out, empty where there is none.

    Operators are attributes (`torch.save`, `x.save`, `ops.image.write_file`), or texts given to `getattr`.
    """
    fields = list(ast.iter_child_nodes(node))
    if any(isinstance(child, ast.Name) and child.id == "ops" for child in fields) and not (
        isinstance(node, ast.Attribute) and node.attr in NAMESPACES
    ):
        return f"ops.{node.attr}" if isinstance(node, ast.Attribute) else "ops"
    name = getattr(node, "attr", None) or getattr(node, "id", None)  # of attributes, of variables
    if isinstance(node, ast.Constant):
        name = node.value
    return name if isinstance(name, str) and name.partition(".")[0] in REACHING_OUT else ""


def read_archive_metadata(path: Path, title: str = "TorchScript") -> dict[str, Any]:
    """Return the checked metadata that torch stored beside a graph, empty where there is none.

    Args:
        path: the file.
        title: its format, for error messages.

    Raises:
        ModelFileError: the file is damaged, or no archive.
        MetadataError: the metadata is too large, or a value in it is wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [info for info in archive.infolist() if info.filename.endswith(f"/extra/{METADATA}")]
            if not entries:
                return {}
            if entries[0].file_size > MAX_JSON_CHARS:
                size = f"has {entries[0].file_size:,} bytes; at most {MAX_JSON_CHARS:,} are read"
                raise MetadataError(str(path), METADATA, size)
            with archive.open(entries[0]) as stream:
                text = stream.read(MAX_JSON_CHARS + 1)
    except (MetadataError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # the zip reader and what it calls raise what they stumble over
        raise ModelFileError(f"{path} is not a {title} file that can be read ({error}).") from error
    return parse_metadata_json(text, str(path)) if text.strip() else {}
