"""Unpacking and packing archives. Every member is checked before the first byte is written.

Refused: absolute paths, `..`, links, device files, names that would collide, and content larger than a limit. The
content goes to a temporary folder beside the target and is moved into place at the end, so an interrupted run leaves
nothing that looks like a finished data set.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ultralytics.utils.log import LOGGER
from ultralytics.utils.tqdm import TQDM

__all__ = [
    "ARCHIVE_SUFFIXES",
    "ArchiveError",
    "delete_dsstore",
    "extract_archive",
    "is_archive",
    "unzip_file",
    "zip_directory",
]

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
JUNK = (".DS_Store", "__MACOSX")
CHUNK = 1 << 20


class ArchiveError(ValueError):
    """An archive that is damaged or that must not be unpacked; the text names the archive and the member."""


@dataclass(frozen=True)
class Member:
    """One file or folder of an archive: checked relative path, unpacked bytes, and how to open it (None: a folder)."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]] | None


def is_archive(name: str | Path) -> bool:
    """Whether the file name says zip or tar."""
    return str(name).lower().endswith(ARCHIVE_SUFFIXES)


def extract_archive(
    file: str | Path,
    path: str | Path | None = None,
    exclude: Sequence[str] = JUNK,
    exist_ok: bool = False,
    progress: bool = True,
    max_bytes: int | None = None,
) -> Path:
    """Unpack a zip or tar file and return the folder (or the one file) that came out.

    An archive whose content lies in one top-level folder, or is a single file, is unpacked as it is; anything else gets
    a folder named like the archive.

    Args:
        file: the archive.
        path: folder to unpack into, by default the archive's own.
        exclude: members whose name contains one of these texts are left out.
        exist_ok: merge into what is already there; otherwise an existing, non-empty result is kept and returned.
        progress: show a bar.
        max_bytes: limit on the unpacked size; by default what fits the disk.

    Raises:
        FileNotFoundError: no such archive.
        ArchiveError: damaged, not an archive, or a member was refused. Nothing has been written.
    """
    file = Path(file)
    parent = Path(path) if path is not None else file.parent
    with _members(file, exclude) as members:
        tops = {member.path.parts[0] for member in members}
        single = len(tops) == 1
        target = parent / (tops.pop() if single else _stem(file))
        if not exist_ok and target.exists() and (target.is_file() or any(target.iterdir())):
            LOGGER.warning(f"'{file}' is not unpacked, '{target}' already exists.")
            return target
        _check_size(file, members, parent, max_bytes)
        staging = parent / f".{file.name}.{secrets.token_hex(4)}.tmp"
        try:
            _write(file, members, staging, progress)
            _move(staging / target.name if single else staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return target


def unzip_file(
    file: str | Path,
    path: str | Path | None = None,
    exclude: Sequence[str] = JUNK,
    exist_ok: bool = False,
    progress: bool = True,
) -> Path:
    """Unpack a zip file; see `extract_archive`."""
    if not zipfile.is_zipfile(file):
        raise zipfile.BadZipFile(f"'{file}' does not exist or is not a zip file.")
    return extract_archive(file, path, exclude, exist_ok, progress)


@contextmanager
def _members(file: Path, exclude: Sequence[str]) -> Iterator[list[Member]]:
    """Open an archive and list its checked members."""
    if not file.is_file():
        raise FileNotFoundError(f"archive '{file}' does not exist.")
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                yield _checked(file, _zip_members(file, archive), exclude)
        elif tarfile.is_tarfile(file):
            with tarfile.open(file) as archive:
                yield _checked(file, _tar_members(file, archive), exclude)
        else:
            raise ArchiveError(f"'{file}' is neither a zip nor a tar file; allowed are {', '.join(ARCHIVE_SUFFIXES)}.")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise ArchiveError(f"'{file}' is damaged ({error}); delete it and download it again.") from error


def _zip_members(file: Path, archive: zipfile.ZipFile) -> Iterator[tuple[str, int, Callable[[], IO[bytes]] | None]]:
    for info in archive.infolist():
        kind = (info.external_attr >> 16) & 0o170000  # Unix file type, where the writer stored one
        if kind not in (0, 0o100000, 0o040000):
            raise ArchiveError(f"'{file}': member '{info.filename}' is a link or a device file, refused.")
        yield info.filename, info.file_size, None if info.is_dir() else (lambda info=info: archive.open(info))


def _tar_members(file: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, int, Callable[[], IO[bytes]] | None]]:
    for info in archive.getmembers():
        if not (info.isreg() or info.isdir()):
            raise ArchiveError(f"'{file}': member '{info.name}' is a link or a device file, refused.")
        yield (
            info.name,
            info.size if info.isreg() else 0,
            (None if info.isdir() else (lambda info=info: archive.extractfile(info))),
        )


