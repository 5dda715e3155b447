"""Checking a picture with its mask or depth file: what is wrong with which file, and whether the pair can be used.

As with label files nothing is written, and every problem is a `Finding`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from ultralytics.data.describe.locate import img2label_paths
from ultralytics.data.images.arrays import is_cached_array
from ultralytics.data.images.formats import IMG_FORMATS, is_array
from ultralytics.data.images.io import UnreadableImageError
from ultralytics.data.images.maps import check_depth_scale, metres, read_class_map, read_depth_numbers
from ultralytics.data.labels.verify import Finding, LabelRows, ScanRow, scan_image
from ultralytics.utils.text import printable

__all__ = [
    "DEPTH_SUFFIXES",
    "MASK_SUFFIXES",
    "find_map",
    "no_objects",
    "scan_depth",
    "scan_mask",
    "verify_image_depth",
    "verify_image_mask",
]

MASK_SUFFIXES = (".png", *(f".{suffix}" for suffix in sorted(IMG_FORMATS - {"png"})))
DEPTH_SUFFIXES = (".png", ".npy")
SHAPE_SLACK = 0.02  # by which the aspect ratios of picture and depth may differ
MAX_NAMED = 5  # numbers in a message


def find_map(image: str, folder: str, suffixes: Sequence[str]) -> str:
    """Return the mask or depth file of an image, or the name that it would have.

    Args:
        image: image file; its last folder named `images` becomes `folder`.
        folder: name of the folder.
        suffixes: those that the file may have, the most likely one first.
    """
    stem = img2label_paths([image], folder, "")[0]
    for suffix in suffixes:
        for path in (stem + suffix, stem + suffix.upper()):
            if path != image and os.path.exists(path) and not (is_array(path) and is_cached_array(path)):
                return path
    return stem + suffixes[0]


def no_objects() -> LabelRows:
    """Return the label rows of a picture without objects."""
    return LabelRows(np.zeros(0, np.float32), np.zeros((0, 4), np.float32), [], None)


def _reason(error: Exception, path: str) -> str:
    return str(error).removeprefix(f"{printable(path)}: ")


def scan_mask(image: str, mask: str, meaningless: np.ndarray, channels: int = 3) -> ScanRow:
    """Check a picture and its mask.

    Args:
        image: image file.
        mask: mask file.
        meaningless: table of the numbers that a mask must not hold, by number; those beyond its end are among them.
        channels: of the picture.
    """
    size_hw, findings = scan_image(image, channels)
    if size_hw == (0, 0):
        return ScanRow(size_hw, None, findings)
    if mask == image:
        return ScanRow(size_hw, None, [*findings, Finding("missing mask", image, 0, "it is not in a folder 'images'")])
    try:
        numbers = read_class_map(mask, check=True)
    except FileNotFoundError:
        return ScanRow(size_hw, None, [*findings, Finding("missing mask", image, 0, f"no file {printable(mask)}")])
    except (UnreadableImageError, OSError) as error:
        return ScanRow(size_hw, None, [*findings, Finding("unreadable mask", mask, 0, _reason(error, mask))])
    if numbers.shape != size_hw:
        have, want = (f"{w}x{h}" for h, w in (numbers.shape, size_hw))
        text = f"the mask has {have} pixels, the picture {want}"
        return ScanRow(size_hw, None, [*findings, Finding("size of the mask", mask, 0, text)])
    if unknown := _meaningless_numbers(numbers, meaningless):
        listed = ", ".join(map(str, unknown[:MAX_NAMED])) + (" ..." if len(unknown) > MAX_NAMED else "")
        text = f"pixels are {listed}, which is neither a class of the data set nor 255 (ignored)"
        return ScanRow(size_hw, None, [*findings, Finding("class id", mask, 0, text)])
    return ScanRow(size_hw, no_objects(), findings)


def _meaningless_numbers(numbers: np.ndarray, table: np.ndarray) -> list[int]:
    if numbers.dtype.kind == "i" and numbers.min() < 0:
        return [int(numbers.min())]
    if numbers.max() >= 1 << 20:  # counting would take the memory of an array as long
        return [int(numbers.max())]
    present = np.flatnonzero(np.bincount(numbers.ravel()))
    return [int(n) for n in present if n >= len(table) or table[n]]


def scan_depth(image: str, depth: str, scale: float, channels: int = 3) -> ScanRow:
    """Check a picture and its depth file.

    Args:
        image: image file.
        depth: depth file.
        scale: what the numbers of a PNG are divided by.
        channels: of the picture.
    """
    size_hw, findings = scan_image(image, channels)
    if size_hw == (0, 0):
        return ScanRow(size_hw, None, findings)
    if depth == image:
        return ScanRow(size_hw, None, [*findings, Finding("missing depth", image, 0, "it is not in a folder 'images'")])
    try:
        found = metres(read_depth_numbers(depth), check_depth_scale(scale))
    except FileNotFoundError:
        return ScanRow(size_hw, None, [*findings, Finding("missing depth", image, 0, f"no file {printable(depth)}")])
    except (UnreadableImageError, OSError, ValueError) as error:
        return ScanRow(size_hw, None, [*findings, Finding("unreadable depth", depth, 0, _reason(error, depth))])
    (h, w), (height, width) = found.shape, size_hw
    if abs((w / h) / (width / height) - 1) > SHAPE_SLACK:
        text = f"it has {w}x{h} pixels, the picture {width}x{height}; their aspect ratios must agree within 2 %"
        return ScanRow(size_hw, None, [*findings, Finding("shape of the depth", depth, 0, text)])
    if not found.any():
        findings = [*findings, Finding("no known depth", depth, 0, "nothing to learn from: no pixel is above 0")]
    return ScanRow(size_hw, no_objects(), findings)


def verify_image_mask(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Check one image and its mask.

    Args:
        args: (image file, mask file, prefix of messages, table of meaningless numbers).

    Returns:
        (image file, mask file, (height, width), Pillow's mode of the mask, missing, found, corrupt, message), the
        counts 0 or 1. The first four are None for an image that is to be left out.
    """
    image, mask, prefix, meaningless = args
    size_hw, rows, findings = scan_mask(os.fspath(image), os.fspath(mask), np.asarray(meaningless))
    missing = int(any(finding.kind == "missing mask" for finding in findings))
    message = _message(findings, prefix, rows is not None)
    if rows is None:
        return None, None, None, None, missing, 0, 1 - missing, message
    with Image.open(mask) as picture:
        mode = picture.mode
    return image, mask, size_hw, mode, 0, 1, 0, message


def verify_image_depth(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Check one image and its depth file.

    Args:
        args: (image file, depth file, prefix of messages, scale of depth files).

    Returns:
        (image file, (height, width), found, missing, corrupt, message), the counts 0 or 1. The first two are None for
        an image that is to be left out.
    """
    image, depth, prefix, scale = args
    size_hw, rows, findings = scan_depth(os.fspath(image), os.fspath(depth), scale)
    missing = int(any(finding.kind == "missing depth" for finding in findings))
    message = _message(findings, prefix, rows is not None)
    if rows is None:
        return None, None, 0, missing, 1 - missing, message
    return image, size_hw, 1, 0, 0, message


def _message(findings: Sequence[Finding], prefix: str, usable: bool) -> str:
    text = "; ".join(map(str, findings))
    return text and f"{prefix}{text if usable else f'left out: {text}'}"
