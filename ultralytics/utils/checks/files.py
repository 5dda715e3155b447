"""Finding files that the user names: as given, on the web, or among the YAML files of this package."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ultralytics.utils.downloads import is_url, safe_download, url2file
from ultralytics.utils.env import ROOT
from ultralytics.utils.log import LOGGER
from ultralytics.utils.net.assets import GITHUB_ASSETS_STEMS

__all__ = [
    "REMOTE_FILE_PREFIXES",
    "check_data_portable",
    "check_file",
    "check_is_path_safe",
    "check_model_file_from_stem",
    "check_suffix",
    "check_yaml",
    "check_yolov5u_filename",
    "is_ascii",
    "normalize_platform_uri",
]

STREAM_PREFIXES = ("rtsp://", "rtmp://", "tcp://", "srt://")
CLOUD_PREFIXES = ("ul://", "gs://")
REMOTE_FILE_PREFIXES = ("https://", "http://", *STREAM_PREFIXES[:3], *CLOUD_PREFIXES)


def is_ascii(s: object) -> bool:
    """Whether the text of an object is plain ASCII."""
    return str(s).isascii()


def check_suffix(file: str | Path | Sequence[str | Path], suffix: str | Sequence[str] = ".pt", msg: str = "") -> None:
    """Refuse files with an unexpected suffix; case does not matter, empty names pass.

    Raises:
        ValueError: naming the file and the allowed suffixes.
    """
    allowed = (suffix,) if isinstance(suffix, str) else tuple(suffix)
    for name in [file] if isinstance(file, (str, Path)) else file:
        found = Path(str(name).strip()).suffix.lower()
        if str(name).strip() and allowed and found not in {s.lower() for s in allowed}:
            raise ValueError(f"{msg}'{name}' has the suffix '{found}', allowed are {', '.join(allowed)}.")


def check_yolov5u_filename(file: str, verbose: bool = True) -> str:
    """Return the name of the anchor-free `u` weights for a YOLOv3 or YOLOv5 name: `yolov5n.pt` to `yolov5nu.pt`.

    The model YAML of both has the plain name: `yolov5nu.yaml` becomes `yolov5n.yaml`.
    """
    text = str(file)
    if "yolov3" not in text and "yolov5" not in text:
        return file
    if text.endswith("u.yaml"):
        return text[: -len("u.yaml")] + ".yaml"
    renamed = re.sub(r"(yolov5[nsmlx]6?|yolov3(?:-tiny|-spp)?)\.pt$", r"\1u.pt", text)
    if renamed == text:
        return file
    if verbose:
        LOGGER.info(f"'{text}' becomes '{renamed}': the anchor-free 'u' weights are the ones this package runs.")
    return renamed


def check_model_file_from_stem(model: str | Path = "yolov8n") -> str | Path:
    """Add `.pt` to the bare name of a public weight file (`yolov8n` to `yolov8n.pt`); other names stay as they are."""
    path = Path(model)
    return path.with_suffix(".pt") if not path.suffix and path.name in GITHUB_ASSETS_STEMS else model


def check_file(
    file: str | Path,
    suffix: str | Sequence[str] = "",
    download: bool = True,
    download_dir: str | Path | None = ".",
    hard: bool = True,
) -> str | list[str]:
    """Find a file and return its path.

    Looked for as given, then by fetching it where it is a URL, then by name among the files of this package. Addresses
    of live streams are returned as they are.

    Args:
        file: path, name or URL.
        suffix: allowed suffixes, none to allow any.
        download: fetch URLs.
        download_dir: folder for fetched files, None for the current one.
        hard: raise where it is not found; otherwise an empty list is returned.

    Raises:
        FileNotFoundError: not found, or several files of this package have that name.
        ValueError: wrong suffix.
    """
    text = str(file).strip()
    check_suffix(text, suffix or ())
    if not text or text.startswith(STREAM_PREFIXES) or Path(text).exists():
        return text
    if text.startswith(CLOUD_PREFIXES):
        raise ValueError(f"'{text}': cloud addresses are not supported; fetch the file and give its local path.")
    address = re.sub(r"^(https?):/+", r"\1://", text)
    if download and is_url(address):
        return str(safe_download(address, Path(download_dir or ".") / url2file(address), unzip=False))
    found = _in_package(text)
    if len(found) > 1:
        raise FileNotFoundError(
            f"'{text}' fits several files, give the whole path of one: {', '.join(map(str, found))}."
        )
    if not found and hard:
        raise FileNotFoundError(_not_found_text(text))
    return str(found[0]) if found else []


def _in_package(name: str) -> list[Path]:
    """Return the package's configuration files that end in the given relative path."""
    parts = Path(name).parts
    if Path(name).is_absolute() or ".." in parts:
        return []
    return sorted(
        path for path in (ROOT / "cfg").rglob(parts[-1]) if path.is_file() and path.parts[-len(parts) :] == parts
    )


def _not_found_text(name: str) -> str:
    where = f"'{name}' does not exist (looked in '{Path.cwd()}' and among the files of this package)"
    known = [path.name for path in (ROOT / "cfg").rglob("*.yaml")]
    folder = Path(name).parent
    beside = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    close = difflib.get_close_matches(Path(name).name, dict.fromkeys(known + beside), n=3, cutoff=0.75)
    return f"{where}; did you mean {' or '.join(map(repr, close))}?" if close else f"{where}."


def check_yaml(file: str | Path, suffix: Sequence[str] = (".yaml", ".yml"), hard: bool = True) -> str | list[str]:
    """Find a YAML file; see `check_file`."""
    return check_file(file, suffix, hard=hard)


def check_is_path_safe(basedir: str | Path, path: str | Path) -> bool:
    """Whether a path, with all links and `..` resolved, exists as a file inside a folder."""
    base, place = os.path.realpath(basedir), os.path.realpath(path)
    return os.path.isfile(place) and os.path.commonpath([base, place]) == base


def check_data_portable(data: object) -> bool:
    """Whether a data set that a checkpoint names can be used here too: a bare name, a web address or a file of here."""
    if not isinstance(data, (str, Path)) or not str(data).strip():
        return False
    text = str(data).strip()
    return "/" not in text.replace("\\", "/") or text.startswith(REMOTE_FILE_PREFIXES) or Path(text).exists()


def normalize_platform_uri(uri: str | Path) -> str | Path:
    """Return an address as it is: there is no cloud service whose web pages would stand for models or data."""
    return uri
