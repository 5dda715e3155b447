"""Pictures and videos behind addresses (`http://`, `https://`)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import requests

from ultralytics.data.images.io import read_bytes
from ultralytics.utils.downloads import refuse_offline, safe_download
from ultralytics.utils.paths import user_temp_dir

__all__ = ["fetch_picture", "fetch_video", "is_address"]

HTTP_TIMEOUT = 20


def is_address(source: str) -> bool:
    """Whether a source is on the web."""
    return source.lower().startswith(("http://", "https://"))


def fetch_picture(address: str, channels: int = 3) -> np.ndarray:
    """Fetch and decode a picture; see `imread`.

    Raises:
        ConnectionError: where the network is barred, or does not answer.
        FileNotFoundError: the server has no such picture.
        UnreadableImageError: what it sends is none.
    """
    refuse_offline(address)
    answer = requests.get(address, timeout=HTTP_TIMEOUT)
    if not answer.ok:
        raise FileNotFoundError(f"{address}: the server answered {answer.status_code}.")
    return read_bytes(answer.content, address, channels)


def fetch_video(address: str) -> Path:
    """Fetch a video and return the file, in a folder for every address: other videos may have the same name."""
    place = user_temp_dir("Ultralytics-sources") / hashlib.sha256(address.encode()).hexdigest()[:16]
    return Path(safe_download(address, dir=place, unzip=False))
