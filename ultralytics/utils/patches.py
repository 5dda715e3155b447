"""Public path of reading, writing and showing pictures and of saving and loading by torch.

Nothing is patched: OpenCV, Pillow and torch stay as they are. The functions for pictures take paths of any alphabet on
every system and answer like those of OpenCV: None or False where a file cannot be read or written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from ultralytics.utils.files import atomic_write
from ultralytics.utils.lazy import offer

__all__ = [
    "PIL_FALLBACK_SUFFIXES",
    "image_open",
    "imread",
    "imread_unicode",
    "imshow",
    "imwrite",
    "override_configs",
]

PIL_FALLBACK_SUFFIXES = (".avif", ".heic", ".heif")  # OpenCV ignores the orientation of these or cannot read them


def imread(filename: str | os.PathLike, flags: int = cv2.IMREAD_COLOR) -> np.ndarray | None:
    """Read a picture.

    Args:
        filename: file to read.
        flags: those of `cv2.imread`.

    Returns:
        (H, W, C), BGR where it has colours, or None where the file is missing or no picture.
    """
    try:
        data = np.fromfile(filename, np.uint8)
    except OSError:
        return None
    suffix = Path(filename).suffix.lower()
    image = _read_with_pillow(filename, flags) if suffix in PIL_FALLBACK_SUFFIXES else None
    if image is None and data.size:
        with contextlib.suppress(cv2.error):
            image = cv2.imdecode(data, flags)
    return image[..., None] if image is not None and image.ndim == 2 else image


def _read_with_pillow(filename: str | os.PathLike, flags: int) -> np.ndarray | None:
    """Read a format that Pillow or its plugins know better, with 8 bits, None where they do not."""
    try:
        with Image.open(filename) as opened:
            upright = ImageOps.exif_transpose(opened)
            if flags == cv2.IMREAD_GRAYSCALE:
                return np.asarray(upright.convert("L"))
            return np.ascontiguousarray(np.asarray(upright.convert("RGB"))[..., ::-1])
    except (OSError, SyntaxError, ValueError):
        return None


def imread_unicode(filename: str | os.PathLike, flags: int = cv2.IMREAD_COLOR) -> np.ndarray | None:
    """Read a picture; `imread` by the name it has where other systems are patched."""
    return imread(filename, flags)


def imwrite(filename: str | os.PathLike, img: np.ndarray, params: Sequence[int] | None = None) -> bool:
    """Write a picture in the format of the file's suffix.

    Args:
        filename: file to write; it is replaced as a whole. Its folder must exist.
        img: (H, W) or (H, W, C), BGR where it has colours.
        params: pairs of a `cv2.IMWRITE_...` key and its value.

    Returns:
        Whether it was written: not where the folder is missing or OpenCV cannot write the format.
    """
    target = Path(filename)
    try:
        fits, data = cv2.imencode(target.suffix, img, list(params or ()))
        if not fits or not target.parent.is_dir():
            return False
        with atomic_write(target) as file:
            file.write(data.tobytes())
    except (cv2.error, OSError):
        return False
    return True


def imshow(winname: str, mat: np.ndarray) -> None:
    """Show a picture in a window that may have a name in any alphabet.

    Args:
        winname: name of the window and, as it is, its title.
        mat: (H, W) or (H, W, C), BGR where it has colours.
    """
    plain = winname.encode("unicode_escape").decode()
    cv2.imshow(plain, mat)
    if plain != winname:
        cv2.setWindowTitle(plain, winname)


def image_open(filename: str | os.PathLike, *args: Any, **kwargs: Any) -> Image.Image:
    """Open a picture by Pillow, whose plugins for further formats are looked for where the file needs one."""
    if Path(str(filename)).suffix.lower() in PIL_FALLBACK_SUFFIXES[1:]:
        with contextlib.suppress(ImportError):
            from pillow_heif import register_heif_opener

            register_heif_opener()
    return Image.open(filename, *args, **kwargs)


@contextlib.contextmanager
def override_configs(args: SimpleNamespace, overrides: Mapping[str, Any] | None = None) -> Iterator[SimpleNamespace]:
    """Let a block run with other arguments; afterwards the namespace is what it was.

    Args:
        args: arguments of a run; changed in place for the time of the block.
        overrides: values by name.
    """
    before = dict(vars(args))
    vars(args).update(overrides or {})
    try:
        yield args
    finally:
        vars(args).clear()
        vars(args).update(before)


__getattr__, __dir__ = offer(
    __name__,
    {
        "torch_load": "ultralytics.nn.weights.torch_file:torch_load",
        "torch_save": "ultralytics.nn.weights.torch_file:torch_save",
    },
)
