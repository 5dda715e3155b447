"""What the numbers of a picture mean: one rule for arrays, Pillow pictures, tensors and files.

Networks learn from bytes, so every picture becomes levels 0 to 255, by its type and, where that leaves it open, by the
range of its numbers:

    bytes                             levels, as they are
    truth values                      black and white
    16 bits without sign              0..65535, the upper eight bits count, as in a decoder of picture files
    other whole numbers, 0..255       levels                             (a guess: said once)
    other whole numbers, 256..65535   as 16 bits without sign            (a guess: said once)
    floats, 0..1                      shares of full brightness          (a guess: said once)
    floats, 1..255                    levels                             (a guess: said once)
    anything else                     `UnusablePictureError`: NaN, infinity, below 0, above the ranges, other types

Nothing is clipped but what rounding puts half a level out of range.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageOps

from ultralytics.utils.log import LOGGER, warn_once

__all__ = [
    "UnusablePictureError",
    "as_bytes",
    "as_drawable",
    "drawable_inputs",
    "fit_channels",
    "from_pillow",
    "meaning",
]

LEVELS, DEEP, SHARES = "levels 0 to 255", "0 to 65535", "shares of full brightness, 0 to 1"
FULL = {LEVELS: 255.0, DEEP: 65535.0, SHARES: 1.0}
HALF_LEVEL = 0.5 / 255  # of full brightness: what rounding evens out


class UnusablePictureError(ValueError):
    """The numbers or the shape of a picture leave open what it shows; the message names it and says what is taken."""


def meaning(low: float, high: float, whole: bool, kind: str, name: str, warn: bool = True) -> str:
    """Tell from the range of a picture's numbers what they count, with a warning, as it is a guess.

    Args:
        low, high: smallest and largest number.
        whole: the type holds whole numbers only.
        kind: name of the type.
        name: what errors call the picture.
        warn: say that it is a guess.

    Returns:
        `LEVELS`, `DEEP` or `SHARES`.

    Raises:
        UnusablePictureError: for ranges that mean nothing.
    """
    known = (LEVELS, DEEP) if whole else (SHARES, LEVELS)
    for scale in known:
        slack = 0 if whole else HALF_LEVEL * FULL[scale]
        if high <= FULL[scale] + slack and low >= -slack:
            if warn and high > 0:
                warn_once(f"pictures of {kind} are read as {scale}, going by their range; uint8 leaves no doubt.")
            return scale
        if high <= FULL[scale] + slack:
            break  # negative: the wider range would only hide it
    found = "NaN" if low != low else f"{low:g} to {high:g}"
    raise UnusablePictureError(
        f"{name}: its numbers ({kind}, {found}) mean nothing here; scale them to {' or '.join(known)}, or to bytes."
    )


def as_bytes(array: np.ndarray, name: str = "a picture", warn: bool = True) -> np.ndarray:
    """Return the levels of an array as bytes, by the rule of this module; bytes come back as the same object.

    Args:
        array: picture of any shape.
        name: what errors call it.
        warn: say what had to be guessed.

    Raises:
        UnusablePictureError: where the rule refuses.
    """
    if array.dtype == np.uint8:
        return array
    if not array.size:
        raise UnusablePictureError(f"{name}: a picture of shape {array.shape} has no pixels.")
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    kind, whole = array.dtype.name, array.dtype.kind in "iu"
    if not whole and array.dtype.kind != "f":
        raise UnusablePictureError(f"{name}: numbers of type {kind} are no picture; use bytes (uint8).")
    low, high = array.min(), array.max()
    deep = kind == "uint16"
    if deep and 0 < high < 256:
        warn_once(
            "a picture of 16 bits without a level above 255 is all black; give bytes where 255 is full brightness."
        )
    scale = DEEP if deep else meaning(float(low), float(high), whole, kind, name, warn)
    if scale == DEEP:
        return (array >> 8).astype(np.uint8)
    if whole:
        return array.astype(np.uint8)
    levels = array.astype(np.float32) * np.float32(255 / FULL[scale])
    return np.rint(levels, out=levels).clip(0, 255).astype(np.uint8)


def fit_channels(image: np.ndarray, channels: int, name: str = "a picture") -> np.ndarray:
    """Return a contiguous (H, W, channels) array of bytes: grey spreads to colour or the other way, alpha is dropped.

    Args:
        image: bytes, (H, W) or (H, W, C); three channels are BGR, four BGR and alpha.
        channels: those that the network takes.
        name: what errors call the picture.

    Raises:
        UnusablePictureError: for other shapes and numbers of channels.
    """
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or not image.size:
        raise UnusablePictureError(f"{name}: a picture is (height, width, {channels}), not {image.shape}.")
    have = image.shape[2]
    if have == channels:
        return np.ascontiguousarray(image)
    if channels == 1 and have in {3, 4}:
        return cv2.cvtColor(np.ascontiguousarray(image[..., :3]), cv2.COLOR_BGR2GRAY)[..., None]
    if channels == 3 and have in {1, 4}:
        return np.ascontiguousarray(image[..., :3] if have == 4 else np.repeat(image, 3, axis=2))
    order = " Channels come last: transpose(1, 2, 0)." if image.shape[0] == channels else ""
    raise UnusablePictureError(
        f"{name}: has {have} channel{'s' * (have != 1)}, but the model takes {channels}: a picture is "
        f"(height, width, {channels}), not {image.shape}.{order}"
    )


def from_pillow(picture: Image.Image, channels: int = 3, name: str = "a picture") -> np.ndarray:
    """Return a Pillow picture of any mode, turned upright, as bytes (H, W, channels), BGR where there is colour.

    Raises:
        UnusablePictureError: where the rule refuses, or the number of channels does not fit.
    """
    mode, in_png = picture.mode, picture.format == "PNG"
    upright = ImageOps.exif_transpose(picture)
    if mode in {"I", "F", "1"} or mode.startswith("I;16"):
        numbers = np.asarray(upright)
        if mode == "I" and in_png:  # older Pillow gives 16 bits as 32; the format has no more
            numbers = numbers.astype(np.uint16)
        return fit_channels(as_bytes(numbers, name), channels, name)
    if channels == 4 and mode == "RGBA":
        return np.ascontiguousarray(np.asarray(upright)[..., [2, 1, 0, 3]])
    try:
        coloured = upright if mode == "L" else upright.convert("RGB")
    except ValueError as error:
        raise UnusablePictureError(f"{name}: {error}; convert the picture to RGB.") from None
    if channels == 1:
        return np.asarray(coloured.convert("L"))[..., None]
    return fit_channels(np.asarray(coloured.convert("RGB"))[..., ::-1], channels, name)


def as_drawable(image: np.ndarray, warn: bool = True) -> np.ndarray:
    """Return any picture as (H, W, 3) BGR bytes to draw on: grey is spread, of many channels the first three are shown.

    Numbers that mean nothing are stretched over all levels, with a warning: a plot must not end a run.

    Args:
        image: (H, W) or (H, W, C); three channels of bytes come back as the same object.
        warn: say what had to be guessed.
    """
    image = image[..., None] if image.ndim == 2 else image
    try:
        image = as_bytes(image, warn=warn)
    except UnusablePictureError as error:
        LOGGER.warning(f"{error} Drawn with the lowest number as black and the highest as white.")
        image = _stretched(image)
    if image.shape[2] == 3:
        return image
    return image[..., :3] if image.shape[2] > 3 else np.repeat(image[..., :1], 3, axis=2)


def drawable_inputs(images: np.ndarray) -> np.ndarray:
    """Return a batch as networks take it, (B, C, H, W), RGB where C is 3, as pictures (B, H, W, 3) to draw on, BGR.

    The numbers of all pictures have one range; otherwise as `as_drawable`.
    """
    bands = images[:, ::-1] if images.shape[1] == 3 else images
    rows = bands.transpose(0, 2, 3, 1).reshape(-1, images.shape[3], images.shape[1])  # one tall picture
    return np.ascontiguousarray(as_drawable(rows, warn=False)).reshape(len(images), *images.shape[2:], 3)


def _stretched(image: np.ndarray) -> np.ndarray:
    if image.dtype.kind not in "iuf" or not image.size:
        return np.zeros(image.shape, np.uint8)
    numbers = np.nan_to_num(image.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = numbers.min(), numbers.max()
    return ((numbers - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
