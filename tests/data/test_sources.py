"""Every kind of prediction source, with batching."""

from __future__ import annotations

import sys
import threading
import time
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests
import torch
from PIL import Image

from ultralytics.data.images.io import UnreadableImageError, imread
from ultralytics.data.loaders import (
    LoadImagesAndVideos,
    LoadIterable,
    LoadPilAndNumpy,
    LoadScreenshots,
    LoadStreams,
    LoadTensor,
    autocast_list,
    get_best_youtube_url,
)
from ultralytics.data.sources import check_source, load_inference_source
from ultralytics.utils.log import warn_once


@pytest.fixture
def images(make_set) -> Path:
    return make_set(5)


@pytest.fixture
def video(tmp_path) -> Path:
    """Seven frames, each brighter than the one before."""
    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (64, 48))
    for i in range(7):
        writer.write(np.full((48, 64, 3), 20 + 30 * i, np.uint8))
    writer.release()
    return path


def brightness(batches) -> list[int]:
    return [round((float(image.mean()) - 20) / 30) for _, frames, _ in batches for image in frames]


def test_single_file(images):
    loader = load_inference_source(images / "000.jpg")
    ((paths, (image,), infos),) = list(loader)
    assert isinstance(loader, LoadImagesAndVideos) and loader.mode == "image" and len(loader) == 1
    assert paths == [str(images / "000.jpg")] and infos == [f"image 1/1 {images / '000.jpg'}: "]
    assert np.array_equal(image, imread(images / "000.jpg"))
    assert len(list(loader)) == 1  # can be iterated again


def test_folder_pattern_and_lists(images, tmp_path):
    names = [str(images / f"{i:03d}.jpg") for i in range(5)]
    (images / "notes.md").write_text("no picture")
    assert [p for paths, _, _ in load_inference_source(images) for p in paths] == names
    batches = [len(paths) for paths, _, _ in load_inference_source(str(images), batch=2)]
    assert batches == [2, 2, 1] and len(load_inference_source(str(images), batch=2)) == 3
    assert [p for paths, _, _ in load_inference_source(str(images / "*3.jpg")) for p in paths] == [names[3]]
    (tmp_path / "list.txt").write_text("\n".join(names[:2]))
    (tmp_path / "table.csv").write_text(f"{names[1]},{names[2]}\n{names[4]}\n")
    assert [p for paths, _, _ in load_inference_source(str(tmp_path / "list.txt")) for p in paths] == names[:2]
    assert [p for paths, _, _ in load_inference_source(tmp_path / "table.csv") for p in paths] == names[1:3] + names[4:]
    (tmp_path / "table.csv").write_text(f"source\n{names[1]}\n{names[4]}\n")
    assert [p for paths, _, _ in load_inference_source(tmp_path / "table.csv") for p in paths] == [names[1], names[4]]


def test_unreadable_files_are_skipped_with_a_warning(images, tmp_path, capsys):
    (images / "001.jpg").write_bytes(b"")
    (images / "004.jpg").write_bytes(b"no")
    (images / "bad.mp4").write_bytes(b"no film")
    batches = list(load_inference_source(images, batch=2))
    assert [[Path(p).name for p in paths] for paths, _, _ in batches] == [["000.jpg", "002.jpg"], ["003.jpg"]]
    out = capsys.readouterr().out
    assert "001.jpg" in out and "004.jpg" in out and "bad.mp4" in out


def test_missing_and_unusable_sources(tmp_path, images):
    with pytest.raises(FileNotFoundError, match=r"nope\.jpg"):
        load_inference_source("nope.jpg")
    with pytest.raises(FileNotFoundError, match="no pictures"):
        load_inference_source(images.parents[1] / "labels" / "train")
    with pytest.raises(FileNotFoundError, match="empty list"):
        load_inference_source([])
    with pytest.raises(TypeError, match="NoneType"):
        load_inference_source(None)
    with pytest.raises(NotImplementedError, match="web page"):
        load_inference_source("https://www.youtube.com/watch?v=x")
    with pytest.raises(NotImplementedError):
        get_best_youtube_url("https://youtu.be/x")


