"""Folders of classes: which classes a folder has, and which of the files in them are pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ultralytics.data.describe.locate import walk
from ultralytics.data.images.arrays import without_cached
from ultralytics.data.images.formats import is_array, is_image
from ultralytics.utils.text import label_text

__all__ = ["Listing", "class_names", "examples", "list_pictures"]


@dataclass(frozen=True)
class Listing:
    """Content of a folder of class folders.

    Attributes:
        names: class folders, sorted.
        files: pictures, class by class, sorted within each.
        owners: position of each picture's class in `names`.
        others: files in class folders that are no pictures by their suffix.
        loose: pictures that lie in no class folder.
    """

    names: tuple[str, ...]
    files: tuple[str, ...]
    owners: tuple[int, ...]
    others: tuple[str, ...]
    loose: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Return the number of pictures of every class."""
        counts = dict.fromkeys(self.names, 0)
        for owner in self.owners:
            counts[self.names[owner]] += 1
        return counts


def class_names(folder: str | os.PathLike) -> list[str]:
    """Return the names of the class folders, sorted; hidden folders and those of archive tools are none."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith((".", "__")))


def list_pictures(folder: str | os.PathLike) -> Listing:
    """List a folder of class folders; each is searched with its sub-folders, links are followed."""
    names = class_names(folder)
    files: list[str] = []
    owners: list[int] = []
    others: list[str] = []
    for i, name in enumerate(names):
        for path in without_cached(walk(os.path.join(folder, name), hidden=False)):
            if is_image(path) or is_array(path):
                files.append(path)
                owners.append(i)
            else:
                others.append(path)
    with os.scandir(folder) as entries:
        loose = sorted(e.path for e in entries if e.is_file() and is_image(e.name))
    return Listing(tuple(names), tuple(files), tuple(owners), tuple(others), tuple(loose))


def examples(names: Iterable[str], most: int = 5) -> str:
    """Name the first few of several things."""
    listed: Sequence[str] = list(names)
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(map(label_text, listed[:most])) + rest
