"""Smaller copies of pictures."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from ultralytics.utils.files import atomic_write

__all__ = ["compress_one_image"]


def compress_one_image(f: str | Path, f_new: str | Path | None = None, max_dim: int = 1920, quality: int = 50) -> None:
    """Write a picture as a JPEG whose longer side is at most `max_dim` pixels; it is not enlarged.

    Args:
        f: picture; turned upright where it says so.
        f_new: file to write. Without it `f` itself is replaced, in one step.
        max_dim: longest side in pixels.
        quality: JPEG quality, 1 to 95.

    Raises:
        FileNotFoundError: where there is no such picture.
        ValueError: where it is none that can be read, or a number is out of range.
    """
    if max_dim < 1 or not 1 <= quality <= 95:
        raise ValueError(f"max_dim={max_dim}, quality={quality}: give pixels from 1 and a quality from 1 to 95.")
    try:
        with Image.open(f) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"'{f}' cannot be read as a picture: {error}") from error
    ratio = max_dim / max(upright.size)
    if ratio < 1:
        upright = upright.resize(tuple(max(1, round(side * ratio)) for side in upright.size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    upright.save(buffer, "JPEG", quality=quality, optimize=True)
    with atomic_write(f_new or f) as stream:
        stream.write(buffer.getvalue())