def test_video(video):
    loader = load_inference_source(video)
    assert loader.mode == "video" and loader.fps == 25 and loader.frames == 7
    batches = list(loader)
    assert brightness(batches) == list(range(7))
    assert batches[0][2] == [f"video 1/1 (frame 1/7) {video}: "]
    assert [len(paths) for paths, _, _ in load_inference_source(video, batch=3)] == [3, 3, 1]
    assert brightness(load_inference_source(video, vid_stride=2)) == [1, 3, 5]


def test_pictures_before_videos_never_in_one_batch(images, video):
    loader = load_inference_source([str(video), str(images / "000.jpg")], batch=4)
    assert isinstance(loader, LoadImagesAndVideos)
    assert [len(paths) for paths, _, _ in loader] == [1, 4, 3]


def test_arrays_and_pillow_pictures(images):
    array = imread(images / "000.jpg")
    loader = load_inference_source(array)
    ((paths, (image,), infos),) = list(loader)
    assert isinstance(loader, LoadPilAndNumpy) and loader.source_type.from_img and paths == ["image0.jpg"]
    assert np.array_equal(image, array) and infos == [""]
    pillow = Image.fromarray(array[..., ::-1])
    ((_, (image,), _),) = list(load_inference_source(pillow))
    assert np.array_equal(image, array)
    ((paths, (image,), _),) = list(load_inference_source(Image.open(images / "000.jpg")))
    assert paths == [str(images / "000.jpg")] and image.shape == array.shape
    mixed = [array[..., 0], np.dstack([array, array[..., 0]]), pillow, str(images / "001.jpg")]
    ((paths, pictures, _),) = list(load_inference_source(mixed))
    assert paths == ["image0.jpg", "image1.jpg", "image2.jpg", str(images / "001.jpg")]
    assert [p.shape for p in pictures] == [(48, 64, 3)] * 3 + [(64, 48, 3)]
    ((_, (grey,), _),) = list(load_inference_source(array, channels=1))
    assert grey.shape == (48, 64, 1)
    with pytest.raises(ValueError, match="height, width, 3"):
        load_inference_source(np.zeros((4, 4, 7)))
    with pytest.raises(TypeError, match="dict"):
        load_inference_source([{}])
    assert [type(p) for p in autocast_list([array, pillow, images / "001.jpg"])] == [
        np.ndarray,
        Image.Image,
        np.ndarray,
    ]


def test_list_of_files_with_a_damaged_one(images, capsys):
    (images / "001.jpg").write_bytes(b"")
    ((paths, pictures, _),) = list(load_inference_source([images / "000.jpg", images / "001.jpg"]))
    assert len(paths) == len(pictures) == 1 and "001.jpg" in capsys.readouterr().out
    assert list(load_inference_source([images / "001.jpg"])) == []


def test_tensor(capsys):
    loader = load_inference_source(torch.rand(2, 3, 64, 32))
    ((paths, tensor, _),) = list(loader)
    assert isinstance(loader, LoadTensor) and loader.source_type.tensor and len(paths) == 2 and tensor.ndim == 4
    warn_once.cache_clear()
    ((_, tensor, _),) = list(load_inference_source(torch.full((3, 32, 32), 255.0)))
    assert tensor.shape == (1, 3, 32, 32) and tensor.max() == 1
    assert "float32 are read as levels 0 to 255" in capsys.readouterr().out
    with pytest.raises(ValueError, match="divisible by 32"):
        load_inference_source(torch.rand(1, 3, 60, 64))


def test_loader_passes_through(images):
    loader = LoadPilAndNumpy(imread(images / "000.jpg"))
    assert load_inference_source(loader) is loader


def test_pictures_and_videos_by_url(images, video, server):
    address, folder = server
    (folder / "a.jpg").write_bytes((images / "000.jpg").read_bytes())
    (folder / "film.mp4").write_bytes(video.read_bytes())
    (folder / "page.jpg").write_text("<html>")
    ((paths, (image,), _),) = list(load_inference_source(f"{address}/a.jpg"))
    assert paths == [f"{address}/a.jpg"] and np.array_equal(image, imread(images / "000.jpg"))
    assert len(next(iter(load_inference_source([f"{address}/a.jpg", imread(images / "001.jpg")])))[0]) == 2
    assert brightness(load_inference_source(f"{address}/film.mp4")) == list(range(7))
    with pytest.raises(FileNotFoundError, match="404"):
        load_inference_source(f"{address}/none.png")
    with pytest.raises(UnreadableImageError, match="cannot be decoded as a picture"):
        load_inference_source(f"{address}/page.jpg")


