"""Fetching one file over HTTP: resume, checksum, retries, one download for all processes that want the same file.

A download grows in `<name>.part` next to its target and is renamed when it is complete and right. An interrupted one
goes on where it stopped, provided the server confirms that the file is still the same.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import ipaddress
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from filelock import FileLock, Timeout

from ultralytics.utils import env
from ultralytics.utils.literals import read_json
from ultralytics.utils.log import LOGGER
from ultralytics.utils.net.archives import is_archive
from ultralytics.utils.paths import user_temp_dir
from ultralytics.utils.tqdm import TQDM

__all__ = [
    "DownloadError",
    "check_disk_space",
    "clean_url",
    "fetch",
    "file_lock",
    "refuse_offline",
    "sha256_of",
    "url2file",
]

CHUNK = 1 << 16
TIMEOUT = (10, 60)  # seconds to connect, seconds between two blocks
MAX_WAIT = 8.0  # seconds between two attempts
TELL_AFTER, POLL = 1.0, 0.05  # seconds until waiting for a lock is told, and between two looks

Digest = str | Callable[[], str | None] | None  # hexadecimal SHA-256, or a function that finds it out


class DownloadError(ConnectionError):
    """A file that could not be fetched; the text says why and what to do."""


class _Permanent(DownloadError):
    """A refusal that a further attempt would meet again."""


def clean_url(url: str | Path) -> str:
    """Return a URL without its query, `%20` and the like decoded: `https://a.b/c.pt?auth=x` to `https://a.b/c.pt`."""
    text = Path(url).as_posix() if isinstance(url, Path) else str(url)
    text = re.sub(r"^([a-z]+):/+", r"\1://", text)  # a Path has merged the two slashes
    return unquote(text).partition("?")[0]


def url2file(url: str | Path) -> str:
    """Return the file name of a URL: `https://a.b/c.pt?auth=x` to `c.pt`."""
    return Path(clean_url(url)).name


@contextlib.contextmanager
def file_lock(path: str | Path) -> Iterator[None]:
    """Let one process of this user at a time work on `path`; the others wait and say so.

    Lock files live in the user's temporary folder, so nothing is left beside `path`, and are removed after use. One
    that somebody has opened must not be removed and made anew meanwhile, or two would hold locks on two files of one
    name. So a file is opened, locked and removed under a further lock only, the one that stays, and nobody waits with
    an open file.
    """
    folder = user_temp_dir("Ultralytics")
    name = hashlib.sha256(os.path.abspath(path).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    guard, lock = FileLock(folder / "guard.lock"), FileLock(folder / f"{name}.lock")
    start, told = time.monotonic(), False
    while True:
        with guard, contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            break
        told = told or (time.monotonic() - start >= TELL_AFTER and _tell_waiting(path))
        time.sleep(POLL)
    try:
        yield
    finally:
        with guard:
            with contextlib.suppress(OSError):  # Windows removes it with its last handle
                os.unlink(lock.lock_file)
            lock.release()


def _tell_waiting(path: str | Path) -> bool:
    LOGGER.info(f"Waiting for another process that works on '{path}' ...")
    return True


def check_disk_space(file_bytes: int, path: str | Path | None = None, sf: float = 1.5, hard: bool = True) -> bool:
    """Whether a folder's disk has room for a file.

    Args:
        file_bytes: size of the file.
        path: the folder, by default the current one.
        sf: required multiple of the size, since an archive is also unpacked.
        hard: raise instead of warning.

    Raises:
        OSError: no room, and `hard`.
    """
    folder = Path(path or Path.cwd())
    free = shutil.disk_usage(folder).free
    if file_bytes * sf < free:
        return True
    text = f"{file_bytes * sf / 2**30:.2f} GB needed and {free / 2**30:.2f} GB free; make room first"
    if hard:
        raise OSError(errno.ENOSPC, text, str(folder))
    LOGGER.warning(f"{text}: '{folder}'")
    return False


def _barred(url: str) -> bool:
    """Whether `YOLO_OFFLINE` keeps this process from an address; this machine and private networks stay open."""
    if not env.env_bool("YOLO_OFFLINE"):
        return False
    host = urlparse(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_private  # cameras on a private network need no internet
    except ValueError:
        return host != "localhost"


def refuse_offline(url: str) -> None:
    """Raise before an address is opened that `YOLO_OFFLINE` bars.

    Raises:
        DownloadError: a ConnectionError that names the variable.
    """
    if _barred(url):
        raise DownloadError(
            f"'{clean_url(url)}' is on the network and YOLO_OFFLINE is set. Give a local file, or unset YOLO_OFFLINE."
        )


def _with_scheme(url: str | Path) -> str:
    """Repair a URL that went through `Path`; refuse what is no web address."""
    text = re.sub(r"^(https?):/+", r"\1://", str(url))
    if not text.startswith(("http://", "https://")):
        raise _Permanent(f"'{url}' is neither an existing file nor an http(s) URL.")
    if "drive.google.com/" in text:
        raise _Permanent(f"'{text}': Google Drive links need a browser; fetch the file there and give its path.")
    return text


def _is_complete(target: Path, min_bytes: float, sha256: Digest) -> bool:
    """Whether the target is already there; a wrong checksum removes it."""
    if not target.is_file() or target.stat().st_size < min_bytes:
        return False
    if isinstance(sha256, str) and sha256_of(target) != sha256.lower():
        LOGGER.warning(f"'{target}' does not have the expected checksum, fetching it again.")
        target.unlink()
        return False
    return True


def sha256_of(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 digest of a file."""
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def fetch(
    url: str | Path, target: Path, retry: int, min_bytes: float, progress: bool = True, sha256: Digest = None
) -> None:
    """Fetch `url` to `target` unless it is there; try again after failures that may pass. The caller holds the lock.

    Args:
        url: http or https address.
        target: file to write; its folder is made.
        retry: further attempts after a failed one.
        min_bytes: a smaller file counts as failed.
        progress: show a bar.
        sha256: digest that the file must have, or a function that finds it out once the file is here.

    Raises:
        DownloadError: not reachable, not found, or not the right content; says how to do it by hand.
    """
    if _is_complete(target, min_bytes, sha256):
        LOGGER.info(f"'{target}' is here already and is taken for {clean_url(url)}.")
    else:
        _fetch_with_retries(_with_scheme(url), target, retry, min_bytes, progress, sha256)


