"""Reading pictures: bytes to uint8 BGR arrays, sizes from headers, damaged JPEG files mended in memory.

Paths of any alphabet work, since the bytes are read by Python and only decoded by OpenCV. Orientation tags (EXIF) are
applied, and `header_size_hw` reports the size after that, so that label scan and training see the same picture. 16-bit
pictures are scaled to 8 bits, grey ones spread to three channels, and alpha is dropped, all by the decoder. Nothing
here writes to the user's files.

Pictures are decoded in full unless `reduce` says otherwise. Letting a JPEG decoder return a half or a quarter saves
most of its time on large pictures, but the pixels then differ from those of linear resizing by 3 to 13 levels on
average (COCO pictures, sides halved to divided by six; they are closer to area averages), so where linear resizing
follows, training would no longer see what validation sees. Classification resizes by averaging and may ask for it.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = [
    "UnreadableImageError",
    "decode_image",
    "exif_size",
    "header_size_hw",
    "imread",
    "mend_jpeg",
    "resize_to",
    "scaled_size_hw",
]

EXIF_ORIENTATION = 0x0112
TIFF_WIDTH, TIFF_HEIGHT = 256, 257
TURNED = {5, 6, 7, 8}  # orientations that swap width and height
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
PILLOW_FIRST = {"avif", "heic", "heif"}  # OpenCV ignores the orientation of these or cannot read them
DECODER_FLAGS = {  # by channels and divisor of the sides
    (3, 1): cv2.IMREAD_COLOR,
    (3, 2): cv2.IMREAD_REDUCED_COLOR_2,
    (3, 4): cv2.IMREAD_REDUCED_COLOR_4,
    (3, 8): cv2.IMREAD_REDUCED_COLOR_8,
    (1, 1): cv2.IMREAD_GRAYSCALE,
}


class UnreadableImageError(OSError):
    """A picture exists but cannot be decoded; the message names the file and the reason."""


def imread(path: str | os.PathLike, channels: int = 3, reduce: int = 1) -> np.ndarray:
    """Read a picture as uint8 BGR (H, W, 3), or grey (H, W, 1) for `channels=1`.

    Args:
        path: file to read.
        channels: 3 or 1.
        reduce: the decoder may divide the sides of a colour picture by this, 1, 2, 4 or 8, where it can do so; the
            result may also be larger than that.

    Raises:
        FileNotFoundError: where there is no such file.
        UnreadableImageError: for an empty, truncated or otherwise undecodable file.
        NotImplementedError: for other numbers of channels.
    """
    if channels not in {1, 3}:
        raise NotImplementedError(f"pictures of {channels} channels are not supported; use 3 (colour) or 1 (grey).")
    with open(path, "rb") as file:
        data = file.read()
    suffix = os.fspath(path).rpartition(".")[2].lower()
    image = None
    if suffix in PILLOW_FIRST:
        image = _decode_with_pillow(data, channels)
    if image is None:
        image = decode_image(data, channels, reduce)
    if image is None and suffix not in PILLOW_FIRST:
        image = _decode_with_pillow(data, channels)
    if image is None:
        raise UnreadableImageError(f"{path}: cannot be decoded as a picture ({_complaint(data)}).")
    return image


def decode_image(data: bytes, channels: int = 3, reduce: int = 1) -> np.ndarray | None:
    """Decode the bytes of a picture file, with sides divided by `reduce`, or return None where OpenCV cannot.

    A JPEG that lacks only its end marker is decoded in full; the file it came from stays as it is.
    """
    if not data:
        return None
    if data[:2] == JPEG_START and data[-2:] != JPEG_END:
        data = mend_jpeg(data) or data
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), DECODER_FLAGS[channels, reduce])
    except cv2.error:
        return None
    if image is not None and image.ndim == 2:
        image = image[..., None]
    return image


def mend_jpeg(data: bytes) -> bytes | None:
    """Return the bytes of a complete JPEG, with an end marker added where only that is missing; None when data is cut.

    Whether pixels are missing shows when two different fillings are put after the last byte: a decoder that has all it
    needs ignores them, one that does not turns them into different pixels.
    """
    if data[:2] != JPEG_START:
        return None
    end = data.rfind(JPEG_END)
    if end > 0 and not data[end + 2 :].strip(b"\0\r\n\t "):
        return data[: end + 2]  # padding after the end
    first, second = (_decoded_with(data + filling * 64 + JPEG_END) for filling in (b"\x00", b"\x5a"))
    if first is None or second is None or not np.array_equal(first, second):
        return None
    return data + JPEG_END


def _decoded_with(data: bytes) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(data)) as picture:  # Pillow keeps libjpeg's warnings off the terminal
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        return None


def _decode_with_pillow(data: bytes, channels: int) -> np.ndarray | None:
    """Decode formats that OpenCV lacks through Pillow and its plugins, or return None."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            upright = ImageOps.exif_transpose(picture)
            if channels == 1:
                return np.asarray(upright.convert("L"))[..., None]
            return np.ascontiguousarray(np.asarray(upright.convert("RGB"))[..., ::-1])
    except (OSError, SyntaxError, ValueError):
        return None


def _complaint(data: bytes) -> str:
    """Say in a few words what is wrong with the bytes of an undecodable file."""
    if not data:
        return "the file is empty"
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except UnidentifiedImageError:
        return "unknown format"
    except (OSError, SyntaxError, ValueError) as error:
        return str(error)
    return "unsupported variant of the format"


def header_size_hw(picture: Image.Image) -> tuple[int, int]:
    """Height and width of an opened but not yet decoded picture, after its orientation tag is applied."""
    width, height = picture.size
    if picture.format == "TIFF":  # Pillow versions differ in whether `size` is turned already
        width, height = picture.tag_v2[TIFF_WIDTH], picture.tag_v2[TIFF_HEIGHT]
    turned = picture.getexif().get(EXIF_ORIENTATION) in TURNED
    return (width, height) if turned else (height, width)


def scaled_size_hw(size_hw: tuple[int, int], target: int, short_side: bool = False) -> tuple[int, int]:
    """Size whose long side (or short side) is `target`, the other side rounded up and never above `target`.

    Args:
        size_hw: original height and width.
        target: wanted side in pixels.
        short_side: scale the short side to `target` instead; the long side is then not limited.
    """
    height, width = size_hw
    ratio = target / (min(height, width) if short_side else max(height, width))
    if ratio == 1:
        return height, width
    new_h, new_w = (max(1, _ceil(side * ratio)) for side in (height, width))
    return (new_h, new_w) if short_side else (min(new_h, target), min(new_w, target))


def _ceil(value: float) -> int:
    return -int(-value // 1)


def resize_to(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Resize with linear interpolation, keeping three dimensions; the same object where the size is right already."""
    if image.shape[:2] == size_hw:
        return image
    resized = cv2.resize(image, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_LINEAR)
    return resized if resized.ndim == 3 else resized[..., None]


def jpeg_lacks_end(path: str | Path) -> bool:
    """Whether a JPEG file does not stop with its end marker, read from the last two bytes only."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() < 2:
            return True
        file.seek(-2, os.SEEK_END)
        return file.read(2) != JPEG_END


def exif_size(img: Image.Image) -> tuple[int, int]:
    """Width and height of an opened picture, after its orientation tag is applied."""
    height, width = header_size_hw(img)
    return width, height