class _Camera(BaseHTTPRequestHandler):
    """Motion JPEG, the way network cameras send it; `/still` is one picture without a file suffix."""

    def do_GET(self) -> None:
        picture = cv2.imencode(".jpg", np.full((48, 64, 3), 120, np.uint8))[1].tobytes()
        self.send_response(200)
        if self.path == "/still":
            self.send_header("Content-Type", "image/jpeg")
            self.end_headers()
            self.wfile.write(picture)
            return
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
        self.end_headers()
        try:
            for _ in range(200):
                head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
                self.wfile.write(head + picture + b"\r\n")
                time.sleep(0.01)
        except OSError:
            pass

    def log_message(self, *args: object) -> None:
        """Write no log."""


@pytest.fixture
def camera():
    service = ThreadingHTTPServer(("127.0.0.1", 0), _Camera)
    service.daemon_threads = True
    threading.Thread(target=service.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{service.server_address[1]}"
    service.shutdown()
    service.server_close()


def test_network_camera(camera):
    loader = load_inference_source(f"{camera}/live")
    assert isinstance(loader, LoadStreams) and loader.source_type.stream and loader.mode == "stream"
    for _ in range(3):
        paths, (frame,), infos = next(loader)
        assert frame.shape == (48, 64, 3) and paths == [f"{camera}/live"] and infos == [""]
    loader.close()
    for thread in loader.threads:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in loader.threads)
    assert isinstance(load_inference_source(f"{camera}/still"), LoadPilAndNumpy)


@pytest.mark.parametrize(
    "source",
    [
        "https://example.com/bus.jpg",
        "https://example.com/film.mp4",
        "https://example.com/live",
        "rtsp://example.com/live",
        ["https://example.com/bus.jpg", "https://example.com/car.jpg"],
    ],
)
def test_offline_bars_addresses(monkeypatch, camera, source):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    monkeypatch.setattr(requests, "get", lambda *args, **kwargs: pytest.fail("went to the network"))
    with pytest.raises(ConnectionError, match="YOLO_OFFLINE"):
        list(load_inference_source(source))
    monkeypatch.undo()
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    assert load_inference_source(f"{camera}/still").bs == 1  # this machine is not the network


def test_streams_from_a_list_file(video, tmp_path):
    (tmp_path / "two.streams").write_text(f"{video}\n# comment\n{video}\n")
    loader = load_inference_source(str(tmp_path / "two.streams"), buffer=True)
    batches = list(loader)
    assert loader.bs == 2 and loader.fps == [25, 25] and len(batches) == 7
    assert brightness(batches) == [i for i in range(7) for _ in range(2)]
    newest = brightness(load_inference_source(str(tmp_path / "two.streams")))
    assert 2 <= len(newest) <= 14 and newest[::2] == sorted(newest[::2])


def test_stream_that_cannot_be_opened(tmp_path):
    (tmp_path / "none.streams").write_text(str(tmp_path / "none.mp4"))
    with pytest.raises(ConnectionError, match=r"none\.mp4"):
        load_inference_source(str(tmp_path / "none.streams"))


def test_screen_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "mss", None)
    with pytest.raises(ImportError, match="pip install mss"):
        load_inference_source("screen")


def test_screen(monkeypatch):
    """With a stand-in for the package: which part of which monitor is taken."""
    taken = []

    class Screen:
        monitors = [
            {"left": 0, "top": 0, "width": 30, "height": 20},
            {"left": 100, "top": 50, "width": 16, "height": 8},
        ]

        def grab(self, area):
            taken.append(area)
            return np.full((area["height"], area["width"], 4), 7, np.uint8)

    monkeypatch.setitem(sys.modules, "mss", types.SimpleNamespace(mss=Screen))
    loader = load_inference_source("screen 1 2 3 10 5")
    paths, (image,), _ = next(loader)
    assert isinstance(loader, LoadScreenshots) and loader.source_type.screenshot and image.shape == (5, 10, 3)
    assert taken == [{"left": 102, "top": 53, "width": 10, "height": 5}] and paths == ["1"]
    assert next(load_inference_source("screen"))[1][0].shape == (20, 30, 3)
    for wrong in ("screen 9", "screen 1 2", "screen x"):
        with pytest.raises(ValueError, match="screen"):
            load_inference_source(wrong)


