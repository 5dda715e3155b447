"""Files that a prediction run writes: annotated pictures, videos, frames, label rows and crops.

Names are unique within the calls of a predictor that write to one folder: a second source with the same stem gets -2,
-3 ...; the same file, predicted again, replaces what it gave before. Files of other predictors are replaced as well.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ultralytics.engine.plots.files import write_image
from ultralytics.engine.results import Results
from ultralytics.utils.background import Background
from ultralytics.utils.files import check_disk_space
from ultralytics.utils.opencv import MPEG4, open_video_writer
from ultralytics.utils.text import file_name, without_password

__all__ = ["DEFAULT_FPS", "RunOutput", "SourceNames"]

VIDEO_SUFFIX = ".mp4"
VIDEO_CODECS = ("avc1", MPEG4)  # H.264, which browsers play, where OpenCV has an encoder for it; else MPEG-4
DEFAULT_FPS = 30
LONGEST_JPEG = 65_500  # pixels of a side; line scans are longer


class SourceNames:
    """File stems of sources, no two alike, for all runs that write to a folder.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, str] = {}
        self._uses: dict[str, int] = {}

    def known(self, source: str) -> str:
        """Return the stem of a source that is the same whenever it is named: a file."""
        if source not in self._known:
            self._known[source] = self.fresh(source)
        return self._known[source]

    def fresh(self, source: str) -> str:
        """Return a stem that no source had before."""
        stem = file_name(
            Path(without_password(source)).stem or "source"
        )  # addresses of streams are long, and hold odd characters
        name = stem
        while name in self._uses:
            self._uses[stem] += 1
            name = f"{stem}-{self._uses[stem]}"
        self._uses[name] = 1
        return name


class RunOutput:
    """Writer of one run.

    Args:
        folder: target folder; made when the first file is written.
        names: stems that runs into this folder have taken; those of this run alone when None.
        live: sources are live, so their names say nothing of what is in their pictures.

    Attributes:
        videos: path of a video -> its open writer.
    """

    def __init__(self, folder: Path, names: SourceNames | None = None, live: bool = False) -> None:
        self.folder, self.live = folder, live
        self.videos: dict[Path, cv2.VideoWriter] = {}
        self._names = SourceNames(folder) if names is None else names
        self._stems: dict[str, str] = {}
        self._labels: set[Path] = set()
        self._sizes: dict[Path, tuple[int, int]] = {}
        self._background = Background()

    def stem(self, source: str | Path) -> str:
        """Return the file stem that belongs to a source of this run, the same at every call."""
        key = str(source)
        if key not in self._stems:
            lasting = not self.live and (Path(key).is_file() or re.match(r"https?:/", key) is not None)
            self._stems[key] = self._names.known(key) if lasting else self._names.fresh(key)
        return self._stems[key]

    def image(self, target: Path, picture: np.ndarray) -> Path:
        """Write the annotated picture of a still source as JPEG, in the background."""
        return self._picture(target.with_suffix(".jpg"), picture)

    def frame(self, target: Path, number: int, picture: np.ndarray) -> Path:
        """Write one annotated frame of the video `target`, in the background."""
        return self._picture(target.with_name(f"{target.stem}_frames") / f"{target.stem}_{number}.jpg", picture)

    def _picture(self, path: Path, picture: np.ndarray) -> Path:
        path = path.with_suffix(".png") if max(picture.shape) > LONGEST_JPEG else path
        self._background.submit(str(path), partial(write_image, path, picture.copy()))  # the caller may draw on it
        return path

    def video(self, target: Path, picture: np.ndarray, fps: float = DEFAULT_FPS) -> Path:
        """Append one annotated frame to the video `target`, an mp4, in the background.

        Raises:
            OSError: if no video can be opened for writing, or the disk is full.
        """
        path = target.with_suffix(VIDEO_SUFFIX)
        if path not in self.videos:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._sizes[path] = picture.shape[1], picture.shape[0]
            self.videos[path] = open_video_writer(path, self._sizes[path], fps, VIDEO_CODECS)
        write = partial(_append, self.videos[path], path, picture.copy(), self._sizes[path])
        self._background.submit(str(path), write)
        return path

    def labels(self, result: Results, name: str, save_conf: bool) -> Path:
        """Write the label rows of one picture to `labels/<name>.txt`; the first of a run replaces an older file."""
        path = self.folder / "labels" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path not in self._labels:
            path.unlink(missing_ok=True)
            self._labels.add(path)
        result.save_txt(path, save_conf=save_conf)
        return path

    def settle(self) -> None:
        """Wait until all pictures and frames are written.

        Raises:
            OSError: the first that could not be written.
        """
        self._background.settle()

    def close(self) -> None:
        """Settle, and finish all videos.

        Raises:
            OSError: the first picture, frame or video that could not be written, unless that was said before.
        """
        paths = list(self.videos)
        try:
            self._background.close()
        finally:
            for writer in self.videos.values():
                writer.release()
            self.videos.clear()
        for path in () if self._background.failed else paths:  # the tables, the most important part, come last
            check_disk_space(path)


def _append(writer: cv2.VideoWriter, path: Path, picture: np.ndarray, size: tuple[int, int]) -> None:
    """Append a frame to an open video; a camera may have come back with another picture size."""
    if (picture.shape[1], picture.shape[0]) != size:
        picture = cv2.resize(picture, size)
    writer.write(picture)  # which says nothing of a full disk
    check_disk_space(path)
