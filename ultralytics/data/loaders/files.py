"""Pictures and videos in files, and pictures behind addresses."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import cv2
import numpy as np

from ultralytics.data.describe.locate import read_lines
from ultralytics.data.images.arrays import without_cached
from ultralytics.data.images.formats import FORMATS_HELP_MSG, is_array, is_image, is_video
from ultralytics.data.images.io import imread
from ultralytics.data.loaders.fetch import fetch_picture, fetch_video, is_address
from ultralytics.data.loaders.film import Film
from ultralytics.data.loaders.types import Batch, SourceTypes
from ultralytics.data.prefetch import AheadIterator
from ultralytics.utils.downloads import refuse_offline
from ultralytics.utils.env import cpu_count
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import printable

__all__ = ["LoadImagesAndVideos", "list_source_files"]

LEAST_AHEAD, MOST_AHEAD = 2, 16  # pictures that are decoded before their turn: as many as a batch has, within these
DECODERS = 4  # threads at most


class LoadImagesAndVideos:
    """Picture and video files, pictures first.

    While one batch is in use the pictures or frames of the next are decoded in threads; attributes tell of the batch
    that was given last, warnings come in the order of files. A file that cannot be read is named in a warning and
    skipped, as is a broken frame. Frames of different videos are never in one batch.

    Args:
        path: file, folder (not its sub-folders), glob pattern, address of a picture or video, `.txt` list or `.csv`
            table of paths, or a list of those.
        batch: pictures or frames at a time.
        vid_stride: use every so many-th frame of videos.
        channels: those of the pictures: 3 for colour, 1 for grey, another number for so many bands.

    Raises:
        FileNotFoundError: a path does not exist, or nothing usable was found.
        ConnectionError: an address, where the network is barred.
        ValueError: videos alone, for a model of other than 1 or 3 channels.
    """

    def __init__(self, path: str | Path | Sequence[str | Path], batch: int = 1, vid_stride: int = 1, channels: int = 3):
        images, videos = _sorted_by_kind(list_source_files(path))
        if not images and not videos:
            raise FileNotFoundError(f"no pictures or videos found in {path}. {FORMATS_HELP_MSG}")
        if videos and channels not in {1, 3}:
            text = f"videos have 3 channels, but the model takes {channels}"
            if not images:
                raise ValueError(f"{text}: {videos[0]}")
            LOGGER.warning(f"{text}; skipping {len(videos)} of them.")
            videos = []
        self.files = images + videos
        self.ni, self.nf = len(images), len(images) + len(videos)
        self.video_flag = [False] * len(images) + [True] * len(videos)
        self.mode = "video" if videos and not images else "image"
        self.vid_stride, self.bs, self.channels = vid_stride, batch, channels
        self.cap: Film | None = None
        self.count = self.frame = self.frames = self.fps = 0
        self.source_type = SourceTypes()
        self._iterator: Generator[Batch, None, None] | None = None
        if self.mode == "video":
            self._open(self.files[0])

    def __len__(self) -> int:
        """Number of batches of files; a video counts as one file."""
        return -(-self.nf // self.bs)

    def __iter__(self) -> LoadImagesAndVideos:
        self.count = 0
        self._iterator = self._batches()
        return self

    def __next__(self) -> Batch:
        if self._iterator is None:
            iter(self)
        return next(self._iterator)

    def _batches(self) -> Generator[Batch, None, None]:
        """Group pictures and the frames of each video."""
        group: list[tuple[str, np.ndarray, str]] = []
        with contextlib.ExitStack() as ending:
            ending.callback(self._release)
            pictures = ending.enter_context(self._pictures())
            for number, file in enumerate(self.files, 1):
                self.count = number
                video = self.video_flag[number - 1]
                if video and group:
                    yield self._joined(group)
                self.mode = "video" if video else "image"
                for item in self._frames(file, number) if video else self._picture(pictures, file, number):
                    group.append(item)
                    if len(group) == self.bs:
                        yield self._joined(group)
                if group and (video or number == self.nf):
                    yield self._joined(group)

    @property
    def _ahead(self) -> int:
        """Number of pictures or frames that are decoded before their turn."""
        return min(max(self.bs, LEAST_AHEAD), MOST_AHEAD) if cpu_count() > 1 else 0

    @contextlib.contextmanager
    def _pictures(self) -> Iterator[Iterator[np.ndarray]]:
        """Give the decoded picture files; what is wrong with one is raised when it is its turn."""
        files = [file for file, video in zip(self.files, self.video_flag, strict=True) if not video]
        if len(files) < 2 or not self._ahead:
            yield map(self._read, files)
            return
        ahead = AheadIterator(files, self._read, self._ahead, min(DECODERS, self._ahead, cpu_count()))
        try:
            yield ahead
        finally:
            ahead.close()

    def _read(self, file: str) -> np.ndarray:
        return fetch_picture(file, self.channels) if is_address(file) else imread(file, self.channels)

    @staticmethod
    def _joined(group: list[tuple[str, np.ndarray, str]]) -> Batch:
        paths, images, infos = (list(part) for part in zip(*group, strict=True))
        group.clear()
        return paths, images, infos

    def _picture(self, pictures: Iterator[np.ndarray], file: str, number: int) -> Iterator[tuple[str, np.ndarray, str]]:
        try:
            image = next(pictures)
        except OSError as error:
            LOGGER.warning(f"skipping a picture: {error}")
            return
        yield file, image, f"image {number}/{self.nf} {printable(file)}: "

    def _frames(self, file: str, number: int) -> Iterator[tuple[str, np.ndarray, str]]:
        """Every `vid_stride`-th frame of a video, without those that cannot be decoded."""
        if not self._open(file):
            empty = os.path.isfile(file) and not os.path.getsize(file)
            reason = "the file is empty" if empty else "damaged, incomplete or no video"
            LOGGER.warning(f"skipping a video that cannot be opened ({reason}): {printable(file)}")
            return
        film = self.cap
        for image in film.stream(self.vid_stride, self._ahead):
            self.frame += 1
            image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None] if self.channels == 1 else image
            yield file, image, f"video {number}/{self.nf} (frame {self.frame}/{self.frames}) {printable(file)}: "
        name, missing = printable(file), film.announced - film.readable
        if not film.readable:
            LOGGER.warning(f"skipping a video without readable frames: {name}")
        elif missing > 0:
            LOGGER.warning(f"{name} announces {film.announced} frames, {missing} of them could not be read.")

    def _open(self, file: str) -> bool:
        self._release()
        try:
            self.cap = Film(str(fetch_video(file)) if is_address(file) else file)
        except OSError as error:
            LOGGER.warning(str(error))
            self.cap = Film()
        self.frame = 0
        self.fps = self.cap.get(cv2.CAP_PROP_FPS) or 30.0
        self.frames = max(1, self.cap.announced // self.vid_stride)
        return self.cap.isOpened()

    def close(self) -> None:
        """End the iteration: let go of the open video, decode no further pictures; no thread is waited for."""
        if self._iterator is not None and not self._iterator.gi_running:
            self._iterator.close()
        self._release()

    def _release(self) -> None:
        """Let go of the open video; nothing more of it is read."""
        if self.cap is not None:
            self.cap.release()


def list_source_files(path: str | Path | Sequence[str | Path]) -> list[str]:
    """Absolute paths of the files that a source names, folders, patterns and lists resolved, in sorted order each.

    What exists under a name is meant by it, whatever characters of patterns are in it. Addresses stay as they are.

    Raises:
        FileNotFoundError: naming what does not exist.
        ConnectionError: an address, where the network is barred.
    """
    if isinstance(path, (str, Path)) and Path(path).suffix.lower() in {".txt", ".csv"} and Path(path).is_file():
        path = _listed_paths(Path(path))
    names = [path] if isinstance(path, (str, Path)) else list(path)
    files: list[str] = []
    for name in map(str, names):
        if is_address(name):
            refuse_offline(name)
            files.append(name)
            continue
        full = os.path.abspath(os.path.expanduser(name))
        if os.path.isdir(full):
            files += without_cached(sorted(entry.path for entry in os.scandir(full) if entry.is_file()))
        elif os.path.isfile(full):
            files.append(full)
        elif matches := _matches(full):
            files += without_cached(match for match in matches if os.path.isfile(match))
        else:
            raise FileNotFoundError(f"source '{name}' does not exist.")
    return files


def _matches(pattern: str) -> list[str]:
    """Paths that match a pattern, whose leading folders that exist are names and no patterns."""
    folder, parts = Path(pattern), []
    while not folder.exists() and folder != folder.parent:
        parts.insert(0, folder.name)
        folder = folder.parent
    return sorted(glob.glob(os.path.join(glob.escape(str(folder)), *parts), recursive=True))


def _sorted_by_kind(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return pictures and videos; an address without a suffix of either is a picture."""
    kinds = [urlparse(file).path if is_address(file) else file for file in files]
    pairs = list(zip(files, kinds, strict=True))
    images = [f for f, kind in pairs if is_image(kind) or is_array(kind) or (kind is not f and not is_video(kind))]
    return images, [f for f, kind in pairs if is_video(kind)]


