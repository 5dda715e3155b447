"""Unpacking and packing archives. Every member is checked before the first byte is written.

Refused: absolute paths, `..`, links, device files, names that would collide or that no file may have, and content
larger than a limit. The content goes to a temporary folder beside the target and is moved into place at the end, so an
interrupted run, or a refused archive, leaves nothing that looks like a finished data set. Whatever is wrong with an
archive is an `ArchiveError`: the zip and tar readers raise a dozen kinds of exceptions on damaged and hostile files.
"""

from __future__ import annotations

import importlib
import os
import secrets
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import file_name, printable
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
MAX_PORTION = 1 << 24
PACKERS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma"}  # modules by the first bytes of a file
MAX_MEMBERS = 2_000_000
MAX_PART_BYTES, MAX_PATH_BYTES, MAX_DEPTH = 255, 1000, 100  # of a member's path
MAX_RATIO, SPARE_BYTES = 200, 1 << 30  # unpacked size over that of the archive, and what is allowed in any case

Entry = tuple[str, int, Callable[[], IO[bytes]] | None]  # name, unpacked bytes, how to open it (None: a folder)


class ArchiveError(ValueError):
    """An archive that is damaged or that must not be unpacked; the text names the archive and the member."""


class _NotZipError(ArchiveError, zipfile.BadZipFile):
    """A file that was said to be a zip archive; scripts of 8.x catch BadZipFile."""


@dataclass(frozen=True)
class Member:
    """One file or folder of an archive: checked relative path, unpacked bytes, and how to open it (None: a folder)."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]] | None

    def __str__(self) -> str:
        return f"member '{printable(self.path, 200)}'"


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
        max_bytes: limit on the unpacked size; by default what fits the disk, and is not absurdly more than the archive.

    Raises:
        FileNotFoundError: no such archive.
        ArchiveError: damaged, not an archive, or a member was refused. Nothing has been written.
    """
    file = Path(file)
    parent = Path(path) if path is not None else file.parent
    if not file.is_file():
        raise FileNotFoundError(f"archive '{file}' does not exist.")
    with ExitStack() as stack:
        with _told(f"'{file}' is damaged; delete it and fetch it again"):
            members = _checked(file, _entries(file, stack), exclude, _limit(file, parent, max_bytes))
        tops = {member.path.parts[0] for member in members}
        single = len(tops) == 1
        target = parent / (tops.pop() if single else _stem(file))
        if not exist_ok and target.exists() and (target.is_file() or any(target.iterdir())):
            LOGGER.warning(f"'{file}' is not unpacked, '{target}' already exists.")
            return target
        if target.exists():
            _check_place(file, members, parent if single else target)
        with _staging(parent) as staging:
            _write(file, members, staging, progress)
            with _told(f"'{file}': its content cannot be moved to '{target}'"):
                _move(staging / target.name if single else staging, target)
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
        raise _NotZipError(f"'{file}' does not exist or is not a zip file.")
    return extract_archive(file, path, exclude, exist_ok, progress)


@contextmanager
def _told(text: str) -> Iterator[None]:
    """Turn whatever goes wrong into an `ArchiveError` that begins with a text."""
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error).strip() or type(error).__name__
        raise ArchiveError(f"{text} ({printable(reason, 200)}).") from error


# Reading --------------------------------------------------------------------------------------------------------------


def _entries(file: Path, stack: ExitStack) -> Iterator[Entry]:
    """Open an archive, to be closed with the stack, and yield what it says it holds."""
    if zipfile.is_zipfile(file):
        yield from _zip_entries(file, stack.enter_context(zipfile.ZipFile(file)))
        return
    stream = _Portions(file, stack.enter_context(_unpacker(file)(file, "rb")))
    try:
        archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r:"))  # noqa: SIM115 - the stack closes it
    except tarfile.ReadError as error:
        known = ", ".join(ARCHIVE_SUFFIXES)
        raise ArchiveError(f"'{file}' is neither a zip nor a tar file; allowed are {known}.") from error
    yield from _tar_entries(file, archive)


