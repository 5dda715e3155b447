"""Checking one picture and its label file: what is wrong, where, and what remains usable.

Every problem is a `Finding` with a kind that can be counted, the file and the line. Nothing is written: a damaged JPEG
is mended in memory at every read. Rows follow the YOLO text formats, all values normalised by the picture's size:

    detect   class x_centre y_centre width height
    segment  class x1 y1 x2 y2 x3 y3 ...              (three points or more; the box is the polygon's bounds)
    pose     class x_centre y_centre width height, then K times x y or x y visibility

N rows of a file, K keypoints, P points of a polygon.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from ultralytics.data.images.formats import IMG_FORMATS, is_array
from ultralytics.data.images.io import header_size_hw, imread, jpeg_lacks_end, mend_jpeg
from ultralytics.data.images.tiff import tiff_header
from ultralytics.data.labels.polygons import have_area
from ultralytics.utils.text import printable

__all__ = [
    "KINDS",
    "Finding",
    "LabelRows",
    "LabelRules",
    "ScanRow",
    "check_image",
    "parse_label",
    "scan_image",
    "scan_pair",
    "verify_image",
    "verify_image_label",
]

MIN_SIDE_PX = 10
MAX_LABEL_BYTES = 50_000_000
SLACK = 0.01  # coordinates may leave 0..1 by this much, which rounding in label tools does
BOX_VALUES = 5  # of a row: class and box
NEEDS_POLYGONS = "the task needs polygons (class x1 y1 x2 y2 x3 y3 ...)"
MAX_LINES_NAMED = 5  # a file wrong in every line is not worth a thousand messages

# kind of finding -> whether the image is left out because of it
KINDS = {
    "missing label file": False,
    "empty label file": False,
    "duplicate row": False,
    "object without area": False,
    "mended JPEG": False,
    "missing image": True,
    "unreadable image": True,
    "unreadable label file": True,
    "wrong number of values": True,
    "not a number": True,
    "coordinate out of range": True,
    "class id": True,
    "polygons and boxes in one file": True,
    "boxes where polygons are needed": True,
    "missing mask": True,
    "unreadable mask": True,
    "size of the mask": True,
    "missing depth": True,
    "unreadable depth": True,
    "shape of the depth": True,
    "no known depth": False,
}


class Finding(NamedTuple):
    """One problem. `line` counts from 1; 0 means the whole file."""

    kind: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return printable(f"{where}: {self.kind}: {self.text}" if self.text else f"{where}: {self.kind}")


@dataclass(frozen=True)
class LabelRules:
    """What a label file has to look like.

    Attributes:
        nc: number of classes; 0 leaves the upper limit of class ids unchecked.
        kpt_shape: (K, 2 or 3) for pose data sets, else None.
        single_cls: class ids do not matter, since all become 0.
        channels: of the pictures.
        polygons: boxes will not do: segmentation and rotated boxes.
        pose_values: values of the rows of a pose data set that is read for its boxes, 0 for other data sets.
    """

    nc: int = 0
    kpt_shape: tuple[int, int] | None = None
    single_cls: bool = False
    channels: int = 3
    polygons: bool = False
    pose_values: int = 0


class LabelRows(NamedTuple):
    """Content of one label file.

    Attributes:
        cls: (N,) float32.
        boxes: (N, 4) float32 x centre, y centre, width, height, normalised.
        segments: N arrays (P, 2) float32, or an empty list.
        keypoints: (N, K, 3) float32, or None.
    """

    cls: np.ndarray
    boxes: np.ndarray
    segments: list[np.ndarray]
    keypoints: np.ndarray | None


class ScanRow(NamedTuple):
    """Outcome for one image: `rows` is None where it is left out."""

    size_hw: tuple[int, int]
    rows: LabelRows | None
    findings: list[Finding]


class _Problem(Exception):
    """Carries a finding out of a check."""

    def __init__(self, kind: str, text: str):
        super().__init__(text)
        self.kind = kind


def check_image(path: str | os.PathLike, channels: int = 3) -> tuple[tuple[int, int], str]:
    """Check that a picture can be used and return its (height, width) after orientation, and a note or ''.

    Args:
        path: picture, or array (`.npy`).
        channels: those that it has to give.

    Raises:
        FileNotFoundError: where there is none.
        ValueError: saying what is wrong with it.
    """
    path = os.fspath(path)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("not a regular file")  # reading a pipe would wait for ever
    try:
        size_hw, image_format = _measured(path, channels)
    except FileNotFoundError:
        raise
    except UnidentifiedImageError:
        raise ValueError("the file is empty" if os.path.getsize(path) == 0 else "not a known picture format") from None
    except ImportError:  # a package that reads such pictures is missing
        raise
    except Exception as error:  # Pillow's parsers raise whatever they stumble over
        raise ValueError(str(error).removeprefix(f"{path}: ") or type(error).__name__) from error
    if min(size_hw) < MIN_SIDE_PX:
        raise ValueError(f"{size_hw[1]}x{size_hw[0]} pixels; both sides must be at least {MIN_SIDE_PX}")
    if image_format and image_format not in IMG_FORMATS:
        raise ValueError(f"format '{image_format}' is not one of {', '.join(sorted(IMG_FORMATS))}")
    if image_format in {"jpeg", "mpo"} and jpeg_lacks_end(path):
        with open(path, "rb") as file:
            if mend_jpeg(file.read()) is None:
                raise ValueError("truncated JPEG, part of the picture is missing")
        return size_hw, "the end marker is missing or followed by padding; corrected at every read, file left as it is"
    return size_hw, ""


def _measured(path: str, channels: int) -> tuple[tuple[int, int], str]:
    """Size and format of a picture. What a decoder does not bring to bytes by itself is read, to see whether it can be.

    The format of what was read is '': it does not matter any more.
    """
    if channels in {1, 3} and not is_array(path):
        try:
            found = _read_header(path)
        except UnidentifiedImageError:
            found = None
        if found is not None and found[1] != "tiff":
            return found
        with open(path, "rb") as file:
            header = tiff_header(file)
        if found is not None and (header is None or header.plain):
            return found
        if header is None:
            raise UnidentifiedImageError
    return imread(path, channels).shape[:2], ""


def _read_header(path: str) -> tuple[tuple[int, int], str]:
    with Image.open(path) as picture:
        size_hw = header_size_hw(picture)
        image_format = (picture.format or "").lower()
    if image_format not in {"jpeg", "mpo"}:  # those have no checksums
        with Image.open(path) as picture:  # anew: reading the orientation may have moved on in the file
            picture.verify()
    return size_hw, {"jpeg2000": "jp2"}.get(image_format, image_format)


def parse_label(text: str, rules: LabelRules) -> tuple[LabelRows | None, list[tuple[str, int, str]]]:
    """Read the text of a label file.

    Args:
        text: content of the file.
        rules: what to expect.

    Returns:
        The rows, or None where the file is unusable, and the problems as (kind, line, text).
    """
    numbered = [(number, values) for number, line in enumerate(text.splitlines(), 1) if (values := line.split())]
    if not numbered:
        return _no_rows(rules), [("empty label file", 0, "")]
    lines, tokens = [n for n, _ in numbered], [values for _, values in numbered]
    if rules.pose_values and {*map(len, tokens)} == {rules.pose_values}:
        tokens = [values[:BOX_VALUES] for values in tokens]
    polygons = rules.kpt_shape is None and (rules.polygons or max(map(len, tokens)) > 6)
    problems = _wrong_lengths(lines, tokens, polygons, rules)
    if problems:
        return None, _shorten(problems)
    try:
        values = [np.array(row, np.float32) for row in tokens] if polygons else np.array(tokens, np.float32)
    except ValueError:
        return None, _shorten(_unparsable(lines, tokens))
    keep, duplicates = _first_occurrences(lines, values)
    if duplicates:
        values = [values[i] for i in keep] if polygons else values[keep]
        lines = [lines[i] for i in keep]
    problems = _wrong_values(lines, values, rules)
    if problems:
        return None, _shorten(problems)
    solid = _have_area(values)
    flat = [("object without area", line, "left out") for line, good in zip(lines, solid, strict=True) if not good]
    if flat:
        values = [row for row, good in zip(values, solid, strict=True) if good] if polygons else values[solid]
    rows = (_polygon_rows(values) if polygons else _box_rows(values, rules)) if len(values) else _no_rows(rules)
    return rows, _shorten(duplicates) + _shorten(flat)


def _no_rows(rules: LabelRules) -> LabelRows:
    keypoints = np.zeros((0, rules.kpt_shape[0], 3), np.float32) if rules.kpt_shape else None
    return LabelRows(np.zeros(0, np.float32), np.zeros((0, 4), np.float32), [], keypoints)


def _wrong_lengths(
    lines: list[int], tokens: list[list[str]], polygons: bool, rules: LabelRules
) -> list[tuple[str, int, str]]:
    """Find rows with the wrong number of values; in a polygon file also rows that look like boxes."""
    lengths = {*map(len, tokens)}
    if polygons and lengths == {BOX_VALUES}:
        return [("boxes where polygons are needed", lines[0], f"{NEEDS_POLYGONS}, and the file has boxes only")]
    if rules.kpt_shape and lengths == {BOX_VALUES}:
        points, values = rules.kpt_shape
        text = f"the file has boxes only; pose rows have {points} x {values} values more"
        return [("wrong number of values", lines[0], text)]
    if not polygons:
        expected = BOX_VALUES + (rules.kpt_shape[0] * rules.kpt_shape[1] if rules.kpt_shape else 0)
        return [
            ("wrong number of values", line, f"{len(row)} values where {expected} are expected")
            for line, row in zip(lines, tokens, strict=True)
            if len(row) != expected
        ]
    problems = []
    for line, row in zip(lines, tokens, strict=True):
        if len(row) == BOX_VALUES:
            problems.append(("polygons and boxes in one file", line, "a box row among polygon rows"))
        elif len(row) < 7 or len(row) % 2 == 0:
            text = f"{len(row)} values; a polygon has a class and x y of three points or more"
            problems.append(("wrong number of values", line, text))
    return problems


def _unparsable(lines: list[int], tokens: list[list[str]]) -> list[tuple[str, int, str]]:
    problems = []
    for line, row in zip(lines, tokens, strict=True):
        for token in row:
            try:
                float(token)
            except ValueError:
                problems.append(("not a number", line, f"'{token[:40]}'"))
                break
    return problems


def _first_occurrences(lines: list[int], values: Sequence[np.ndarray]) -> tuple[list[int], list[tuple[str, int, str]]]:
    """Indices of rows that were not there before, in their order, and a problem for each of the others."""
    seen: dict[bytes, int] = {}
    problems, keep = [], []
    for i, row in enumerate(values):
        first = seen.setdefault(row.tobytes(), i)
        if first == i:
            keep.append(i)
        else:
            problems.append(("duplicate row", lines[i], f"same as line {lines[first]}; used once"))
    return keep, problems


def _have_area(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return which rows (N,) are boxes with width and height, or polygons whose points are not all on one line."""
    if isinstance(values, np.ndarray):
        return (values[:, 3:5] > 0).all(1)
    return have_area([row[1:].reshape(-1, 2) for row in values])