def _fetch_with_retries(url: str, target: Path, retry: int, min_bytes: float, progress: bool, sha256: Digest) -> None:
    """Fetch until it works or the attempts are used up."""
    if _barred(url):
        raise DownloadError(f"'{target.name}' is missing and YOLO_OFFLINE is set. {_by_hand(url, target)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    (LOGGER.info if progress else LOGGER.debug)(f"Downloading {clean_url(url)} to '{target}' ...")
    for attempt in range(retry + 1):
        try:
            _fetch(url, target, min_bytes, progress, sha256)
            return
        except _Permanent:
            raise
        except DownloadError as error:
            if attempt == retry:
                raise DownloadError(f"{error} Gave up after {retry + 1} attempts. {_by_hand(url, target)}") from error
            LOGGER.warning(f"{error} Trying again ({attempt + 1} of {retry}) ...")
            time.sleep(min(MAX_WAIT, 2.0**attempt / 2))


def _by_hand(url: str, target: Path) -> str:
    return f"Fetch {clean_url(url)} on a machine that is online and save it as '{target.absolute()}'."


def _fetch(url: str, target: Path, min_bytes: float, progress: bool, sha256: Digest) -> None:
    """Make one attempt: go on with a partial file where there is one, check the result, rename it."""
    import requests

    part, note = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
    headers = _resume_headers(url, part, note)
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
            resumed = _check_status(url, response.status_code, part, bool(headers.get("Range")))
            if not resumed:
                part.unlink(missing_ok=True)
                _write_note(note, url, response.headers)
            _receive(response, part, resumed, target.name, progress)
    except requests.RequestException as error:
        raise DownloadError(f"{clean_url(url)} could not be fetched: {_reason(error)}.") from error
    _check_content(url, part, note, min_bytes, sha256)
    os.replace(part, target)
    note.unlink(missing_ok=True)


def _resume_headers(url: str, part: Path, note: Path) -> dict[str, str]:
    """Return the request headers; with a usable partial file they ask for the rest of the very same file."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "ultralytics-parameternet"}
    try:
        known = read_json(note)
        size = part.stat().st_size
    except (OSError, ValueError):
        return headers
    validator = known.get("validator") if isinstance(known, dict) and known.get("url") == url else None
    if size and isinstance(validator, str) and validator:
        headers |= {"Range": f"bytes={size}-", "If-Range": validator}
    return headers


def _write_note(note: Path, url: str, headers: Any) -> None:
    """Remember what identifies this version of the file, for a later resume."""
    strong = headers.get("ETag", "")
    validator = strong if strong and not strong.startswith("W/") else headers.get("Last-Modified", "")
    note.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")


def _check_status(url: str, status: int, part: Path, asked_range: bool) -> bool:
    """Return whether the answer continues the partial file; raise for errors."""
    if status == 206 and asked_range:
        return True
    if status == 200:
        return False
    if status == 416:  # the partial file is longer than the file: start over
        part.unlink(missing_ok=True)
        raise DownloadError(f"{clean_url(url)}: the partial file did not fit.")
    if status in {408, 425, 429} or status >= 500:
        raise DownloadError(f"{clean_url(url)}: the server answered {status}.")
    reason = {401: "access denied", 403: "access denied", 404: "not found", 410: "gone"}.get(status, "refused")
    raise _Permanent(f"{clean_url(url)}: {reason} (status {status}); check the address.")


def _receive(response: Any, part: Path, resumed: bool, name: str, progress: bool) -> None:
    """Append the body to the partial file and check that all announced bytes came."""
    start = part.stat().st_size if resumed else 0
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdigit() else None
    if total is not None:
        check_disk_space(total - start, part.parent, sf=1.0)
    bar = TQDM(desc=name, total=total, unit="B", initial=start, disable=None if progress else True)
    with bar, open(part, "ab" if resumed else "wb") as sink:
        for block in response.iter_content(CHUNK):
            sink.write(block)
            bar.update(len(block))
        sink.flush()
        os.fsync(sink.fileno())
    got = part.stat().st_size
    if total is not None and got != total:
        raise DownloadError(f"{name}: the connection broke after {got} of {total} bytes.")


def _check_content(url: str, part: Path, note: Path, min_bytes: float, sha256: Digest) -> None:
    """Remove a finished file that is not what was wanted and raise."""
    expected = sha256() if callable(sha256) else sha256
    fault = ""
    if part.stat().st_size < min_bytes:
        fault = f"is {part.stat().st_size} bytes, expected at least {min_bytes:g}"
    elif expected and (found := sha256_of(part)) != expected.lower():
        fault = f"has the SHA-256 digest {found}, expected {expected.lower()}"
    elif is_archive(url2file(url)) or url2file(url).endswith((".pt", ".onnx")):
        with open(part, "rb") as file:
            head = file.read(64).lstrip().lower()
        if head.startswith((b"<!doctype html", b"<html")):
            fault = "is a web page (a login or error page), not the file"
    if fault:
        part.unlink()
        note.unlink(missing_ok=True)
        raise DownloadError(f"{clean_url(url)} {fault}.")


def _reason(error: Exception) -> str:
    """Short form of a network library's nested error text."""
    text = str(error)
    for sign, words in (
        ("resolve", "the host name was not found (offline?)"),
        ("refused", "the connection was refused"),
        ("timed out", "the server did not answer in time"),
        ("CERTIFICATE_VERIFY_FAILED", "the server's certificate is not trusted"),
        ("IncompleteRead", "the connection broke"),
    ):
        if sign in text:
            return words
    return f"{type(error).__name__}: {text[:200]}"
