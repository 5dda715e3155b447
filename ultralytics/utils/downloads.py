"""Fetching files and archives, and the public weight files by name.

How one file is fetched is in `fetch.py`, how archives are unpacked in `archives.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from ultralytics.utils import env
from ultralytics.utils.lazy import offer
from ultralytics.utils.net.archives import (
    ArchiveError,
    delete_dsstore,
    extract_archive,
    is_archive,
    unzip_file,
    zip_directory,
)
from ultralytics.utils.net.assets import GITHUB_ASSETS_NAMES, GITHUB_ASSETS_REPO, GITHUB_ASSETS_STEMS, LATEST_RELEASE
from ultralytics.utils.net.fetch import (
    TIMEOUT,
    Digest,
    DownloadError,
    check_disk_space,
    clean_url,
    fetch,
    file_lock,
    refuse_offline,
    sha256_of,
    url2file,
)
from ultralytics.utils.settings import SETTINGS

__all__ = [
    "GITHUB_ASSETS_NAMES",
    "GITHUB_ASSETS_REPO",
    "GITHUB_ASSETS_STEMS",
    "ArchiveError",
    "DownloadError",
    "attempt_download_asset",
    "check_disk_space",
    "clean_url",
    "delete_dsstore",
    "download",
    "extract_archive",
    "file_lock",
    "get_github_assets",
    "is_url",
    "refuse_offline",
    "safe_download",
    "sha256_of",
    "unzip_file",
    "url2file",
    "zip_directory",
]


def is_url(url: str | Path, check: bool = False) -> bool:
    """Whether the text is a URL with scheme and host.

    Args:
        url: text to look at.
        check: also ask the server whether the file is there; it is not where `YOLO_OFFLINE` bars the way.
    """
    parts = urlparse(str(url))
    if not (parts.scheme and parts.netloc):
        return False
    if not check:
        return True
    import requests

    try:
        refuse_offline(str(url))
        return requests.head(str(url), timeout=TIMEOUT, allow_redirects=True).ok
    except (requests.RequestException, DownloadError):
        return False


def safe_download(
    url: str | Path,
    file: str | Path | None = None,
    dir: str | Path | None = None,
    unzip: bool = True,
    delete: bool = False,
    curl: bool = False,
    retry: int = 3,
    min_bytes: float = 1.0,
    exist_ok: bool = False,
    progress: bool = True,
    sha256: Digest = None,
) -> Path:
    """Fetch a URL to a file, unpack it where it is an archive, and return where the result lies.

    Args:
        url: URL, or path of a local archive to unpack.
        file: target file; by default the URL's name in `dir`.
        dir: target folder, by default the current one.
        unzip: unpack zip and tar files beside the target (into `dir` where it is given).
        delete: delete the archive after unpacking.
        curl: accepted for older scripts; there is one way of fetching.
        retry: further attempts after a failed one.
        min_bytes: a smaller file counts as failed.
        exist_ok: unpack over existing files.
        progress: show a bar.
        sha256: hexadecimal digest that the file must have (an existing file is checked too), or a function that
            returns it.

    Raises:
        DownloadError: not reachable, not found, or not the right content.
        ArchiveError: the archive was refused or is damaged.
    """
    local = not is_url(url) and Path(url).is_file()
    target = Path(url) if local else Path(file) if file else Path(dir or ".") / url2file(url)
    with file_lock(target):
        if not local:
            fetch(url, target, retry, min_bytes, progress, sha256)
        if not (unzip and is_archive(target)):
            return target
        unpacked = extract_archive(target, dir or target.parent, exist_ok=exist_ok, progress=progress)
        if delete:
            target.unlink(missing_ok=True)
    return unpacked


def get_github_assets(
    repo: str = GITHUB_ASSETS_REPO, version: str = "latest", retry: bool = False
) -> tuple[str, list[str]]:
    """Ask GitHub for a release's tag and file names; `("", [])` where it does not answer.

    Args:
        repo: owner and name.
        version: release tag, or `latest`.
        retry: ask a second time after a failure.
    """
    facts = _release_facts(repo, version) or (_release_facts(repo, version) if retry else {})
    return str(facts.get("tag_name", "")), [str(asset.get("name", "")) for asset in _assets_of(facts)]


def _release_facts(repo: str, version: str) -> dict[str, Any]:
    """Return GitHub's description of a release, an empty dict where there is none or the network is off."""
    import requests

    if env.env_bool("YOLO_OFFLINE"):
        return {}
    base = os.environ.get("YOLO_ASSETS_API_URL", "https://api.github.com").rstrip("/")
    tag = "latest" if version == "latest" else f"tags/{version}"
    try:
        answer = requests.get(f"{base}/repos/{repo}/releases/{tag}", timeout=TIMEOUT)
        facts = answer.json() if answer.ok else {}
    except (requests.RequestException, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _assets_of(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the files of a release; whatever is no description of one is left out."""
    assets = facts.get("assets")
    return [asset for asset in assets if isinstance(asset, dict)] if isinstance(assets, list) else []


def _published_digest(repo: str, release: str, name: str) -> str | None:
    """SHA-256 that GitHub publishes for a release file, None where it does not say."""
    assets = _assets_of(_release_facts(repo, release))
    digest = next((str(asset.get("digest") or "") for asset in assets if asset.get("name") == name), "")
    return digest.removeprefix("sha256:") if digest.startswith("sha256:") else None


def attempt_download_asset(
    file: str | Path,
    repo: str = GITHUB_ASSETS_REPO,
    release: str = LATEST_RELEASE,
    base_url: str | None = None,
    **kwargs: Any,
) -> str:
    """Return a local path for a weight file, fetching it where it is missing and its name is a public one.

    Looked for as given, then in the `weights_dir` of the settings. A bare name and a URL are fetched into that folder,
    a name with a folder of its own into its own. The address is `<base>/<repo>/releases/download/<release>/<name>`.

    Args:
        file: name, path or URL.
        repo: GitHub owner and name; with another one than the default any file name is tried.
        release: release tag.
        base_url: start of the address instead of `YOLO_ASSETS_URL` or github.com.
        kwargs: passed on to `safe_download`.

    Returns:
        The path; unchanged where the file is neither here nor downloadable, so that the caller can say what it wanted.

    Raises:
        FileNotFoundError: a public file that could not be fetched; says where to get it and where to put it.
    """
    text = str(file).strip().strip("'\"")
    remote = re.match(r"^https?:/", text)
    given = Path(text)
    weights = Path(SETTINGS["weights_dir"])
    name = url2file(text) if remote else given.name
    for place in (weights / name,) if remote else (given, weights / name):
        if place.is_file():
            return str(place)
    if not remote and name not in GITHUB_ASSETS_NAMES and repo == GITHUB_ASSETS_REPO:
        return str(given)
    mirror = base_url or os.environ.get("YOLO_ASSETS_URL")
    base = (mirror or "https://github.com").rstrip("/")
    url = text if remote else f"{base}/{repo}/releases/download/{release}/{name}"
    target = given if not remote and given.parent != Path() else weights / name
    if not remote and not mirror:  # a mirror may hold other builds of a file
        kwargs.setdefault("sha256", lambda: _published_digest(repo, release, name))
    try:
        return str(safe_download(url, file=target, **{"min_bytes": 1e4, "unzip": False, **kwargs}))
    except DownloadError as error:
        raise FileNotFoundError(
            f"'{text}' is neither here nor in weights_dir '{weights.absolute()}', and fetching it failed: {error}"
        ) from error


def download(
    url: str | Path | Sequence[str | Path],
    dir: str | Path | None = None,
    unzip: bool = True,
    delete: bool = False,
    curl: bool = False,
    threads: int = 1,
    retry: int = 3,
    exist_ok: bool = False,
) -> None:
    """Fetch one URL or several, and unpack archives.

    Args:
        url: URL or list of URLs.
        dir: target folder, by default the current one.
        unzip, delete, curl, retry, exist_ok: see `safe_download`.
        threads: downloads at the same time.
    """
    folder = Path(dir or Path.cwd())
    folder.mkdir(parents=True, exist_ok=True)
    urls = [url] if isinstance(url, (str, Path)) else list(url)

    def fetch(address: str | Path, progress: bool) -> Path:
        return safe_download(
            address, None, folder, unzip, delete, curl, retry=retry, exist_ok=exist_ok, progress=progress
        )

    if threads <= 1 or len(urls) == 1:
        for address in urls:
            fetch(address, True)
        return
    with ThreadPoolExecutor(max_workers=min(threads, len(urls))) as pool:
        list(pool.map(lambda address: fetch(address, False), urls))


__getattr__, __dir__ = offer(__name__)