def _wrong_values(lines: list[int], values: Sequence[np.ndarray], rules: LabelRules) -> list[tuple[str, int, str]]:
    """Find rows whose class or coordinates are impossible."""
    coordinates = 4 if rules.kpt_shape else None  # keypoints outside the picture are allowed: they are not visible
    if isinstance(values, np.ndarray) and _plausible(values, coordinates, rules):
        return []
    problems = []
    for line, row in zip(lines, values, strict=True):
        checked = row[1:][:coordinates] if isinstance(values, np.ndarray) else _bounds(row[1:])
        problem = _wrong_class(float(row[0]), rules) or _wrong_coordinates(checked, len(row))
        if problem is None and not np.isfinite(row).all():
            problem = ("not a number", "the row contains NaN or infinity")
        if problem:
            problems.append((problem[0], line, problem[1]))
    return problems


def _plausible(values: np.ndarray, coordinates: int | None, rules: LabelRules) -> bool:
    """Decide in a few array operations that a whole table is fine, which nearly all are."""
    boxes, cls = values[:, 1:][:, :coordinates], values[:, 0]
    return bool(
        np.isfinite(values).all()
        and boxes.min() >= -SLACK
        and boxes.max() <= 1 + SLACK
        and values[:, 3:5].min() >= 0
        and cls.min() >= 0
        and (cls == np.floor(cls)).all()
        and (rules.single_cls or not rules.nc or cls.max() < rules.nc)
    )


