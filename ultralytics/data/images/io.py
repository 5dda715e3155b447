"""Reading pictures: bytes to uint8 BGR arrays, sizes from headers, damaged JPEG files mended in memory.

Paths of any alphabet work, since the bytes are read by Python and only decoded by OpenCV. Orientation tags (EXIF) are
applied, and `header_size_hw` reports the size after that, so that label scan and training see the same picture. 16-bit
pictures are scaled to 8 bits, grey ones spread to three channels, and alpha is dropped, all by the decoder; what it has
no way to scale (floats, signs, 32 bits) is scaled by `depth`, and what it has no way to hold (many bands) comes from
`tiff` and `arrays`. Nothing here writes to the user's files.

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
from PIL import Image, UnidentifiedImageError

from ultralytics.data.images.arrays import read_array
from ultralytics.data.images.depth import UnusablePictureError, as_bytes, fit_channels, from_pillow
from ultralytics.data.images.formats import is_array
from ultralytics.data.images.tiff import read_bands, tiff_header, turned_upright
from ultralytics.utils.text import printable

__all__ = [
    "UnreadableImageError",
    "decode_image",
    "exif_size",
    "header_size_hw",
    "imread",
    "mend_jpeg",
    "read_bytes",
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
    """Read a picture as bytes (H, W, channels): BGR for three, grey for one, else the file's own bands.

    Args:
        path: file to read, a picture or a `.npy` array.
        channels: those that the network takes. Grey spreads to three, colour becomes grey for one; pages and samples of
            a TIFF, or the last axis of an array, are the bands of other numbers, which have to be there.
        reduce: the decoder may divide the sides of a colour picture by this, 1, 2, 4 or 8, where it can do so; the
            result may also be larger than that.

    Raises:
        FileNotFoundError: where there is no such file.
        UnreadableImageError: for an empty, truncated or otherwise undecodable file, numbers that mean nothing, channels
            that do not fit, and one of more than 2**30 pixels, which OpenCV does not decode, or above Pillow's limit in
            the formats that it decodes.
    """
    if is_array(path):
        try:
            return fit_channels(as_bytes(read_array(path), str(path)), channels, str(path))
        except FileNotFoundError:
            raise
        except UnusablePictureError as error:
            raise UnreadableImageError(str(error)) from error
        except (OSError, ValueError, MemoryError) as error:
            raise UnreadableImageError(f"{printable(path)}: {error or 'too large for the memory'}") from error
    with open(path, "rb") as file:
        data = file.read()
    return read_bytes(data, str(path), channels, reduce)


def read_bytes(data: bytes, name: str, channels: int = 3, reduce: int = 1) -> np.ndarray:
    """Decode the bytes of a picture file by any means; arguments and result as those of `imread`.

    Args:
        data: content of the file.
        name: path or address that errors name; its suffix tells which decoder goes first.

    Raises:
        UnreadableImageError: as `imread`.
    """
    try:
        image = _decode_any(data, name, channels, reduce)
    except (UnusablePictureError, MemoryError) as error:
        raise UnreadableImageError(str(error) or f"{printable(name)}: too large for the memory.") from error
    if image is None:
        raise UnreadableImageError(f"{printable(name)}: cannot be decoded as a picture ({_complaint(data)}).")
    return image


def _decode_any(data: bytes, name: str, channels: int, reduce: int) -> np.ndarray | None:
    """Decode a picture by the first means that can, or return None."""
    header = tiff_header(io.BytesIO(data))
    bands = channels not in {1, 3}
    if not bands and (header is None or header.plain):
        image = _decode_usual(data, name, channels, reduce)
        if image is not None or header is None or header.samples <= 4:
            return image
    numbers = _decode_whole(data) if header is None else read_bands(data, header, bands, name)
    return None if numbers is None else fit_channels(as_bytes(numbers, name), channels, name)


def _decode_usual(data: bytes, name: str, channels: int, reduce: int) -> np.ndarray | None:
    """Decode a picture that a decoder brings to one or three channels of bytes by itself, or return None."""
    turned_webp = data[:4] == b"RIFF" and b"EXIF" in data  # older versions of OpenCV leave these lying on their side
    if turned_webp or name.rpartition(".")[2].lower() in PILLOW_FIRST:
        image = _decode_with_pillow(data, channels)
        return decode_image(data, channels, reduce) if image is None else image
    image = decode_image(data, channels, reduce)
    return _decode_with_pillow(data, channels) if image is None else image


def _decode_whole(data: bytes) -> np.ndarray | None:
    """Decode a picture with all channels that it has, upright, or return None."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        return None
    return None if image is None else turned_upright(image, _orientation(data))


def _orientation(data: bytes) -> int:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            found = picture.getexif().get(EXIF_ORIENTATION, 1)
            return found if isinstance(found, int) else 1
    except Exception:  # on damaged files Pillow's parsers raise whatever they stumble over
        return 1


def decode_image(data: bytes, channels: int = 3, reduce: int = 1) -> np.ndarray | None:
    """Decode the bytes of a picture file, with sides divided by `reduce`, or return None where OpenCV cannot.

    A JPEG that lacks only its end marker is decoded in full; the file it came from stays as it is.

    Args:
        data: content of the file.
        channels: 3 or 1.
        reduce: 1, 2, 4 or 8 for three channels.
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
    except Exception:  # on damaged files Pillow's decoders raise whatever they stumble over, also what is no OSError
        return None


def _decode_with_pillow(data: bytes, channels: int) -> np.ndarray | None:
    """Decode formats that OpenCV lacks through Pillow and its plugins, or return None."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return from_pillow(picture, channels)
    except UnusablePictureError:
        raise
    except Exception:  # as above
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
    except Image.DecompressionBombError as error:
        return f"{str(error).partition(',')[0]}; tiny files can claim any size"
    except MemoryError:
        return "too large for the memory"
    except Exception as error:
        return printable(error, 200) or type(error).__name__
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
