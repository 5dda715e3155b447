"""A small data set that tests may change, and a web server of a folder."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

NAMES = {0: "red", 1: "green", 2: "blue"}


@pytest.fixture
def make_set(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes `count` pictures with labels and returns the folder of the pictures."""

    def make(count: int = 6, size: tuple[int, int] = (48, 64), split: str = "train", root: Path | None = None) -> Path:
        images = (root or tmp_path / "set") / "images" / split
        labels = (root or tmp_path / "set") / "labels" / split
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            rng = np.random.default_rng(i)
            height, width = size if i % 2 == 0 else size[::-1]
            picture = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (width, height))
            cv2.imwrite(str(images / f"{i:03d}.jpg"), picture)
            rows = [f"{i % 3} 0.5 0.5 {0.2 + 0.1 * (i % 4):.2f} 0.4", f"{(i + 1) % 3} 0.25 0.3 0.3 0.2"]
            (labels / f"{i:03d}.txt").write_text("\n".join(rows[: 1 + i % 2]) + "\n")
        return images

    return make


@pytest.fixture
def data() -> dict:
    """What a data set description says about classes."""
    return {"names": NAMES, "nc": 3, "channels": 3}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Write no log."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve a folder at a local address: (address, folder)."""
    folder = tmp_path / "served"
    folder.mkdir()
    service = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=service.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{service.server_address[1]}", folder
    service.shutdown()
    service.server_close()
