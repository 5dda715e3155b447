"""Pictures and videos behind addresses (`http://`, `https://`)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import requests

from ultralytics.data.images.io import UnreadableImageError, read_bytes
from ultralytics.utils.downloads import refuse_offline, safe_download
from ultralytics.utils.paths import user_temp_dir
from ultralytics.utils.text import printable

__all__ = ["fetch_picture", "fetch_video", "is_address"]

HTTP_TIMEOUT = 20
MAX_BYTES = 200_000_000  # of a picture; a stream would go on for ever


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
    content = bytearray()
    try:
        with requests.get(address, timeout=HTTP_TIMEOUT, stream=True) as answer:
            if not answer.ok:
                raise FileNotFoundError(f"{address}: the server answered {answer.status_code}.")
            for block in answer.iter_content(1 << 16):
                content += block
                if len(content) > MAX_BYTES:
                    raise UnreadableImageError(
                        f"{address}: more than {MAX_BYTES / 1e6:.0f} MB came, so it is no picture."
                    )
    except requests.RequestException as error:
        raise ConnectionError(f"{address}: could not be fetched ({printable(error, 200)}).") from error
    return read_bytes(bytes(content), address, channels)


def fetch_video(address: str) -> Path:
    """Fetch a video and return the file, in a folder for every address: other videos may have the same name."""
    place = user_temp_dir("Ultralytics-sources") / hashlib.sha256(address.encode()).hexdigest()[:16]
    return Path(safe_download(address, dir=place, unzip=False))