def _wrong_class(cls: float, rules: LabelRules) -> tuple[str, str] | None:
    if not np.isfinite(cls):
        return "not a number", f"class {cls}"
    if cls != int(cls) or cls < 0:
        return "class id", f"{cls:g} is not a whole number from 0"
    if rules.nc and not rules.single_cls and cls >= rules.nc:
        return "class id", f"{cls:g}, but the data set has {rules.nc} classes, 0 to {rules.nc - 1}"
    return None


def _bounds(polygon: np.ndarray) -> np.ndarray:
    """Centre and size of a flat polygon's bounds: corners of objects at the border may lie outside the picture."""
    low, high = polygon.reshape(-1, 2).min(0), polygon.reshape(-1, 2).max(0)
    return np.concatenate(((low + high) / 2, high - low))


def _wrong_coordinates(row: np.ndarray, length: int) -> tuple[str, str] | None:
    if not np.isfinite(row).all():
        return "not a number", "a coordinate is NaN or infinite"
    low, high = row.min(), row.max()
    if high > 1 + SLACK or low < -SLACK:
        worst = high if high > 1 + SLACK else low
        return "coordinate out of range", f"{worst:g}; coordinates are fractions of the picture's size, 0 to 1"
    if length == 5 and row[2:4].min() < 0:
        return "coordinate out of range", "negative width or height"
    return None