def _may_be_source(name: str) -> bool:
    return bool(Path(name).suffix) or is_address(name) or os.path.exists(name)


def _listed_paths(file: Path) -> list[str]:
    """Paths in a list file; those that do not exist from the current folder are relative to the file's own."""
    lines = read_lines(file)
    table = [line.split(",") for line in lines] if file.suffix.lower() == ".csv" else [[line] for line in lines]
    rows = [[cell.strip().strip("\"'") for cell in row] for row in table]
    rows = [[cell for cell in row if cell and not cell.startswith("#")] for row in rows]
    if file.suffix.lower() == ".csv" and len(rows) > 1 and not any(map(_may_be_source, rows[0])):
        rows = rows[1:]  # names of columns
    names = [cell for row in rows for cell in row]
    return [n if is_address(n) or os.path.exists(n) else os.path.join(file.parent, n) for n in names]


class LoadImages(LoadImagesAndVideos):
    """Files under the name and with the arguments of 8.1.

    Args:
        path: see `LoadImagesAndVideos`.
        imgsz: accepted; sizes are a predictor's matter.
        vid_stride: see `LoadImagesAndVideos`.
    """

    def __init__(self, path: Any, imgsz: int = 640, vid_stride: int = 1) -> None:
        super().__init__(path, vid_stride=vid_stride)