def _unpacker(file: Path) -> Callable[..., IO[bytes]]:
    """Return what opens a tar file by its first bytes."""
    with open(file, "rb") as stream:
        head = stream.read(6)
    module = next((name for mark, name in PACKERS.items() if head.startswith(mark)), "")
    return importlib.import_module(module).open if module else open  # some Pythons are built without one of them


class _Portions:
    """A stream that gives no more than a portion at a time: headers name sizes that are read at once otherwise."""

    def __init__(self, file: Path, stream: IO[bytes]) -> None:
        self.seek, self.tell = stream.seek, stream.tell
        self._file, self._read = file, stream.read

    def read(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            ArchiveError: more than a portion is asked for.
        """
        if not 0 <= size <= MAX_PORTION:
            raise ArchiveError(f"'{self._file}' has a header of {size:,} bytes; at most {MAX_PORTION:,} are read.")
        return self._read(size)


def _zip_entries(file: Path, archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        name = info.orig_filename if "\0" in info.orig_filename else info.filename  # the reader cuts names at a zero
        kind = (info.external_attr >> 16) & 0o170000  # Unix file type, where the writer stored one
        if kind not in (0, 0o100000, 0o040000):
            raise ArchiveError(f"'{file}': member '{printable(name, 200)}' is a link or a device file, refused.")
        yield name, info.file_size, None if info.is_dir() else (lambda info=info: archive.open(info))


def _tar_entries(file: Path, archive: tarfile.TarFile) -> Iterator[Entry]:
    for info in archive:  # one by one: behind a member that is too large nothing more is unpacked to be listed
        if not (info.isreg() or info.isdir()):
            raise ArchiveError(f"'{file}': member '{printable(info.name, 200)}' is a link or a device file, refused.")
        opener = None if info.isdir() else (lambda info=info: archive.extractfile(info))
        yield info.name, info.size if info.isreg() else 0, opener


def _limit(file: Path, folder: Path, max_bytes: int | None) -> tuple[int, str]:
    """Return how many bytes the content may have, and what sets that limit."""
    existing = next(place for place in (folder, *folder.resolve().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    by_size = SPARE_BYTES + MAX_RATIO * file.stat().st_size
    limits = [(free, f"free space at '{existing}'")]
    limits += [(by_size, "size that an archive like this may have")] if max_bytes is None else [(max_bytes, "limit")]
    return min(limits)


def _checked(file: Path, entries: Iterator[Entry], exclude: Sequence[str], limit: tuple[int, str]) -> list[Member]:
    """Check every name and size, and drop the excluded ones.

    Raises:
        ArchiveError: a name that leaves the folder or that no file may have, two members in one place, too many bytes
            or members, or nothing left.
    """
    members: dict[str, Member] = {}
    folders: set[str] = set()
    fold = os.name == "nt" or sys.platform == "darwin"  # names that differ in case only are one file there
    total = 0
    for count, (name, size, opener) in enumerate(entries, 1):
        path = _checked_path(file, name)
        if count > MAX_MEMBERS:
            raise ArchiveError(f"'{file}' has more than {MAX_MEMBERS:,} members, refused.")
        if not path.parts or any(text in str(path) for text in exclude):
            continue
        total += size
        if size < 0 or total > limit[0]:
            raise ArchiveError(
                f"'{file}' unpacks to at least {total / 2**20:.1f} MB, more than the {limit[1]} of "
                f"{limit[0] / 2**20:.1f} MB."
            )
        key = str(path).casefold() if fold else str(path)
        there = members.get(key)
        if there is not None and (opener is not None or there.open is not None):
            what = "two members are named" if opener and there.open else "a file and a folder are both named"
            raise ArchiveError(f"'{file}': {what} '{printable(name, 200)}', refused.")
        members[key] = Member(path, size, opener)
        while (key := key.rpartition("/")[0]) and key not in folders:
            folders.add(key)
    both = next((member for key, member in members.items() if member.open is not None and key in folders), None)
    if both is not None:
        raise ArchiveError(f"'{file}': {both} is both a file and a folder, refused.")
    if not members:
        raise ArchiveError(f"'{file}' holds no files.")
    return list(members.values())


def _checked_path(file: Path, name: str, windows: bool = os.name == "nt") -> PurePosixPath:
    """Return a member's name as a relative path.

    Raises:
        ArchiveError: it leads out of the folder, or no file may have it.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    shown = f"'{file}': member '{printable(name, 200)}'"
    if path.is_absolute() or (path.parts and ":" in path.parts[0]) or ".." in path.parts or "\0" in name:
        raise ArchiveError(f"{shown} would be written outside the target folder, refused.")
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in path.parts]
    if max(sizes, default=0) > MAX_PART_BYTES or sum(sizes) + len(sizes) > MAX_PATH_BYTES or len(sizes) > MAX_DEPTH:
        raise ArchiveError(f"{shown} has a name that is too long for a file, refused.")
    bare = [part.lstrip(".") or "_" for part in path.parts]
    if windows and any(part != file_name(part, MAX_PART_BYTES) for part in bare):
        raise ArchiveError(f"{shown} has a name that no file may have on this system, refused.")
    return path