def _shorten(problems: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """Keep the first problems of a file and say how many more lines have one."""
    if len(problems) <= MAX_LINES_NAMED:
        return problems
    kind, line, text = problems[MAX_LINES_NAMED - 1]
    rest = len(problems) - MAX_LINES_NAMED
    return [*problems[: MAX_LINES_NAMED - 1], (kind, line, f"{text} (and {rest} more lines)")]


def _box_rows(values: np.ndarray, rules: LabelRules) -> LabelRows:
    keypoints = None
    if rules.kpt_shape:
        keypoints = values[:, 5:].reshape(len(values), *rules.kpt_shape)
        if rules.kpt_shape[1] == 2:
            visible = (keypoints >= 0).all(-1, keepdims=True).astype(np.float32)
            keypoints = np.concatenate((keypoints, visible), -1)
    return LabelRows(values[:, 0].copy(), values[:, 1:5].copy(), [], keypoints)


def _polygon_rows(values: Sequence[np.ndarray]) -> LabelRows:
    segments = [row[1:].reshape(-1, 2) for row in values]
    low = np.array([points.min(0) for points in segments], np.float32)
    high = np.array([points.max(0) for points in segments], np.float32)
    boxes = np.concatenate(((low + high) / 2, high - low), 1)
    return LabelRows(np.array([row[0] for row in values], np.float32), boxes, segments, None)


def scan_image(path: str, channels: int = 3) -> tuple[tuple[int, int], list[Finding]]:
    """Check a picture; its size is (0, 0) where it is unusable."""
    try:
        size_hw, note = check_image(path, channels)
    except FileNotFoundError:
        return (0, 0), [Finding("missing image", path, 0, "no such file")]
    except ValueError as error:
        return (0, 0), [Finding("unreadable image", path, 0, str(error))]
    return size_hw, [Finding("mended JPEG", path, 0, note)] if note else []


def _label_text(file: str) -> str:
    """Return the content of a label file.

    Raises:
        FileNotFoundError: where there is none.
        OSError, ValueError: no file, no text, or too large.
    """
    status = os.stat(file)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > MAX_LABEL_BYTES:
        raise ValueError(f"it has {status.st_size / 1e6:,.0f} MB; a label file has at most {MAX_LABEL_BYTES / 1e6:.0f}")
    with open(file, encoding="utf-8-sig") as stream:
        return stream.read()


def scan_pair(image: str, label: str, rules: LabelRules) -> ScanRow:
    """Check a picture and its label file."""
    size_hw, findings = scan_image(image, rules.channels)
    if size_hw == (0, 0):
        return ScanRow(size_hw, None, findings)
    try:
        rows, problems = parse_label(_label_text(label), rules)
    except FileNotFoundError:
        rows, problems = _no_rows(rules), [("missing label file", 0, "")]
    except (OSError, ValueError) as error:
        rows, problems = None, [("unreadable label file", 0, str(error))]
    return ScanRow(size_hw, rows, findings + [Finding(kind, label, line, text) for kind, line, text in problems])


def verify_image(args: tuple[Any, str]) -> tuple[Any, int, int, str]:
    """Check one sample of a classification data set.

    Args:
        args: ((image file, class index), prefix of messages).

    Returns:
        The sample, 1 if it is usable, 1 if it is not, and a message or ''.
    """
    sample, prefix = args
    size_hw, findings = scan_image(os.fspath(sample[0]))
    usable = size_hw != (0, 0)
    return sample, int(usable), int(not usable), _message(findings, prefix, usable)


def verify_image_label(args: tuple) -> Sequence[Any]:
    """Check one image and its label file.

    Args:
        args: (image file, label file, prefix of messages, whether there are keypoints, number of classes, K,
            values per keypoint, single_cls).

    Returns:
        (image file, (N, 5) rows, (height, width), segments, keypoints, missing, found, empty, corrupt, message), where
        the four counts are 0 or 1. The first five are None for an image that is to be left out.
    """
    image, label, prefix, has_keypoints, nc, kpts, ndim, single_cls = args
    rules = LabelRules(int(nc or 0), (kpts, ndim) if has_keypoints else None, bool(single_cls))
    size_hw, rows, findings = scan_pair(os.fspath(image), os.fspath(label), rules)
    kinds = {finding.kind for finding in findings}
    missing, empty = int("missing label file" in kinds), int("empty label file" in kinds)
    found = int(not missing and size_hw != (0, 0))
    message = _message([f for f in findings if f.text], prefix, rows is not None)
    if rows is None:
        return [None, None, None, None, None, 0, found, 0, 1, message]
    table = np.concatenate((rows.cls[:, None], rows.boxes), 1)
    return image, table, size_hw, rows.segments, rows.keypoints, missing, found, empty, 0, message


def _message(findings: Sequence[Finding], prefix: str, usable: bool) -> str:
    text = "; ".join(map(str, findings))
    if not text:
        return ""
    return f"{prefix}{text}" if usable else f"{prefix}ignoring corrupt image/label: {text}"
