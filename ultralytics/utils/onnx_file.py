"""What an ONNX file says about itself, read without a runtime."""

from __future__ import annotations

from pathlib import Path

from ultralytics.utils.checks.requirements import require

__all__ = ["onnx_metadata"]


def onnx_metadata(path: str | Path) -> dict[str, str]:
    """Return the metadata of an ONNX file as it is stored, texts by key.

    Raises:
        ImportError: the package `onnx` is missing.
        OSError: the file cannot be read.
        ValueError: it is no ONNX file.
    """
    onnx = require("onnx", "export", "reading ONNX files")
    try:
        model = onnx.load(str(path), load_external_data=False)
        return {str(entry.key): str(entry.value) for entry in model.metadata_props}
    except OSError:
        raise
    except Exception as error:  # protobuf has errors of its own, which differ between its versions
        raise ValueError(f"{path} is not an ONNX file that can be read ({error}).") from error