# Writing --------------------------------------------------------------------------------------------------------------


def _check_place(file: Path, members: Sequence[Member], folder: Path) -> None:
    """Refuse to merge a file over a folder, or a folder over a file, before anything has been moved."""
    steps = {step for member in members for step in member.path.parents}
    files_in_the_way = (step for step in steps if (folder / step).is_file())
    folders_in_the_way = (m.path for m in members if m.open is not None and (folder / m.path).is_dir())
    files_too = (m.path for m in members if m.open is None and (folder / m.path).is_file())
    for way in (files_in_the_way, folders_in_the_way, files_too):
        if (wrong := next(way, None)) is not None:
            raise ArchiveError(f"'{file}': '{printable(wrong, 200)}' does not fit what is in '{folder}' already.")


@contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    """Give a folder beside the target; it is removed at the end, and after a failure so are the folders made for it."""
    made = [place for place in (parent, *parent.parents) if not place.exists()]
    staging = parent / f".unpacking.{secrets.token_hex(4)}.tmp"
    try:
        with _told(f"nothing can be unpacked to '{parent}'"):
            staging.mkdir(parents=True)
        yield staging
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):
            for place in made:
                place.rmdir()
        raise
    shutil.rmtree(staging, ignore_errors=True)


def _write(file: Path, members: Sequence[Member], staging: Path, progress: bool) -> None:
    """Write all members under the staging folder."""
    total = sum(member.size for member in members)
    bar = TQDM(desc=f"Unpacking {file.name}", total=total, unit="B", disable=None if progress else True)
    with bar:
        for member in members:
            place = staging / member.path
            with _told(f"'{file}': {member} cannot be written"):
                (place if member.open is None else place.parent).mkdir(parents=True, exist_ok=True)
                if member.open is None:
                    continue
                with open(place, "xb") as sink:
                    for block in _blocks(file, member):
                        sink.write(block)
                        bar.update(len(block))


def _blocks(file: Path, member: Member) -> Iterator[bytes]:
    """Yield the content of a member."""
    left = member.size
    with _told(f"'{file}' is damaged: {member} cannot be unpacked"):
        with member.open() as source:
            while block := source.read(CHUNK):
                left -= len(block)
                if left < 0:
                    raise ArchiveError(f"'{file}': {member} is larger than it says, refused.")
                yield block
        if left:
            raise ArchiveError(f"'{file}' is damaged: {member} is cut off.")


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


# Packing --------------------------------------------------------------------------------------------------------------


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
