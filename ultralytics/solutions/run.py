"""Running a video application over a film, for the command line: frames in, a film of what was drawn out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.cfg.solutions import SOLUTION_ARGS, Solution
from ultralytics.data.sources import load_inference_source
from ultralytics.engine.task import resolve
from ultralytics.utils.files import check_disk_space, increment_path
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.opencv import open_video_writer
from ultralytics.utils.settings import SETTINGS

__all__ = ["FilmWriter", "run_film", "run_folder"]

SUFFIX = ".avi"  # as the published package writes them


class FilmWriter:
    """Writes frames to films: one, or a further one when the size of the frames changes.

    Args:
        folder: returns the folder to write to, which exists then; asked when there is a frame.
        stem: name of the first film, without suffix; further ones get -2, -3 ...
        fps: frames per second.

    Attributes:
        files: films that have been begun.
    """

    def __init__(self, folder: Callable[[], Path], stem: str, fps: float) -> None:
        self.folder, self.stem, self.fps = folder, stem, fps
        self.files: list[Path] = []
        self._writer: cv2.VideoWriter | None = None
        self._size = 0, 0

    def write(self, frame: np.ndarray) -> None:
        """Append a frame (H, W, 3) BGR.

        Raises:
            OSError: no film can be opened for writing, or the disk is full.
        """
        size = frame.shape[1], frame.shape[0]
        if self._writer is None or size != self._size:
            self.close()
            path = increment_path(self.folder() / f"{self.stem}{SUFFIX}")
            self._writer = open_video_writer(path, size, self.fps)
            self._size = size
            self.files.append(path)
        self._writer.write(frame)  # which says nothing of a full disk
        check_disk_space(self.files[-1])

    def close(self) -> None:
        """Finish the film."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None


def run_folder(args: Mapping[str, Any]) -> Path:
    """Return the folder that a run writes to, which is made: `runs/solutions/exp`, `exp-2` ..."""
    parent = Path(args.get("project") or SETTINGS["runs_dir"]) / ("" if args.get("project") else "solutions")
    return increment_path(parent / str(args.get("name") or "exp"), exist_ok=bool(args.get("exist_ok")), mkdir=True)


def run_film(info: Solution, args: Mapping[str, Any], open_model: Callable[[], Any]) -> list[Path]:
    """Run an application over a source until it ends, or `q` is pressed in the window.

    Every film and every stream of the source has an application of its own, with its own tracks and counts.

    Args:
        info: the application.
        args: arguments as `cfg.solutions.CLI_ARGS` names them, checked.
        open_model: returns a new network.

    Returns:
        The films written.

    Raises:
        ConfigValueError: no source.
        FileNotFoundError, ConnectionError: the source is not there.
    """
    if args.get("source") is None:
        raise ConfigValueError(f"'yolo solutions {info.name}' needs a film: source=film.mp4, or a camera: source=0.")
    stride = int(args.get("vid_stride") or 1)
    loader = load_inference_source(args["source"], vid_stride=stride)
    folder = cache(partial(run_folder, args)) if info.name != "crop" else None  # made for the first film
    sessions: dict[str, _Session] = {}
    written: list[Path] = []
    try:
        for key, frame, fps in _frames(loader):
            if key not in sessions:
                if not loader.source_type.stream:  # files come one after the other
                    _finish(sessions, written)
                sessions[key] = _Session(info, args, open_model(), folder, fps / stride, loader.source_type.stream)
            sessions[key].take(frame)
            if sessions[key].solution.closed:
                break
    finally:
        _finish(sessions, written)
        getattr(loader, "close", lambda: None)()
    if not sessions and not written and info.name != "crop":
        LOGGER.warning(f"no frame of '{args['source']}' could be read, so nothing was written.")
    return written


def _frames(loader: Any) -> Iterator[tuple[str, np.ndarray, float]]:
    """Yield for every frame what it belongs to, the frame, and frames per second; pictures are frames of one film."""
    for paths, frames, _ in loader:
        for i, (path, frame) in enumerate(zip(paths, frames, strict=True)):
            fps = getattr(loader, "fps", None)
            fps = fps[i] if isinstance(fps, (list, tuple)) and i < len(fps) else fps
            lasting = loader.mode in ("video", "stream")
            yield (
                str(path) if lasting else "",
                np.ascontiguousarray(frame),
                float(fps) if fps and not isinstance(fps, (list, tuple)) else SOLUTION_ARGS["fps"].default,
            )


class _Session:
    """An application at work on one film."""

    def __init__(
        self,
        info: Solution,
        args: Mapping[str, Any],
        model: Any,
        folder: Callable[[], Path] | None,
        fps: float,
        live: bool,
    ) -> None:
        given = {name: value for name, value in args.items() if name in SOLUTION_ARGS and name != "source"}
        self.timed = live and info.name == "speed"  # live frames are lost now and then: the clock is right
        self.solution = resolve(info.home)(is_cli=True, **{"fps": fps, **given, "model": model})
        self.writer = FilmWriter(folder, info.name, fps) if folder else None
        self.last: Any = None

    def take(self, frame: np.ndarray) -> None:
        """Work on a frame and write what was drawn."""
        more = {"timestamp": time.perf_counter()} if self.timed else {}
        self.last = self.solution(frame, **more)
        if self.writer and self.last.plot_im is not None:
            self.writer.write(self.last.plot_im)

    def close(self) -> list[Path]:
        """Finish the film, say what was found, and return what was written."""
        if self.writer:
            self.writer.close()
        if self.last is not None:
            found = {name: value for name, value in vars(self.last).items() if name not in {"plot_im", "speed"}}
            LOGGER.info("Last frame: " + (", ".join(f"{k}={v}" for k, v in found.items() if v) or "nothing found"))
        files = self.writer.files if self.writer else []
        for file in files:
            LOGGER.info(f"Results saved to {colorstr('bold', file)}")
        return files


def _finish(sessions: dict[str, _Session], written: list[Path]) -> None:
    """Close all sessions and collect their films."""
    for session in sessions.values():
        written += session.close()
    sessions.clear()
