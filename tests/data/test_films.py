"""Film files: reading ahead, strides, rates that vary, turned pictures, damage."""

from __future__ import annotations

import itertools
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from ultralytics.data.loaders import LoadImagesAndVideos, files
from ultralytics.data.sources import load_inference_source

CONTAINERS = ("moov", "trak", "mdia", "minf", "stbl", "edts")
TABLE = "moov/trak/mdia/minf/stbl"
FRAMES, FPS = 20, 25


@pytest.fixture
def film(tmp_path) -> Path:
    """Twenty frames, each brighter than the one before, white in the upper left corner."""
    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (64, 48))
    for i in range(FRAMES):
        frame = np.full((48, 64, 3), 20 + 10 * i, np.uint8)
        frame[:16, :16] = 255
        writer.write(frame)
    writer.release()
    return path


@pytest.fixture(autouse=True)
def threads_end() -> Iterator[None]:
    """No thread is left behind."""
    before = set(threading.enumerate())
    yield
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in left)


def levels(batches) -> list[int]:
    """Return which frames of the film these are."""
    return [round((float(frame[-20:, -20:].mean()) - 20) / 10) for _, frames, _ in batches for frame in frames]


# Editing mp4 files ----------------------------------------------------------------------------------------------------
def boxes(data: bytes, start: int, end: int, within: str = "") -> Iterator[tuple[str, int, int]]:
    """Give path, start and size of the boxes of an mp4 file."""
    while start < end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        path = f"{within}{kind.decode('latin1')}"
        yield path, start, size
        if kind.decode("latin1") in CONTAINERS:
            yield from boxes(data, start + 8, start + size, f"{path}/")
        start += size


def replaced(data: bytes, path: str, content: bytes) -> bytes:
    """Return a file, whose pictures come before its tables, with another content of one box."""
    found = {name: (start, size) for name, start, size in boxes(data, 0, len(data))}
    start, size = found[path]
    out = bytearray(data)
    out[start : start + size] = struct.pack(">I4s", len(content) + 8, path[-4:].encode()) + content
    for parent in itertools.accumulate(path.split("/")[:-1], "{}/{}".format):
        at, length = found[parent]
        out[at : at + 4] = struct.pack(">I", length + len(content) + 8 - size)
    return bytes(out)


def content(data: bytes, path: str) -> bytes:
    """Return what is in a box."""
    start, size = next((start, size) for name, start, size in boxes(data, 0, len(data)) if name == path)
    return data[start + 8 : start + size]


def tables_first(data: bytes) -> bytes:
    """Return the file as it is made for the web: the tables before the pictures."""
    found = {name: (start, size) for name, start, size in boxes(data, 0, len(data))}
    (at, size), (before, _) = found["moov"], found["mdat"]
    offsets = content(data, f"{TABLE}/stco")
    count = struct.unpack(">I", offsets[4:8])[0]
    moved = [offset + size for offset in struct.unpack(f">{count}I", offsets[8:])]
    data = replaced(data, f"{TABLE}/stco", offsets[:8] + struct.pack(f">{count}I", *moved))
    return data[:before] + data[at : at + size] + data[before:at]


# Reading --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize(("batch", "stride"), [(1, 1), (4, 1), (3, 2), (64, 7)])
def test_every_frame_in_its_order(film, batch, stride, cores, monkeypatch):
    monkeypatch.setattr(files, "cpu_count", lambda: cores)  # without a thread, with one
    loader = load_inference_source(film, batch=batch, vid_stride=stride)
    batches = list(loader)
    wanted = list(range(stride - 1, FRAMES, stride))
    assert levels(batches) == wanted and [len(paths) for paths, _, _ in batches][:-1] == [batch] * (len(batches) - 1)
    lines = [line for _, _, infos in batches for line in infos]
    assert lines[-1] == f"video 1/1 (frame {len(wanted)}/{FRAMES // stride}) {film}: "


def test_positions_are_those_of_the_frame_that_was_given(film):
    loader = load_inference_source(film, vid_stride=2)
    seen = [(loader.cap.get(cv2.CAP_PROP_POS_MSEC), loader.cap.get(cv2.CAP_PROP_POS_FRAMES)) for _ in loader]
    assert seen == [(40 * i, i + 1) for i in range(1, FRAMES, 2)]
    assert loader.fps == FPS


def test_little_is_read_ahead(film, monkeypatch):
    monkeypatch.setattr(files, "cpu_count", lambda: 2)
    loader = load_inference_source(film, batch=4)
    for _ in itertools.islice(loader, 1):
        time.sleep(0.2)
    assert 4 <= loader.cap.readable <= 4 + 4 + 1
    loader.close()


def test_leaving_early_lets_go_of_the_film(film):
    loader = load_inference_source([film, film])
    next(iter(loader))
    loader.close()
    assert not loader.cap.isOpened()
    assert levels(loader)[0] == 0, "it can be read again"


def test_an_error_of_a_decoder_is_raised_in_the_callers_thread(film, monkeypatch):
    monkeypatch.setattr(files, "cpu_count", lambda: 2)
    real = cv2.VideoCapture

    class Faulty:
        def __init__(self, file):
            self.capture = real(file)

        def __getattr__(self, name):
            return getattr(self.capture, name)

        def retrieve(self):
            raise RuntimeError("decoder")

    monkeypatch.setattr(cv2, "VideoCapture", Faulty)
    with pytest.raises(RuntimeError, match="decoder"):
        list(load_inference_source(film))


