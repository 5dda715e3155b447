"""TIFF files of any depth and number of bands, whose samples a plain decoder would cut, wrap or leave out.

Bands are the pages, the samples of a pixel, or both. OpenCV reads up to four samples a pixel; for more the package
tifffile is needed. What the numbers mean is said by `depth`.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from ultralytics.data.images.depth import UnusablePictureError
from ultralytics.utils.checks import require

__all__ = ["TiffHeader", "read_bands", "tiff_header", "turned_upright"]

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the latter two: offsets of 64 bits
WIDTH, BITS, ORIENTATION, SAMPLES, SAMPLE_FORMAT = 256, 258, 274, 277, 339
UNSIGNED = 1
MOST_PAGES = 4096


@dataclass(frozen=True)
class TiffHeader:
    """What the first page of a TIFF says of itself.

    Attributes:
        orientation: EXIF's number, 1 is upright.
        plain: whole numbers without sign of 16 bits at most, which decoders bring to bytes.
        samples: of a pixel.
        pages: in the file.
    """

    orientation: int
    plain: bool
    samples: int
    pages: int = 1


def tiff_header(stream: BinaryIO) -> TiffHeader | None:
    """Read what a TIFF says of itself; None for other files, and where its first page cannot be read.

    Args:
        stream: file at its start; it is left anywhere.
    """
    start = stream.read(16)
    if start[:4] not in STARTS:
        return None
    offsets: list[int] = []
    first: TiffHeader | None = None
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(start[: 16 if b"+" in start[:4] else 8])
        while directory.next and directory.next not in offsets and len(offsets) < MOST_PAGES:
            offsets.append(directory.next)
            stream.seek(directory.next)
            directory.load(stream)
            if first is None and WIDTH not in directory:
                return None  # nothing was there
            first = first or _page(directory)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        pass  # what was read counts; a damaged end is the decoder's to report
    return first and replace(first, pages=len(offsets))


def _page(tags: TiffImagePlugin.ImageFileDirectory_v2) -> TiffHeader:
    plain = set(tags.get(SAMPLE_FORMAT) or (UNSIGNED,)) == {UNSIGNED} and max(tags.get(BITS) or (1,)) <= 16
    return TiffHeader(int(tags.get(ORIENTATION) or 1), plain, int(tags.get(SAMPLES) or 1))


def read_bands(data: bytes, header: TiffHeader, every_page: bool, name: str) -> np.ndarray | None:
    """Decode a TIFF to its own numbers (H, W, C), upright; None where it cannot be decoded.

    Args:
        data: content of the file.
        header: what `tiff_header` read.
        every_page: the pages are bands of one picture; otherwise the first one is the picture.
        name: what errors call it.

    Raises:
        UnusablePictureError: pages of several sizes, or more samples a pixel than can be read without tifffile.
    """
    if header.samples > 4:
        array = _by_tifffile(data, header, every_page, name)
    else:
        array = _by_pillow(data, {"RGBA"}) if header.samples == 4 and header.pages == 1 else None
        if array is None:
            array = _by_opencv(data, header, every_page, name)
        if array is None and header.samples == header.pages == 1:
            array = _by_pillow(data, {"I", "F"})
    if array is None and find_spec("tifffile") is not None:
        array = _by_tifffile(data, header, every_page, name)
    return array


def _by_opencv(data: bytes, header: TiffHeader, every_page: bool, name: str) -> np.ndarray | None:
    buffer = np.frombuffer(data, np.uint8)
    try:
        if every_page and header.pages > 1:
            found, pages = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED)
        else:
            pages = [cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)]
            found = pages[0] is not None
    except cv2.error:
        return None
    if not found:
        return None
    if len({(page.shape[:2], page.dtype) for page in pages}) > 1:
        raise UnusablePictureError(
            f"{name}: its pages are of several sizes or types, so they are no bands of one picture."
        )
    bands = np.dstack(pages)
    wanted = header.samples * (header.pages if every_page else 1)
    if bands.shape[2] < wanted:  # OpenCV leaves samples out that it has no meaning for
        return _by_tifffile(data, header, every_page, name)
    return bands


def _by_pillow(data: bytes, modes: set[str]) -> np.ndarray | None:
    """Decode a picture of one of these modes; OpenCV multiplies colours by alpha, and older ones know fewer types."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.mode not in modes:
                return None
            array = np.asarray(ImageOps.exif_transpose(picture))
            return array[..., None] if array.ndim == 2 else array[..., [2, 1, 0, 3]]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def _by_tifffile(data: bytes, header: TiffHeader, every_page: bool, name: str) -> np.ndarray:
    try:
        tifffile = require("tifffile", "extra", f"{name}: a TIFF of {header.samples} samples a pixel")
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            series = file.series[0] if every_page else file.pages[0]
            array, axes = series.asarray(), series.axes
    except ImportError as error:
        raise UnusablePictureError(f"{error}, or store every band as a page.") from None
    except Exception as error:  # a package of its own kinds of errors, for files of any content
        raise UnusablePictureError(f"{name}: {error}") from error
    if "Y" not in axes or "X" not in axes:
        raise UnusablePictureError(f"{name}: a TIFF with the axes {axes} is no picture.")
    array = np.moveaxis(array, (axes.index("Y"), axes.index("X")), (0, 1))
    return turned_upright(array.reshape(*array.shape[:2], -1), header.orientation)  # OpenCV turns by itself


def turned_upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Apply EXIF's orientation to stored pixels (H, W, C)."""
    if orientation > 4:
        array = array.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    return array