def _checked(file: Path, entries: Iterator[tuple], exclude: Sequence[str]) -> list[Member]:
    """Check every name and drop the excluded ones.

    Raises:
        ArchiveError: a name that leaves the folder, two members with one name, or nothing left.
    """
    members: dict[str, Member] = {}
    for name, size, opener in entries:
        path = PurePosixPath(name.replace("\\", "/"))
        drive = path.parts and ":" in path.parts[0]
        if path.is_absolute() or drive or ".." in path.parts or "\0" in name:
            raise ArchiveError(f"'{file}': member '{name}' would be written outside the target folder, refused.")
        if not path.parts or any(text in str(path) for text in exclude):
            continue
        key = str(path).lower() if os.name == "nt" else str(path)
        if opener is not None and key in members:
            raise ArchiveError(f"'{file}': two members are named '{name}', refused.")
        members[key] = Member(path, size, opener)
    if not members:
        raise ArchiveError(f"'{file}' holds no files.")
    return list(members.values())


def _check_size(file: Path, members: Sequence[Member], folder: Path, max_bytes: int | None) -> None:
    """Refuse what exceeds the limit or the free space."""
    existing = next(place for place in (folder, *folder.resolve().parents) if place.exists())
    total, free = sum(member.size for member in members), shutil.disk_usage(existing).free
    limit = free if max_bytes is None else min(max_bytes, free)
    if total > limit:
        reason = "limit" if limit != free else f"free space at '{existing}'"
        raise ArchiveError(
            f"'{file}' unpacks to {total / 2**20:.1f} MB, more than the {reason} of {limit / 2**20:.1f} MB."
        )


def _write(file: Path, members: Sequence[Member], staging: Path, progress: bool) -> None:
    """Write all members under the staging folder."""
    staging.mkdir(parents=True)
    bar = TQDM(
        desc=f"Unpacking {file.name}", total=sum(m.size for m in members), unit="B", disable=None if progress else True
    )
    with bar:
        for member in members:
            place = staging / member.path
            if member.open is None:
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            with member.open() as source, open(place, "xb") as sink:
                left = member.size
                while block := source.read(CHUNK):
                    left -= len(block)
                    if left < 0:
                        raise ArchiveError(f"'{file}': member '{member.path}' is larger than it says, refused.")
                    sink.write(block)
                    bar.update(len(block))


def _move(source: Path, target: Path) -> None:
    """Move a file or folder to its place; an existing folder is merged into, existing files are replaced."""
    if not (target.is_dir() and source.is_dir()):
        os.replace(source, target)
        return
    for item in source.iterdir():
        _move(item, target / item.name)


def _stem(file: Path) -> str:
    """Archive name without its suffix, also a double one such as `.tar.gz`."""
    suffix = max((s for s in ARCHIVE_SUFFIXES if file.name.lower().endswith(s)), key=len, default=file.suffix)
    return file.name[: len(file.name) - len(suffix)] or file.name


def zip_directory(
    directory: str | Path, compress: bool = True, exclude: Sequence[str] = JUNK, progress: bool = True
) -> Path:
    """Pack a folder into `<folder>.zip` beside it and return that path.

    Args:
        directory: folder to pack.
        compress: deflate the files instead of storing them.
        exclude: files whose path contains one of these texts are left out.
        progress: show a bar.

    Raises:
        FileNotFoundError: no such folder.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder '{folder}' does not exist.")
    files = sorted(f for f in folder.rglob("*") if f.is_file() and not any(text in str(f) for text in exclude))
    target = folder.with_name(f"{folder.name}.zip")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
            for file in TQDM(files, desc=f"Packing {folder.name}", unit="file", disable=None if progress else True):
                archive.write(file, file.relative_to(folder))
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def delete_dsstore(path: str | Path, files_to_delete: Sequence[str] = JUNK) -> None:
    """Delete macOS's bookkeeping files and folders under a folder."""
    for name in files_to_delete:
        for found in sorted(Path(path).rglob(name)):
            shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)
