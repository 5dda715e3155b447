"""Files and folders: crash-safe writing, numbered run folders, sizes and dates."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import IO, Any

from ultralytics.utils.lazy import offer

__all__ = [
    "WorkingDirectory",
    "atomic_folder",
    "atomic_path",
    "atomic_write",
    "check_disk_space",
    "file_age",
    "file_date",
    "file_size",
    "get_latest_run",
    "increment_path",
    "spaces_in_path",
    "writing",
]

DISK_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
SHOWN = 40  # characters of a name that a temporary one repeats; each may take four of the 255 bytes there are
MAX_NUMBER = 9999  # of numbered names such as train-2, train-3, ...


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a file whose content replaces `path` only when the block ends well.

    The content goes to a temporary name in the same folder, is flushed to the disk and renamed, so a reader or a crash
    never meets half a file. The folder is made where it is missing; a symbolic link keeps pointing at its target.

    Args:
        path: file to write or replace.
        mode: `wb` for bytes, `w` for UTF-8 text.

    Raises:
        ValueError: for other modes.
        OSError: naming `path`, and saying that the disk is full where that is the reason.
    """
    if mode not in {"w", "wb"}:
        raise ValueError(f"atomic_write mode is '{mode}'; allowed are 'w' and 'wb'.")
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:SHOWN]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        kind = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
        with open(temporary, mode, **kind) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise OSError(error.errno, "disk full, file left as it was", str(path)) from error
        if error.filename and Path(error.filename) == temporary:  # the user knows the file, not our name for it
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def writing(path: str | os.PathLike, append: bool = False) -> Iterator[None]:
    """Let a full disk be told with the file that is written in the block, and leave no part of it behind.

    For files of which there are many and none matters much: pictures, label rows. `atomic_write` is safer and slower.

    Args:
        path: file that the block makes, or adds to.
        append: on a full disk take off only what was added.

    Raises:
        OSError: naming `path`, where the disk is full; other errors pass.
    """
    target = Path(path)
    size = target.stat().st_size if append and target.is_file() else None
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        with contextlib.suppress(OSError):
            target.unlink() if size is None else os.truncate(target, size)
        left = "file not written" if size is None else "file left as it was"
        raise OSError(error.errno, f"disk full, {left}", str(path)) from error


def check_disk_space(path: str | os.PathLike) -> None:
    """Raise where the disk of a file is full, for writers that do not say so themselves.

    Raises:
        OSError: naming `path`.
    """
    folder = Path(path).parent
    if hasattr(os, "statvfs"):
        disk = os.statvfs(folder)
        free = disk.f_bavail if os.geteuid() else disk.f_bfree  # the last blocks are root's
    else:
        free = shutil.disk_usage(folder).free
    if not free:
        raise OSError(errno.ENOSPC, "disk full, file not complete", str(path))


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Give a new folder to fill, which takes the place of `path` when the block ends well.

    A folder that stood there is removed afterwards; an error in the block leaves it as it was.
    """
    with atomic_path(path) as staging:
        staging.mkdir()
        yield staging


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a path of this name to make a file or folder at; it takes the place of `path` when the block ends well.

    It lies in a hidden folder beside `path`, which may hold whatever else comes up on the way and is removed. What
    stood at `path` is removed afterwards; an error in the block leaves it as it was.

    Raises:
        FileNotFoundError: the block ended well and made nothing.
    """
    target = Path(os.path.realpath(path))  # a link keeps pointing at what it names
    target.parent.mkdir(parents=True, exist_ok=True)
    room = target.with_name(f".{target.name[:SHOWN]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    made = room / Path(path).name
    try:
        room.mkdir()
        yield made
        _take_place(made, target, room / "retired")
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _take_place(made: Path, target: Path, retired: Path) -> None:
    """Move a file or folder to where another may stand; a folder goes to `retired` meanwhile."""
    if made.is_file() and target.is_file():
        shutil.copymode(target, made)
    elif target.exists():
        os.replace(target, retired)
    try:
        os.replace(made, target)
    except OSError:
        if retired.exists():
            os.replace(retired, target)
        raise


def increment_path(path: str | Path, exist_ok: bool = False, sep: str = "-", mkdir: bool = False) -> Path:
    """Return `path`, or the first free numbered variant of it: `train`, `train-2`, `train-3`; `a.txt`, `a-2.txt`.

    Args:
        path: wanted file or folder.
        exist_ok: return `path` itself even where it exists.
        sep: text between name and number.
        mkdir: make the folder. Two processes that ask at the same moment get different folders.

    Raises:
        FileExistsError: when all numbers up to 9999 are taken.
    """
    path = Path(path)
    if exist_ok:
        if mkdir:
            path.mkdir(parents=True, exist_ok=True)
        return path
    stem, suffix = (path.with_suffix(""), path.suffix) if path.is_file() else (path, "")
    numbered = (Path(f"{stem}{sep}{number}{suffix}") for number in range(2, MAX_NUMBER + 1))
    for candidate in numbered if path.exists() else chain([path], numbered):  # numbers are made up as they are needed
        if candidate.exists():
            continue
        if mkdir:
            try:
                candidate.mkdir(parents=True)
            except FileExistsError:  # another process was faster
                continue
        return candidate
    raise FileExistsError(
        f"'{path}' and its numbered variants up to {MAX_NUMBER} exist; clean up or choose a new name."
    )


def file_size(path: str | Path) -> float:
    """Size of a file, or of all files under a folder, in MB (2**20 bytes); 0 where there is none."""
    path = Path(path)
    if path.is_dir():
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) / 2**20
    return path.stat().st_size / 2**20 if path.is_file() else 0.0


def file_age(path: str | Path = __file__) -> int:
    """Whole days since the file was changed."""
    return int((time.time() - Path(path).stat().st_mtime) // 86400)


def file_date(path: str | Path = __file__) -> str:
    """Date of the file's last change, `2024-3-7`."""
    day = datetime.fromtimestamp(Path(path).stat().st_mtime)
    return f"{day.year}-{day.month}-{day.day}"


def get_latest_run(search_dir: str | Path = ".") -> str:
    """Path of the newest `last*.pt` under a folder, an empty string where there is none."""
    found = [path for path in Path(search_dir).rglob("last*.pt") if path.is_file()]
    return str(max(found, key=lambda path: path.stat().st_mtime)) if found else ""


class WorkingDirectory(contextlib.ContextDecorator):
    """Change into a folder for the length of a block or of a decorated function."""

    def __init__(self, new_dir: str | Path):
        """Remember the folder to change into and the present one to come back to."""
        self.dir = Path(new_dir)
        self.cwd = Path.cwd()

    def __enter__(self) -> WorkingDirectory:
        self.cwd = Path.cwd()
        os.chdir(self.dir)
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        os.chdir(self.cwd)


@contextlib.contextmanager
def spaces_in_path(path: str | Path) -> Iterator[str | Path]:
    """Lend a path without spaces to tools that cannot handle them, and copy what they made back afterwards.

    Args:
        path: file or folder. Without spaces it is yielded as given.
    """
    original = Path(path)
    if " " not in str(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        lent = Path(folder) / original.name.replace(" ", "_")
        _copy(original, lent)
        try:
            yield type(path)(lent)
        finally:
            _copy(lent, original)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder over `target`; a missing source is no error."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


__getattr__, __dir__ = offer(__name__, {"update_models": "ultralytics.nn.weights.torch_file:update_models"})