@pytest.mark.parametrize(
    ("source", "flags"),
    [
        ("a.mp4", (False, False, False, False, False)),
        ("rtsp://host/x", (True, False, False, False, False)),
        (0, (True, False, False, False, False)),
        ("1", (True, False, False, False, False)),
        ("cams.streams", (True, False, False, False, False)),
        ("screen 0", (False, True, False, False, False)),
        (np.zeros((2, 2, 3)), (False, False, True, False, False)),
        (iter([]), (False, False, True, False, False)),
        (torch.zeros(1), (False, False, False, False, True)),
    ],
)
def test_kinds(source, flags):
    assert check_source(source)[1:] == flags


# Lists, iterators, names ----------------------------------------------------------------------------------------------


def test_lists_of_paths_are_read_when_their_turn_comes(images, monkeypatch):
    read = []
    monkeypatch.setattr(
        "ultralytics.data.loaders.files.imread", lambda file, channels: read.append(file) or imread(file, channels)
    )
    loader = load_inference_source(sorted(images.glob("*.jpg")), batch=2)
    assert not read and len(loader) == 3
    paths, pictures, infos = next(iter(loader))
    assert len(paths) == len(pictures) == 2 <= len(read) <= 4 and infos[1].startswith("image 2/5 ")
    assert [len(paths) for paths, _, _ in loader] == [2, 2, 1]


def test_lists_of_anything_that_has_a_name(images, video, tmp_path, server, capsys):
    address, served = server
    (served / "b.jpg").write_bytes((images / "000.jpg").read_bytes())
    (served / "picture").write_bytes((images / "000.jpg").read_bytes())  # no suffix: a picture
    np.save(tmp_path / "c.npy", imread(images / "001.jpg"))
    mixed = [images, str(images / "00[12].jpg"), f"{address}/b.jpg", f"{address}/picture", f"{address}/no.jpg"]
    loader = load_inference_source([*mixed, tmp_path / "c.npy", video], batch=4)
    names = [Path(path).name for paths, _, _ in loader for path in paths]
    assert names == [*(f"00{i}.jpg" for i in (0, 1, 2, 3, 4, 1, 2)), "b.jpg", "picture", "c.npy", *["film.mp4"] * 7]
    assert "no.jpg: the server answered 404" in capsys.readouterr().out


def test_list_files_with_addresses(images, tmp_path, server):
    address, served = server
    (served / "b.jpg").write_bytes((images / "000.jpg").read_bytes())
    (tmp_path / "list.txt").write_text(f"{images / '001.jpg'}\n{address}/b.jpg\n")
    assert [Path(p).name for paths, _, _ in load_inference_source(tmp_path / "list.txt") for p in paths] == [
        "001.jpg",
        "b.jpg",
    ]


def test_iterators(images, capsys):
    taken = []

    def pictures():
        for i in range(5):
            taken.append(i)
            yield images / "000.jpg" if i == 1 else np.full((8, 9), np.nan) if i == 2 else np.zeros((8, 9, 3), np.uint8)

    loader = load_inference_source(pictures(), batch=2)
    assert isinstance(loader, LoadIterable) and loader.source_type.from_img and not taken
    paths, batch, infos = next(loader)
    assert paths == ["image0.jpg", str(images / "000.jpg")] and len(batch) == len(infos) == 2 and taken == [0, 1]
    assert [paths for paths, _, _ in loader] == [["image3.jpg", "image4.jpg"]] and len(loader) == 4
    assert "skipping a picture: image2.jpg" in capsys.readouterr().out
    with pytest.raises(TypeError, match="dict"):
        list(load_inference_source(iter([{}])))


def test_lists_of_tensors():
    loader = load_inference_source([torch.rand(3, 32, 64)] * 2)
    assert isinstance(loader, LoadTensor) and loader.im0.shape == (2, 3, 32, 64)
    with pytest.raises(ValueError, match="no batch"):
        load_inference_source([torch.rand(3, 32, 64), torch.rand(3, 64, 64)])


