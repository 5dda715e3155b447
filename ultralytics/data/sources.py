"""Choosing the loader for whatever a user gives as `source`."""

from __future__ import annotations

from collections.abc import Iterator
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
    LoadIterable,
    LoadPilAndNumpy,
    LoadScreenshots,
    LoadStreams,
    LoadTensor,
    SourceTypes,
)
from ultralytics.data.loaders.fetch import is_address
from ultralytics.data.loaders.live import is_video_page
from ultralytics.data.loaders.memory import stacked
from ultralytics.utils.downloads import refuse_offline

__all__ = ["check_source", "load_inference_source"]

LIVE_SCHEMES = {"rtsp", "rtmp", "tcp", "srt", "udp"}


def check_source(source: Any) -> tuple[Any, bool, bool, bool, bool, bool]:
    """Tell what kind of source this is.

    Args:
        source: path, pattern, URL, camera number, `screen ...`, array, Pillow picture, tensor, list, iterator, or a
            loader. Text that reads as a number is a file or folder of that name where there is one, else a camera.

    Returns:
        The source (numbers and paths as text), and whether it is: a stream, the screen, pictures in memory (or a list
        or iterator), a loader, a tensor.

    Raises:
        TypeError: for something else.
        FileNotFoundError: for an empty list.
    """
    if isinstance(source, (str, int, Path)) and not isinstance(source, bool):
        text = str(source).strip()
        parts = text.split()
        screen = bool(parts) and parts[0].lower() == "screen"
        named = text.isdecimal() and not isinstance(source, int) and Path(text).exists()
        return text, not screen and not named and _is_stream(text), screen, False, False, False
    if isinstance(source, LOADERS):
        return source, False, False, False, True, False
    if isinstance(source, (list, tuple)):
        if not source:
            raise FileNotFoundError("the source is an empty list; predict needs at least one picture.")
        return list(source), False, False, True, False, False
    if isinstance(source, (Image.Image, np.ndarray, Iterator)):
        return source, False, False, True, False, False
    if isinstance(source, torch.Tensor):
        return source, False, False, False, False, True
    raise TypeError(
        f"source is a {type(source).__name__}; use a path, URL, camera number, 'screen', array, Pillow picture, "
        "tensor, or a list or iterator of pictures."
    )


def _is_stream(text: str) -> bool:
    """Whether a text names a live source rather than a file."""
    address = urlparse(text)
    if address.scheme in LIVE_SCHEMES:
        return True
    if address.scheme in {"http", "https"}:
        film_or_picture = is_image(address.path) or is_video(address.path)
        return is_video_page(text) or not (film_or_picture or _serves_picture(text))
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
        source: see `check_source`. A list of paths and addresses is read as a folder is; one with pictures from memory
            is one batch.
        batch: pictures at a time from files and iterators.
        vid_stride: use every so many-th frame of videos and streams.
        buffer: queue frames of streams instead of using the newest.
        channels: 3 for colour, 1 for grey, another number for pictures of so many bands.

    Raises:
        FileNotFoundError, TypeError, ValueError, ConnectionError: saying what is wrong with the source.
    """
    source, stream, screen, in_memory, loader, tensor = check_source(source)
    if loader:
        source.source_type = getattr(source, "source_type", SourceTypes())
        return source
    if isinstance(source, list) and all(isinstance(item, torch.Tensor) for item in source):
        source, tensor = stacked(source), True
    if tensor:
        return LoadTensor(source)
    if (stream or screen) and channels not in {1, 3}:
        raise ValueError(f"source '{source}' gives pictures of 3 channels, but the model takes {channels}.")
    if stream:
        return LoadStreams(source, vid_stride=vid_stride, buffer=buffer, channels=channels)
    if screen:
        return LoadScreenshots(source, channels=channels)
    if isinstance(source, Iterator):
        return LoadIterable(source, batch=batch, channels=channels)
    names = isinstance(source, list) and all(isinstance(item, (str, Path)) for item in source)
    if in_memory and not names:
        return LoadPilAndNumpy(source, channels=channels)
    if isinstance(source, str) and is_address(source) and not is_video(urlparse(source).path):
        return LoadPilAndNumpy(source, channels=channels)  # one picture: what is wrong with it is an error
    return LoadImagesAndVideos(source, batch=batch, vid_stride=vid_stride, channels=channels)
