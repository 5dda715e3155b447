"""Sending a file to an address that the user gives. Nothing in this package calls it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.net.fetch import clean_url, refuse_offline
from ultralytics.utils.tqdm import TQDM

__all__ = ["safe_upload"]

BLOCK = 1 << 16
MAX_WAIT = 8.0  # seconds between two attempts
PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers after which a further attempt may succeed


def safe_upload(
    file: str | Path,
    url: str,
    headers: Mapping[str, str] | None = None,
    retry: int = 2,
    timeout: float = 600,
    progress: bool = False,
) -> bool:
    """Send a file by HTTP PUT, as signed addresses of object stores take it.

    Args:
        file: what to send.
        url: where to.
        headers: HTTP headers; the content's type is binary unless they say otherwise.
        retry: further attempts after a failure that may pass.
        timeout: seconds that the server may stay silent.
        progress: show a bar.

    Returns:
        Whether the server took it; a warning says why not.

    Raises:
        FileNotFoundError: no such file.
        DownloadError: `YOLO_OFFLINE` is set.
    """
    import requests

    file = Path(file)
    size = file.stat().st_size
    refuse_offline(url)
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size), **(headers or {})}
    for attempt in range(retry + 1):
        try:
            answer = requests.put(url, data=_blocks(file, size, progress), headers=headers, timeout=(30, timeout))
            if answer.ok:
                return True
            trouble, final = f"the server answered {answer.status_code}", answer.status_code not in PASSING
        except (requests.ConnectionError, requests.Timeout) as error:
            trouble, final = str(error), False
        if final or attempt == retry:
            break
        LOGGER.warning(f"'{file}' was not sent ({trouble}). Trying again ({attempt + 1} of {retry}) ...")
        time.sleep(min(MAX_WAIT, 2.0**attempt))
    LOGGER.warning(f"'{file}' was not sent to {clean_url(url)}: {trouble}.")
    return False


def _blocks(file: Path, size: int, progress: bool) -> Iterator[bytes]:
    """Yield a file block by block."""
    with open(file, "rb") as content, TQDM(total=size, desc=file.name, unit="B", disable=not progress) as bar:
        while block := content.read(BLOCK):
            yield block
            bar.update(len(block))


__getattr__, __dir__ = offer(__name__)
