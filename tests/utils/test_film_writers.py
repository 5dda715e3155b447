"""Writing films: which codec is taken, and that nothing of the search for it is seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from ultralytics.utils import opencv
from ultralytics.utils.opencv import open_video_writer

WRITE_TWO_FILMS = """
from ultralytics.data.generators.film import Film
from ultralytics.utils.opencv import open_video_writer

Film(seconds=0.1, size_hw=(64, 64)).write("drawn.mp4")  # OpenCV decides now how much FFmpeg says in this process
for name in ("first.mp4", "second.mp4"):
    open_video_writer(name, (64, 64), 30, ("avc1", "mp4v")).release()
"""


def test_nothing_is_said_while_codecs_are_tried(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", WRITE_TWO_FILMS], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout == run.stderr == ""


def test_missing_encoders_are_tried_once(tmp_path, monkeypatch):
    made = []

    def writer(path: str, code: int, *args):
        made.append(Path(path).name)
        return real(path, code if code == cv2.VideoWriter.fourcc(*"mp4v") else cv2.VideoWriter.fourcc(*"none"), *args)

    real, writer.fourcc = cv2.VideoWriter, cv2.VideoWriter.fourcc
    monkeypatch.setattr(opencv.cv2, "VideoWriter", writer)
    opencv._has_encoder.cache_clear()
    try:
        for name in ("a.mp4", "b.mp4"):
            film = open_video_writer(tmp_path / name, (32, 32), 10, ("zzzz", "mp4v"))
            film.write(np.zeros((32, 32, 3), np.uint8))
            film.release()
            assert (tmp_path / name).stat().st_size > 0
    finally:
        opencv._has_encoder.cache_clear()
    assert made == ["film.mp4", "a.mp4", "b.mp4"]


def test_a_film_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OSError, match=r"Cannot write the video '.*film\.mp4' \(codec mp4v; 32x32\)"):
        open_video_writer(tmp_path / "absent" / "film.mp4", (32, 32), 10)
