"""Reading and writing files that hold a value for every pixel: class maps and depth.

Values are ids or lengths, so nothing here scales, mixes or converts them as pictures are. A class map has the id of
every pixel: the level of a grey picture, the index of a picture with coloured palette, the level that a grey palette
gives, 0 or 1 of a picture of one bit. Depth is in metres: a grey PNG of 16 bits has whole numbers to be divided by a
scale, an array (`.npy`) has the metres themselves. 0 stands for pixels whose depth is not known.
"""

from __future__ import annotations

import io
import math
import os

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ultralytics.data.images.arrays import read_array
from ultralytics.data.images.formats import is_array
from ultralytics.data.images.io import UnreadableImageError
from ultralytics.utils.files import atomic_write
from ultralytics.utils.text import printable

__all__ = [
    "DEPTH_PNG_SCALE",
    "check_depth_scale",
    "load_depth",
    "metres",
    "read_class_map",
    "read_depth_numbers",
    "read_mask",
    "save_depth_png",
]

DEPTH_PNG_SCALE = 1000
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_BITS, PNG_COLOUR, PNG_HEADER_END = 24, 25, 33  # places of two bytes of a PNG, and where its first chunk ends
PNG_GREY = 0
GREY_STEPS = {1: 255, 2: 85, 4: 17, 8: 1, 16: 1}  # by bits: what decoders multiply grey levels by to fill a byte
DEEPEST = 65535


def read_class_map(path: str | os.PathLike, check: bool = False) -> np.ndarray:
    """Read a class map as it is, ids not yet mapped to classes.

    Args:
        path: file of any picture format.
        check: also compare the checksums of a PNG, which decoders may pass over.

    Returns:
        (H, W) uint8, uint16 or int32.

    Raises:
        FileNotFoundError: where there is no such file.
        UnreadableImageError: saying why it is no class map.
    """
    with open(path, "rb") as file:
        data = file.read()
    name = printable(path)
    if not data:
        raise UnreadableImageError(f"{name}: the file is empty.")
    try:
        if check:
            with Image.open(io.BytesIO(data)) as picture:
                picture.verify()
        found = _grey_png(data)
        return _with_pillow(data, name) if found is None else found
    except UnreadableImageError:
        raise
    except UnidentifiedImageError:
        raise UnreadableImageError(f"{name}: not a known picture format.") from None
    except Exception as error:  # Pillow's parsers raise whatever they stumble over
        raise UnreadableImageError(f"{name}: {printable(error, 200) or type(error).__name__}") from error


def read_mask(mask_file: str | os.PathLike, mode: str | None = None) -> np.ndarray:
    """Read a class map, see `read_class_map`.

    Args:
        mask_file: file of any picture format.
        mode: Pillow's name for its kind of pixels, which the file says itself.
    """
    return read_class_map(mask_file)


def _grey_png(data: bytes) -> np.ndarray | None:
    """Decode a grey PNG, several times faster than Pillow does; None for other files and whatever fails."""
    if data[: len(PNG_START)] != PNG_START or len(data) < PNG_HEADER_END or data[PNG_COLOUR] != PNG_GREY:
        return None
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if found is None or found.ndim != 2:  # a grey level may be declared transparent
        return None
    step = GREY_STEPS.get(data[PNG_BITS], 1)
    return found if step == 1 else found // np.uint8(step)


def _with_pillow(data: bytes, name: str) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        mode = picture.mode
        palette = _grey_levels(picture) if mode == "P" else None
        values = np.asarray(ImageOps.exif_transpose(picture))
    if mode in {"L", "P"}:
        return values if palette is None else palette[values]
    if mode.startswith("I;16"):
        return values.astype(np.uint16)  # in this machine's order of bytes
    if mode == "1":
        return values.astype(np.uint8)
    if mode == "I":
        return values.astype(np.int32)
    if mode == "LA":
        return np.ascontiguousarray(values[..., 0])
    if mode in {"RGB", "RGBA"}:
        if (values[..., :1] == values[..., 1:3]).all():
            return np.ascontiguousarray(values[..., 0])
        raise UnreadableImageError(
            f"{name}: is in colours without a palette; a class map has one number a pixel, the id of its class."
        )
    raise UnreadableImageError(f"{name}: pixels of kind '{mode}' are no class ids; use a grey or palette PNG.")


def _grey_levels(picture: Image.Image) -> np.ndarray | None:
    """Return the levels (256,) of a palette that is all grey, None of a coloured one."""
    colours = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
    if (colours != colours[:, :1]).any():
        return None
    levels = np.zeros(256, np.uint8)
    levels[: len(colours)] = colours[:, 0]
    return levels


