"""Archives of data sets, told apart by where they come from.

Many data sets are called `data.zip`. What is fetched lies in `<datasets_dir>/.archives/<hash of the address>/`, and a
note there says which folder it was unpacked to, so that neither an archive nor a folder of another data set is taken
for this one's because of its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ultralytics.utils.downloads import (
    DownloadError,
    extract_archive,
    file_lock,
    is_url,
    safe_download,
    sha256_of,
    url2file,
)
from ultralytics.utils.files import atomic_write
from ultralytics.utils.literals import read_json
from ultralytics.utils.log import LOGGER
from ultralytics.utils.settings import SETTINGS

__all__ = ["fetch_into_datasets", "unpacked"]

FOLDER = ".archives"
NOTE = "unpacked.json"
MARK = 8  # digits behind a folder's name where another data set has it already


def fetch_into_datasets(addresses: Sequence[str], sums: Sequence[str] = (), root: Path | None = None) -> list[Path]:
    """Fetch archives, unpack them into `datasets_dir` and return the folders that came out.

    Only the data set's own folder is added to where it is there already; files in it stay as they are.

    Args:
        addresses: http or https addresses.
        sums: SHA-256 digests of the first of them.
        root: the data set's folder.

    Raises:
        DownloadError: one could not be fetched, or is not the right one.
        ArchiveError: one was refused or is damaged.
    """
    datasets = Path(SETTINGS["datasets_dir"])
    folders = []
    for i, address in enumerate(addresses):
        home = datasets / FOLDER / _key(address)
        with file_lock(home):
            archive = _archive(address, datasets, sums[i] if i < len(sums) else None)
            folders.append(_moved(extract_archive(archive, home, exist_ok=True), home, root, address))
            shutil.rmtree(home)
        with contextlib.suppress(OSError):  # others are using it
            home.parent.rmdir()
    return [folder for folder in folders if folder.is_dir()]


def unpacked(source: str | Path) -> Path:
    """Return the folder in `datasets_dir` that holds an archive's content, unpacked now or at an earlier time.

    It has the name that the archive gives it, or where another data set has that name, one with a hash behind it.

    Args:
        source: address, or path of a local archive.

    Raises:
        FileNotFoundError: no such local file.
        DownloadError, ArchiveError: see `fetch_into_datasets`.
    """
    datasets = Path(SETTINGS["datasets_dir"])
    home = datasets / FOLDER / _key(source)
    with file_lock(home):
        if (folder := _noted(home / NOTE, datasets)) is not None:
            return folder.resolve()
        try:
            archive = _archive(str(source), datasets) if is_url(source) else Path(source)
        except DownloadError as error:
            by_hand = datasets / url2file(source).partition(".")[0]
            hint = f" If '{by_hand}' is that data set, give the folder itself." if by_hand.is_dir() else ""
            raise DownloadError(f"{error}{hint}") from error
        folder = _moved(extract_archive(archive, home, exist_ok=True), home, None, source)
        with atomic_write(home / NOTE, "w") as stream:
            json.dump({"source": str(source), "folder": folder.name}, stream)
    return folder.resolve()


def _moved(content: Path, home: Path, root: Path | None, source: str | Path) -> Path:
    """Move what came out of an archive to `datasets_dir` and return its place there."""
    datasets = home.parent.parent
    folder = datasets / content.name
    with file_lock(home.parent):  # another archive may want the same name
        if folder.exists() and (root is None or folder.resolve() != root.resolve()):
            folder = datasets / f"{content.name}-{home.name[:MARK]}"
            LOGGER.info(f"'{datasets / content.name}' is not known to be of {source}, which goes to '{folder}'.")
        if not folder.exists():
            os.replace(content, folder)
        elif kept := _add(content, folder):
            LOGGER.info(f"'{folder}': {kept} files that were there already stay as they are.")
    return folder


def _add(source: Path, target: Path) -> int:
    """Move the files below a folder into another one, leaving those that are there; return how many that were."""
    if not (source.is_dir() and target.is_dir()):
        return 1
    kept = 0
    for item in source.iterdir():
        place = target / item.name
        if place.exists():
            kept += _add(item, place)
        else:
            os.replace(item, place)
    return kept


def _noted(note: Path, datasets: Path) -> Path | None:
    """Return the folder that a note says an archive was unpacked to, None where there is none any more."""
    try:
        name = read_json(note)["folder"]
        inside = isinstance(name, str) and Path(name).parts == (name,) and name != ".."
        return datasets / name if inside and (datasets / name).exists() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _key(source: str | Path) -> str:
    """Return what tells sources apart: a hash of the address, or of a local file's path, size and time."""
    text = str(source)
    if not is_url(source):
        status = os.stat(source)
        text = f"{Path(source).resolve()} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _archive(address: str, datasets: Path, sha256: str | None = None) -> Path:
    """Return the local file of an address, fetched where it is missing.

    An archive that somebody has put into `datasets_dir` itself is used where the right checksum says that it is this
    one.
    """
    name = url2file(address)
    place, by_hand = datasets / FOLDER / _key(address) / name, datasets / name
    if not place.is_file() and by_hand.is_file():
        if sha256 and sha256_of(by_hand) == sha256.lower():
            return by_hand
        LOGGER.warning(
            f"'{by_hand}' may be another archive of that name and is not used for {address}. If it is that file, move "
            f"it to '{place}'."
        )
    try:
        return safe_download(address, file=place, unzip=False, sha256=sha256)
    except DownloadError:
        _remove_empty(place.parent)
        raise


def _remove_empty(home: Path) -> None:
    """Remove the folder of an address, and the one of all, where nothing is left in them."""
    with contextlib.suppress(OSError):
        home.rmdir()
        home.parent.rmdir()
