"""Pictures and videos in files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ultralytics.data.images.formats import FORMATS_HELP_MSG, is_image, is_video
from ultralytics.data.images.io import imread
from ultralytics.data.loaders.types import Batch, SourceTypes
from ultralytics.utils.log import LOGGER

__all__ = ["LoadImagesAndVideos", "list_source_files"]


class LoadImagesAndVideos:
    """Picture and video files, pictures first.

    A file that cannot be read is named in a warning and skipped. Frames of different videos are never in one batch.

    Args:
        path: file, folder (not its sub-folders), glob pattern, `.txt` list or `.csv` table of paths, or a list of
            those.
        batch: pictures or frames at a time.
        vid_stride: use every so many-th frame of videos.
        channels: 3 for colour, 1 for grey.

    Raises:
        FileNotFoundError: a path does not exist, or nothing usable was found.
    """

    def __init__(self, path: str | Path | Sequence[str | Path], batch: int = 1, vid_stride: int = 1, channels: int = 3):
        files = list_source_files(path)
        images, videos = [f for f in files if is_image(f)], [f for f in files if is_video(f)]
        if not images and not videos:
            raise FileNotFoundError(f"no pictures or videos found in {path}. {FORMATS_HELP_MSG}")
        self.files = images + videos
        self.ni, self.nf = len(images), len(images) + len(videos)
        self.video_flag = [False] * len(images) + [True] * len(videos)
        self.mode = "video" if videos and not images else "image"
        self.vid_stride, self.bs, self.channels = vid_stride, batch, channels
        self.cap: cv2.VideoCapture | None = None
        self.count = self.frame = self.frames = self.fps = 0
        self.source_type = SourceTypes()
        self._iterator: Iterator[Batch] | None = None
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

    def _batches(self) -> Iterator[Batch]:
        """Group pictures and the frames of each video."""
        group: list[tuple[str, np.ndarray, str]] = []
        for number, file in enumerate(self.files, 1):
            self.count = number
            video = self.video_flag[number - 1]
            if video and group:
                yield self._joined(group)
            self.mode = "video" if video else "image"
            for item in self._frames(file, number) if video else self._picture(file, number):
                group.append(item)
                if len(group) == self.bs:
                    yield self._joined(group)
            if group and (video or number == self.nf):
                yield self._joined(group)
        self.close()

    @staticmethod
    def _joined(group: list[tuple[str, np.ndarray, str]]) -> Batch:
        paths, images, infos = (list(part) for part in zip(*group, strict=True))
        group.clear()
        return paths, images, infos

    def _picture(self, file: str, number: int) -> Iterator[tuple[str, np.ndarray, str]]:
        try:
            image = imread(file, self.channels)
        except OSError as error:
            LOGGER.warning(f"skipping a picture: {error}")
            return
        yield file, image, f"image {number}/{self.nf} {file}: "

    def _frames(self, file: str, number: int) -> Iterator[tuple[str, np.ndarray, str]]:
        """Every `vid_stride`-th frame of a video."""
        if not self._open(file):
            LOGGER.warning(f"skipping a video that cannot be opened: {file}")
            return
        while all(self.cap.grab() for _ in range(self.vid_stride)):
            found, image = self.cap.retrieve()
            if not found:
                break
            self.frame += 1
            image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None] if self.channels == 1 else image
            yield file, image, f"video {number}/{self.nf} (frame {self.frame}/{self.frames}) {file}: "
        if not self.frame:
            LOGGER.warning(f"skipping a video without readable frames: {file}")

    def _open(self, file: str) -> bool:
        self.close()
        self.cap = cv2.VideoCapture(file)
        self.frame = 0
        self.fps = self.cap.get(cv2.CAP_PROP_FPS) or 30.0
        self.frames = max(1, int(self.cap.get(cv2.CAP_PROP_FRAME_COUNT)) // self.vid_stride)
        return self.cap.isOpened()

    def close(self) -> None:
        """Let go of the open video."""
        if self.cap is not None:
            self.cap.release()


def list_source_files(path: str | Path | Sequence[str | Path]) -> list[str]:
    """Absolute paths of the files that a source names, folders, patterns and lists resolved, in sorted order each.

    Raises:
        FileNotFoundError: naming what does not exist.
    """
    if isinstance(path, (str, Path)) and Path(path).suffix.lower() in {".txt", ".csv"}:
        path = _listed_paths(Path(path))
    names = [path] if isinstance(path, (str, Path)) else list(path)
    files: list[str] = []
    for name in map(str, names):
        full = os.path.abspath(os.path.expanduser(name))
        if os.path.isdir(full):
            files += sorted(entry.path for entry in os.scandir(full) if entry.is_file())
        elif os.path.isfile(full):
            files.append(full)
        elif matches := sorted(glob.glob(full, recursive=True)):
            files += [match for match in matches if os.path.isfile(match)]
        else:
            raise FileNotFoundError(f"source '{name}' does not exist.")
    return files


def _listed_paths(file: Path) -> list[str]:
    """Paths in a list file; those that do not exist from the current folder are relative to the file's own."""
    cells = (
        file.read_text(encoding="utf-8-sig").replace(",", "\n" if file.suffix.lower() == ".csv" else ",").splitlines()
    )
    names = [cell.strip().strip("\"'") for cell in cells if cell.strip() and not cell.lstrip().startswith("#")]
    return [name if os.path.exists(name) else os.path.join(file.parent, name) for name in names]


class LoadImages(LoadImagesAndVideos):
    """Files under the name and with the arguments of 8.1.

    Args:
        path: see `LoadImagesAndVideos`.
        imgsz: accepted; sizes are a predictor's matter.
        vid_stride: see `LoadImagesAndVideos`.
    """

    def __init__(self, path: Any, imgsz: int = 640, vid_stride: int = 1) -> None:
        super().__init__(path, vid_stride=vid_stride)
