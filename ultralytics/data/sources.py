"""Choosing the loader for whatever a user gives as `source`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import requests
import torch
from PIL import Image

from ultralytics.data.images.formats import is_image, is_video
from ultralytics.data.loaders import (
    LOADERS,
    LoadImagesAndVideos,
    LoadPilAndNumpy,
    LoadScreenshots,
    LoadStreams,
    LoadTensor,
    SourceTypes,
)
from ultralytics.utils.downloads import refuse_offline, safe_download
from ultralytics.utils.paths import user_temp_dir

__all__ = ["check_source", "load_inference_source"]

LIVE_SCHEMES = {"rtsp", "rtmp", "tcp", "srt", "udp"}


def check_source(source: Any) -> tuple[Any, bool, bool, bool, bool, bool]:
    """Tell what kind of source this is.

    Args:
        source: path, pattern, URL, camera number, `screen ...`, array, Pillow picture, tensor, list, or a loader.

    Returns:
        The source (numbers and paths as text), and whether it is: a stream, the screen, pictures in memory (or a list),
        a loader, a tensor.

    Raises:
        TypeError: for something else.
        FileNotFoundError: for an empty list.
    """
    if isinstance(source, (str, int, Path)) and not isinstance(source, bool):
        text = str(source).strip()
        parts = text.split()
        screen = bool(parts) and parts[0].lower() == "screen"
        return text, not screen and _is_stream(text), screen, False, False, False
    if isinstance(source, LOADERS):
        return source, False, False, False, True, False
    if isinstance(source, (list, tuple)):
        if not source:
            raise FileNotFoundError("the source is an empty list; predict needs at least one picture.")
        return list(source), False, False, True, False, False
    if isinstance(source, (Image.Image, np.ndarray)):
        return source, False, False, True, False, False
    if isinstance(source, torch.Tensor):
        return source, False, False, False, False, True
    raise TypeError(
        f"source is a {type(source).__name__}; use a path, URL, camera number, 'screen', array, Pillow picture, "
        "tensor, or a list of pictures."
    )


def _is_stream(text: str) -> bool:
    """Whether a text names a live source rather than a file."""
    address = urlparse(text)
    if address.scheme in LIVE_SCHEMES:
        return True
    if address.scheme in {"http", "https"}:
        return not (is_image(address.path) or is_video(address.path) or _serves_picture(text))
    return text.isdecimal() or text.lower().endswith(".streams")


def _serves_picture(url: str) -> bool:
    """Whether the server says that this address is one picture."""
    refuse_offline(url)
    try:
        with requests.get(url, stream=True, timeout=10) as answer:
            return answer.headers.get("Content-Type", "").lower().startswith("image/")
    except requests.RequestException:
        return False


def load_inference_source(
    source: Any, batch: int = 1, vid_stride: int = 1, buffer: bool = False, channels: int = 3
) -> Any:
    """Return the loader of a source.

    Args:
        source: see `check_source`. A list of paths is one batch, unless it has videos, folders or patterns in it.
        batch: pictures at a time from files.
        vid_stride: use every so many-th frame of videos and streams.
        buffer: queue frames of streams instead of using the newest.
        channels: 3 for colour, 1 for grey.

    Raises:
        FileNotFoundError, TypeError, ValueError, ConnectionError: saying what is wrong with the source.
    """
    source, stream, screen, in_list, loader, tensor = check_source(source)
    if loader:
        source.source_type = getattr(source, "source_type", SourceTypes())
        return source
    if tensor:
        return LoadTensor(source)
    if stream:
        return LoadStreams(source, vid_stride=vid_stride, buffer=buffer, channels=channels)
    if screen:
        return LoadScreenshots(source, channels=channels)
    if in_list and not (isinstance(source, list) and _is_file_list(source)):
        return LoadPilAndNumpy(source, channels=channels)
    if isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        if not is_video(urlparse(source).path):
            return LoadPilAndNumpy(source, channels=channels)
        # A folder for every address: other videos may have the same name.
        place = user_temp_dir("Ultralytics-sources") / hashlib.sha256(source.encode()).hexdigest()[:16]
        source = safe_download(source, dir=place, unzip=False)
    return LoadImagesAndVideos(source, batch=batch, vid_stride=vid_stride, channels=channels)


def _is_file_list(source: list[Any]) -> bool:
    """Whether a list holds only paths, some of which stand for more than one picture."""
    paths = [str(item) for item in source if isinstance(item, (str, Path))]
    return len(paths) == len(source) and any(is_video(p) or Path(p).is_dir() or "*" in p for p in paths)