def check_depth_scale(scale: float, name: str = "depth_scale") -> float:
    """Return the scale of depth files.

    Raises:
        ValueError: it is no finite number above 0.
    """
    number = isinstance(scale, (int, float)) and not isinstance(scale, bool)
    if not number or not math.isfinite(scale) or scale <= 0:
        raise ValueError(f"{name} is {scale!r}; metres are 'value / depth_scale', so it must be a number above 0.")
    return float(scale)


def read_depth_numbers(path: str | os.PathLike) -> np.ndarray:
    """Read a depth file as it is: (H, W) uint16 of a PNG, float32 of an array.

    Raises:
        FileNotFoundError: where there is no such file.
        UnreadableImageError: saying what is wrong with it.
    """
    name = printable(path)
    if is_array(path):
        try:
            numbers = read_array(path)
        except FileNotFoundError:
            raise
        except (OSError, ValueError, MemoryError) as error:
            raise UnreadableImageError(f"{name}: {error or 'too large for the memory'}") from error
        if numbers.ndim != 2 or not numbers.size or numbers.dtype.kind != "f":
            raise UnreadableImageError(
                f"{name}: a depth array is (height, width) in floating-point metres, not {numbers.dtype} of shape "
                f"{numbers.shape}."
            )
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, which is not known
            return numbers.astype(np.float32, order="C")  # also from other orders of bytes
    with open(path, "rb") as file:
        data = file.read()
    if data[: len(PNG_START)] != PNG_START or len(data) < PNG_HEADER_END:
        raise UnreadableImageError(f"{name}: {'is no PNG' if data else 'the file is empty'}; depth is a PNG or .npy.")
    if data[PNG_COLOUR] != PNG_GREY or data[PNG_BITS] != 16:
        kind = "grey" if data[PNG_COLOUR] == PNG_GREY else "coloured"
        raise UnreadableImageError(
            f"{name}: a depth PNG is grey with 16 bits, whole numbers of 1 / depth_scale metres; this one is {kind} "
            f"with {data[PNG_BITS]} bits."
        )
    found = _grey_png(data)
    if found is None or found.dtype != np.uint16:
        raise UnreadableImageError(f"{name}: cannot be decoded as a PNG.")
    return found


def metres(numbers: np.ndarray, scale: float) -> np.ndarray:
    """Return depth (H, W) float32 in metres of what a file holds; what is not finite or negative becomes 0.

    Args:
        numbers: whole numbers to be divided by `scale`, or floats that are metres.
        scale: see `check_depth_scale`.
    """
    if numbers.dtype.kind == "u":
        return numbers / np.float32(scale)
    with np.errstate(over="ignore"):
        depth = numbers.astype(np.float32)
    depth[~(depth > 0) | np.isinf(depth)] = 0  # NaN is not above 0
    return depth


def load_depth(path: str | os.PathLike, scale: float = DEPTH_PNG_SCALE) -> np.ndarray:
    """Read a depth file: (H, W) float32 in metres, 0 where the depth is not known.

    Args:
        path: grey PNG of 16 bits, or array (`.npy`) of floats.
        scale: what the numbers of a PNG are divided by.

    Raises:
        FileNotFoundError: where there is no such file.
        UnreadableImageError: saying what is wrong with it.
        ValueError: for an impossible scale.
    """
    return metres(read_depth_numbers(path), check_depth_scale(scale))


def save_depth_png(path: str | os.PathLike, depth: np.ndarray, scale: float = DEPTH_PNG_SCALE) -> None:
    """Write depth as a grey PNG of 16 bits, numbers cut off below the point; what is not known becomes 0.

    Args:
        path: file to write.
        depth: (H, W) metres.
        scale: what metres are multiplied by; data sets need the same `depth_scale`.

    Raises:
        ValueError: for an impossible scale, another shape, or depth above what the file can hold.
    """
    scale = check_depth_scale(scale, "scale")
    depth = np.asarray(depth)
    if depth.ndim != 2 or not depth.size:
        raise ValueError(f"depth is (height, width), not {depth.shape}.")
    known = metres(depth.astype(np.float64), scale).astype(np.float64)
    if known.max() * scale > DEEPEST:
        raise ValueError(
            f"{known.max():g} m at scale {scale:g} is more than a PNG of 16 bits holds, {DEEPEST / scale:g} m; "
            "use a smaller scale, and the same 'depth_scale' in the data set YAML."
        )
    done, data = cv2.imencode(".png", (known * scale).astype(np.uint16))
    if not done:
        raise ValueError(f"depth {depth.shape} cannot be written as a PNG.")
    with atomic_write(path) as file:
        file.write(data.tobytes())