def test_names_that_exist_win_over_numbers_and_patterns(images, tmp_path, monkeypatch):
    picture = (images / "000.jpg").read_bytes()
    monkeypatch.chdir(tmp_path)
    for folder in ("007", "2024_05_17", "1.5", "a[1]"):
        Path(folder).mkdir()
        Path(folder, "x.jpg").write_bytes(picture)
    for name in ("a[1.jpg", "b*.jpg", "c[ab].jpg"):
        Path(name).write_bytes(picture)
    for source in ("007", "2024_05_17", "1.5", "a[1]", "a[1]/*.jpg", "a[1]/x.jpg", "a[1.jpg", "b*.jpg", "c[ab].jpg"):
        loader = load_inference_source(source)
        assert isinstance(loader, LoadImagesAndVideos) and loader.nf == 1, source
        assert len(list(loader)) == 1
    assert check_source("8")[1] and check_source(7)[1], "no such folder, and a number: cameras"


# Damage ---------------------------------------------------------------------------------------------------------------


def motion_jpeg(path: Path, frames: int = 12) -> list[int]:
    """Write a film of whole pictures and return where in the file each one begins."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 20 + 18 * i, np.uint8))
    writer.release()
    data = path.read_bytes()
    starts = [i for i in range(len(data)) if data.startswith(b"\xff\xd8", i)]
    assert len(starts) == frames
    return starts


def levels(batches) -> list[int]:
    return [round((float(frame.mean()) - 20) / 18) for _, frames, _ in batches for frame in frames]


def test_a_broken_frame_does_not_end_a_film(tmp_path, capsys):
    path = tmp_path / "film.avi"
    starts = motion_jpeg(path)
    data = bytearray(path.read_bytes())
    for broken in (4, 5):
        data[starts[broken] : starts[broken + 1] - 16] = bytes(starts[broken + 1] - 16 - starts[broken])
    path.write_bytes(data)
    seen = levels(load_inference_source(path))
    assert seen[:4] == [0, 1, 2, 3] and seen[-6:] == [6, 7, 8, 9, 10, 11] and len(seen) < 12
    assert f"film.avi announces 12 frames, {12 - len(seen)} of them could not be read" in capsys.readouterr().out
    (tmp_path / "film.streams").write_text(str(path))
    assert levels(load_inference_source(str(tmp_path / "film.streams"), buffer=True))[-1] == 11


def test_a_film_that_is_cut_off_is_told(tmp_path, capsys):
    path = tmp_path / "film.avi"
    starts = motion_jpeg(path)
    path.write_bytes(path.read_bytes()[: starts[8]])
    assert levels(load_inference_source(path, vid_stride=2)) == [1, 3, 5, 7]
    assert "announces 12 frames, 4 of them could not be read" in capsys.readouterr().out
    motion_jpeg(path)
    assert len(levels(load_inference_source(path))) == 12 and not capsys.readouterr().out


def test_pictures_that_claim_to_be_enormous(images, capsys):
    """A header of 60,000 x 60,000 pixels: no decoder takes it, and no folder, list or array stops at it."""
    header = bytearray(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    header[29:33] = __import__("zlib").crc32(bytes(header[12:29])).to_bytes(4, "big")
    (images / "000.png").write_bytes(header)
    assert sum(len(paths) for paths, _, _ in load_inference_source(images)) == 5
    assert "000.png" in capsys.readouterr().out
    ((paths, _, _),) = list(load_inference_source([np.zeros((4, 4, 3), np.uint8), str(images / "000.png")]))
    assert paths == ["image0.jpg"]
    with pytest.raises(UnreadableImageError, match=r"000\.png"):
        imread(images / "000.png")


def test_pillow_pictures_that_are_read_too_late(images):
    (images / "000.jpg").write_bytes((images / "000.jpg").read_bytes()[:-100])
    picture = Image.open(images / "000.jpg")
    with pytest.raises(UnreadableImageError, match=r"000\.jpg"):
        load_inference_source(picture)


@pytest.mark.parametrize("source", ["0", "screen", "rtsp://127.0.0.1/x"])
def test_live_sources_have_three_channels(source):
    with pytest.raises(ValueError, match="gives pictures of 3 channels, but the model takes 10"):
        load_inference_source(source, channels=10)


def test_films_have_three_channels(images, video, capsys):
    with pytest.raises(ValueError, match="videos have 3 channels, but the model takes 10"):
        load_inference_source(video, channels=10)
    np.save(images / "a.npy", np.zeros((8, 9, 10), np.uint8))
    loader = load_inference_source([images / "a.npy", video], channels=10)
    assert loader.nf == 1 and "skipping 1 of them" in capsys.readouterr().out