# Kinds of films -------------------------------------------------------------------------------------------------------
def test_a_rate_that_varies(film):
    """Ten frames of 40 ms, ten of 120 ms: 12.5 frames a second; and every one of them is given."""
    data = film.read_bytes()
    _, _, count, ticks = struct.unpack(">IIII", content(data, f"{TABLE}/stts"))
    seconds = count * ticks
    data = replaced(data, f"{TABLE}/stts", struct.pack(">6I", 0, 2, 10, ticks, 10, 3 * ticks))
    header = bytearray(content(data, "moov/trak/mdia/mdhd"))
    assert struct.unpack(">I", header[16:20])[0] == seconds
    header[16:20] = struct.pack(">I", 2 * seconds)
    data = replaced(data, "moov/trak/mdia/mdhd", bytes(header))
    edits = bytearray(content(data, "moov/trak/edts/elst"))
    edits[8:12] = struct.pack(">I", 2 * struct.unpack(">I", edits[8:12])[0])
    film.write_bytes(replaced(data, "moov/trak/edts/elst", bytes(edits)))
    loader = load_inference_source(film)
    batches, times = [], []
    for batch in loader:
        batches.append(batch)
        times.append(round(loader.cap.get(cv2.CAP_PROP_POS_MSEC)))
    assert levels(batches) == list(range(FRAMES)) and loader.fps == pytest.approx(12.5, abs=0.5)
    assert times == [40 * i for i in range(10)] + [400 + 120 * i for i in range(10)]


def test_films_of_phones_are_turned_upright(film):
    data = film.read_bytes()
    header = bytearray(content(data, "moov/trak/tkhd"))
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    at = header.index(struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
    header[at : at + 36] = quarter
    film.write_bytes(replaced(data, "moov/trak/tkhd", bytes(header)))
    batches = list(load_inference_source(film))
    frame = batches[0][1][0]
    assert frame.shape == (64, 48, 3) and frame[4, 44].min() > 200 > frame[4, 4].max(), "a quarter to the right"
    assert levels(batches) == list(range(FRAMES))


def test_a_film_that_ends_in_the_middle(film, capsys):
    data = tables_first(film.read_bytes())
    film.write_bytes(data)
    assert levels(load_inference_source(film)) == list(range(FRAMES)) and not capsys.readouterr().out
    start, size = next((start, size) for name, start, size in boxes(data, 0, len(data)) if name == "mdat")
    film.write_bytes(data[: start + size // 2])
    seen = levels(load_inference_source(film, batch=4))
    assert 0 < len(seen) < FRAMES and seen[:-1] == list(range(len(seen) - 1))
    assert f"announces 20 frames, {FRAMES - len(seen)} of them could not be read" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"this is no film\n" * 50, "damaged, incomplete or no video"),
        (b"\0" * 5000, "damaged, incomplete or no video"),
    ],
)
def test_files_that_are_no_films(film, tmp_path, data, reason, capfd):
    (tmp_path / "a.mp4").write_bytes(data)
    assert not list(load_inference_source(tmp_path / "a.mp4"))
    out, err = capfd.readouterr()
    assert f"skipping a video that cannot be opened ({reason}): {tmp_path / 'a.mp4'}" in out
    assert "ERROR" not in err and "WARN" not in err
    assert levels(load_inference_source([tmp_path / "a.mp4", film])) == list(range(FRAMES)), "the next one is read"


def test_a_film_without_its_tables(film, capsys):
    film.write_bytes(film.read_bytes()[:-600])
    assert not list(load_inference_source(film))
    assert "cannot be opened (damaged, incomplete or no video)" in capsys.readouterr().out


# Pictures -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    paths = [tmp_path / f"{i:02d}.png" for i in range(12)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((48, 64, 3), 20 + 10 * i, np.uint8))
    return paths


def test_pictures_are_read_ahead_in_their_order(pictures, monkeypatch, capsys):
    monkeypatch.setattr(files, "cpu_count", lambda: 4)
    pictures[5].write_bytes(b"no picture")
    read, real = [], files.imread
    monkeypatch.setattr(files, "imread", lambda file, channels: (read.append(file), real(file, channels))[1])
    loader = load_inference_source(pictures, batch=2)
    assert not read
    first = next(iter(loader))
    assert levels([first]) == [0, 1] and len(read) <= 5
    assert levels(loader) == [i for i in range(12) if i != 5]
    assert capsys.readouterr().out.count("05.png") == 1
    loader.close()


def test_subclasses_keep_their_effect(pictures):
    class Inverted(LoadImagesAndVideos):
        def __next__(self):
            paths, images, infos = super().__next__()
            return paths, [255 - image for image in images], infos

    assert [int(image.mean()) for _, (image,), _ in Inverted(pictures[:3])] == [235, 225, 215]


def test_memory_does_not_grow_with_the_number_of_files(pictures, monkeypatch):
    """Ten thousand paths: at no time are there more than a handful of pictures."""
    monkeypatch.setattr(files, "cpu_count", lambda: 4)
    here = most = 0
    lock = threading.Lock()

    class Counted(np.ndarray):
        def __del__(self):
            nonlocal here
            with lock:
                here -= 1

    def decode(file, channels):
        nonlocal here, most
        with lock:
            here += 1
            most = max(most, here)
        return np.zeros((4, 4, 3), np.uint8).view(Counted)

    monkeypatch.setattr(files, "imread", decode)
    assert sum(len(paths) for paths, _, _ in load_inference_source([pictures[0]] * 10_000)) == 10_000
    assert most <= 10
