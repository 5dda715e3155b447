"""Finding files: the images that a data set's path names, and the label file of each image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ultralytics.data.images.arrays import without_cached
from ultralytics.data.images.formats import FORMATS_HELP_MSG, is_array, is_image

__all__ = ["find_images", "get_split_fraction", "img2label_paths", "read_lines", "walk"]


def find_images(source: str | os.PathLike | Sequence[str | os.PathLike], prefix: str = "") -> list[str]:
    """Return the sorted image files of a folder (with its sub-folders), of a list file, or of several of those.

    Lines of a list file name one image each. `./` and names that do not exist from the current folder are taken
    relative to the list's folder. Files that are no images are skipped.

    Raises:
        FileNotFoundError: where a source does not exist, or no image is found.
    """
    sources = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    found = {name for one in sources for name in _images_of(Path(one), prefix)}
    if not found:
        names = ", ".join(f"'{one}'" for one in sources)
        raise FileNotFoundError(f"{prefix}no images found in {names}. {FORMATS_HELP_MSG}")
    return sorted(found)


def _images_of(source: Path, prefix: str) -> Iterator[str]:
    if source.is_dir():
        yield from filter(_is_picture, without_cached(walk(os.fspath(source))))
    elif source.is_file():
        yield from filter(_is_picture, _listed(source)) if not _is_picture(source) else [os.fspath(source)]
    else:
        raise FileNotFoundError(f"{prefix}'{source}' does not exist; expected a folder of images or a list file.")


def _is_picture(path: str | os.PathLike) -> bool:
    return is_image(path) or is_array(path)


def walk(folder: str, hidden: bool = True, seen: set[tuple[int, int]] | None = None) -> Iterator[str]:
    """Return the files below a folder, in order; linked folders are followed, each folder once.

    Args:
        folder: where to start.
        hidden: also files and folders whose name starts with a dot.
        seen: device and inode of the folders that have been visited.
    """
    seen = set() if seen is None else seen
    status = os.stat(folder)
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    with os.scandir(folder) as entries:
        ordered = sorted((e for e in entries if hidden or not e.name.startswith(".")), key=lambda e: e.name)
    for entry in ordered:
        if entry.is_dir():
            yield from walk(entry.path, hidden, seen)
        else:
            yield entry.path


def _listed(file: Path) -> Iterator[str]:
    """Paths that the lines of a list file name."""
    folder = os.fspath(file.parent)
    for line in read_lines(file):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        if name.startswith("./") or not (os.path.isabs(name) or os.path.exists(name)):
            name = os.path.join(folder, name.removeprefix("./"))
        yield name


def read_lines(file: Path) -> list[str]:
    """Return the lines of a list of paths.

    Raises:
        ValueError: it is no text; names the file.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"'{file}' is no list of paths: it is not UTF-8 text (byte {error.start}).") from error
    if "\0" in text:
        raise ValueError(f"'{file}' is no list of paths: it holds zero bytes.")
    return text.splitlines()


def img2label_paths(
    img_paths: Iterable[str | os.PathLike], label_dir: str = "labels", suffix: str = ".txt"
) -> list[str]:
    """Label file of each image: the last folder named `images` becomes `label_dir`, the suffix becomes `suffix`.

    An image with no such folder has its label file beside it.
    """
    old, new = f"{os.sep}images{os.sep}", f"{os.sep}{label_dir}{os.sep}"
    return [new.join(os.path.splitext(os.fspath(path))[0].rsplit(old, 1)) + suffix for path in img_paths]


def get_split_fraction(fraction: Any, split: str) -> float:
    """Amount of a split's images that the `fraction` argument asks for.

    Args:
        fraction: a ratio in (0, 1] or a count above 1 for the training split, or a list of those for train, val and
            test, of which the last may be 0.
        split: `train`, `val` or `test`.

    Returns:
        Ratio or count; 1.0 where the argument does not speak of that split.

    Raises:
        ValueError: for values outside those ranges.
    """
    given = fraction if isinstance(fraction, (list, tuple)) else [fraction]
    place = {"train": 0, "val": 1, "minival": 1, "test": 2}.get(split)
    if place is None or place >= len(given):
        return 1.0
    amount = given[place]
    if amount == 0 and split == "test" and amount is not False:
        return 0.0
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not amount > 0:
        raise ValueError(f"fraction={fraction}: '{split}' gets {amount!r}; use a ratio in (0, 1] or a count of images.")
    if amount > 1 and amount != int(amount):
        raise ValueError(f"fraction={fraction}: {amount} is neither a ratio in (0, 1] nor a whole number of images.")
    return float(amount) if amount <= 1 else int(amount)
