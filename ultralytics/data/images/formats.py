"""File suffixes of pictures and films that data sets and sources accept. No imports, so that anything can read them."""

from __future__ import annotations

import os

__all__ = [
    "ARRAY_FORMATS",
    "FORMATS_HELP_MSG",
    "HELP_URL",
    "IMG_FORMATS",
    "VID_FORMATS",
    "is_array",
    "is_image",
    "is_video",
]

IMG_FORMATS = {
    "avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp",
}  # fmt: skip
ARRAY_FORMATS = {"npy"}  # pictures of any number of channels; see `arrays`
VID_FORMATS = {"asf", "avi", "gif", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ts", "webm", "wmv"}
FORMATS_HELP_MSG = "Supported formats are:\n" + "\n".join(
    f"{kind}: {', '.join(sorted(suffixes))}"
    for kind, suffixes in (("images", IMG_FORMATS), ("arrays", ARRAY_FORMATS), ("videos", VID_FORMATS))
)
HELP_URL = "See docs/data.md for the layout of data sets."


def _suffix(path: str | os.PathLike) -> str:
    return os.fspath(path).rpartition(".")[2].lower()


def is_image(path: str | os.PathLike) -> bool:
    """Whether the suffix is one of `IMG_FORMATS`, in any case."""
    return _suffix(path) in IMG_FORMATS


def is_array(path: str | os.PathLike) -> bool:
    """Whether the suffix is one of `ARRAY_FORMATS`, in any case."""
    return _suffix(path) in ARRAY_FORMATS


def is_video(path: str | os.PathLike) -> bool:
    """Whether the suffix is one of `VID_FORMATS`, in any case."""
    return _suffix(path) in VID_FORMATS
