"""Live sources from servers on this machine: rates, outages, refused connections."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest
from rtsp_server import RtspCamera

from ultralytics.data.loaders import LoadStreams, live
from ultralytics.data.sources import load_inference_source


class Camera:
    """A camera that sends motion JPEG over HTTP; every picture is 2 levels brighter than the one before.

    Args:
        rate: pictures a second.
        limit: pictures of one connection, after which the camera hangs up; None for no end.
        size: width and height.
    """

    def __init__(self, rate: float = 50, limit: int | None = None, size: tuple[int, int] = (64, 48)):
        self.rate, self.limit, self.size = rate, limit, size
        self.port = 0
        self.sent = 0
        self.connections = 0
        self.silent = False
        self._service: ThreadingHTTPServer | None = None
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/live"

    def start(self) -> None:
        """Listen, at the same port as before."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._serve(self)

            def log_message(self, *args: object) -> None:
                """Write no log."""

        self._service = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._service.daemon_threads = True
        self.port = self._service.server_address[1]
        self._on = threading.Event()  # one for every service: connections of the last one end
        self._on.set()
        threading.Thread(target=self._service.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """End all connections and refuse further ones."""
        self._on.clear()
        self._service.shutdown()
        self._service.server_close()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
        request.end_headers()
        if not request.path.startswith("/live"):
            return
        self.connections += 1
        on, sent = self._on, 0
        try:
            while on.is_set() and (self.limit is None or sent < self.limit):
                if not self.silent:
                    level = np.full((*self.size[::-1], 3), self.sent * 2 % 250, np.uint8)
                    data = cv2.imencode(".jpg", level)[1].tobytes()
                    head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    request.wfile.write(head.encode() + data + b"\r\n")
                    sent, self.sent = sent + 1, self.sent + 1
                time.sleep(1 / self.rate)
        except OSError:
            pass


@pytest.fixture
def cameras() -> Iterator[Callable[..., Camera]]:
    """Return a function that switches a camera on."""
    made: list[Camera] = []

    def make(**kwargs: object) -> Camera:
        made.append(Camera(**kwargs))
        return made[-1]

    yield make
    for camera in made:
        camera.stop()


@pytest.fixture
def opened(tmp_path) -> Iterator[Callable[..., LoadStreams]]:
    """Return a function that opens cameras as the sources of a list file."""
    loaders: list[LoadStreams] = []

    def load(*sources: Camera | str, **kwargs: object) -> LoadStreams:
        lines = [source.address if isinstance(source, Camera) else source for source in sources]
        (tmp_path / "all.streams").write_text("\n".join(lines))
        loaders.append(load_inference_source(str(tmp_path / "all.streams"), **kwargs))
        return loaders[-1]

    yield load
    for loader in loaders:
        loader.close()


@pytest.fixture
def hasty(monkeypatch) -> None:
    """Short pauses before connecting again."""
    monkeypatch.setattr(live, "PAUSES", (0.02, 0.04, 0.08, 0.16, 0.32, 0.64))


def until(loader: LoadStreams, enough: Callable[[list[list[int]]], bool], seconds: float = 20) -> list[list[int]]:
    """Take batches until there are enough, and return the order of each."""
    orders: list[list[int]] = []
    end = time.monotonic() + seconds
    for paths, images, infos in loader:
        orders.append(loader.order)
        assert paths == [loader.sources[i] for i in loader.order] and len(paths) == len(images) == len(infos) > 0
        if enough(orders):
            return orders
        assert time.monotonic() < end, orders
    return orders


def test_sources_of_one_rate_come_together(cameras, opened):
    loader = opened(cameras(), cameras())
    assert until(loader, lambda orders: sum(len(order) == 2 for order in orders) == 10)[0] == [0, 1]


def test_a_slow_source_does_not_hold_up_a_fast_one(cameras, opened):
    loader = opened(cameras(rate=5), cameras(rate=50))
    until(loader, lambda orders: sum(0 in order for order in orders) == 4)  # what came while both were opened
    orders = until(loader, lambda orders: sum(0 in order for order in orders) == 4)
    assert sum(1 in order for order in orders) > 12


def test_a_buffer_keeps_every_picture(cameras, opened):
    loader = opened(cameras(rate=200, limit=20), buffer=True)
    seen = []
    for _, (image,), _ in loader:
        seen.append(round(float(image.mean()) / 2))
        time.sleep(0.01)
        if len(seen) == 20:
            break
    assert seen == list(range(20))


def test_vid_stride_leaves_pictures_out(cameras, opened):
    loader = opened(cameras(rate=100, limit=31), buffer=True, vid_stride=3)
    seen = [round(float(next(loader)[1][0].mean()) / 2) for _ in range(6)]
    assert seen == [0, 3, 6, 9, 12, 15]


def test_a_camera_that_stops_comes_back(cameras, opened, hasty, capsys):
    lasting, flaky = cameras(), cameras()
    loader = opened(lasting, flaky)
    until(loader, lambda orders: len(orders) == 5)
    flaky.stop()
    orders = until(loader, lambda orders: orders[-5:] == [[0]] * 5)
    flaky.start()
    orders = until(loader, lambda orders: sum(1 in order for order in orders) == 5)
    assert sum(0 in order for order in orders) >= 3 and flaky.connections == 2
    said = capsys.readouterr().out
    assert said.count("no picture any more") == 1 and said.count("pictures come again") == 1
    assert f"2/2: {flaky.address}: no picture any more" in said


def test_a_camera_that_hangs_up_is_called_again(cameras, opened, hasty, capsys):
    camera = cameras(rate=100, limit=5)
    loader = opened(camera, buffer=True)
    seen = [round(float(next(loader)[1][0].mean()) / 2) for _ in range(12)]
    assert seen == list(range(12)) and camera.connections == 3
    assert capsys.readouterr().out.count("no picture any more") == 2


def test_a_camera_that_is_silent_does_not_hold_up_others(cameras, opened):
    silent, lasting = cameras(), cameras()
    loader = opened(silent, lasting)
    silent.silent = True
    until(loader, lambda orders: orders[-5:] == [[1]] * 5)
    silent.silent = False
    until(loader, lambda orders: 0 in orders[-1])


def test_a_camera_that_stays_away_is_given_up(cameras, opened, monkeypatch, capsys):
    monkeypatch.setattr(live, "PAUSES", (0.01, 0.02))
    camera = cameras()
    loader = opened(camera)
    next(loader)
    camera.stop()
    until(loader, lambda orders: False)  # ends on its own
    said = capsys.readouterr().out
    assert said.count("no picture any more") == 1 and said.count("given up after 2 attempts") == 1
    assert not any(thread.is_alive() for thread in loader.threads)
    with pytest.raises(StopIteration):
        next(loader)


def test_pauses_grow(cameras, opened, monkeypatch):
    waits = []
    camera = cameras()
    loader = opened(camera)
    next(loader)
    monkeypatch.setattr(loader, "_rested", lambda seconds: waits.append(seconds) or True)
    camera.stop()
    assert not list(loader)[5:] and waits == sorted(waits) == list(live.PAUSES)


def test_a_camera_may_come_back_with_another_picture_size(cameras, opened, hasty):
    camera = cameras()
    loader = opened(camera)
    assert next(loader)[1][0].shape == (48, 64, 3)
    camera.stop()
    camera.size = (32, 32)
    camera.start()
    end = time.monotonic() + 20
    while next(loader)[1][0].shape != (32, 32, 3):
        assert time.monotonic() < end


def test_a_refused_connection_is_one_clear_line(opened, capfd):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError) as caught:
        opened(f"rtsp://me:secret@127.0.0.1:{port}/live")
    text = str(caught.value)
    assert text.startswith(f"1/1: rtsp://me:***@127.0.0.1:{port}/live: cannot be opened") and "\n" not in text
    out, err = capfd.readouterr()
    assert "secret" not in out + err


def test_a_server_without_pictures_is_refused(cameras):
    with pytest.raises(ConnectionError, match="sends no picture"):
        load_inference_source(cameras().address.replace("/live", "/nothing"))


def test_closing_ends_the_threads(cameras, opened, monkeypatch):
    """They are not waited for, as the garbage collector may be what closes."""
    loader = opened(cameras(), cameras(rate=1))
    next(loader)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", lambda *_: pytest.fail("a thread was waited for"))
        loader.close()
    for thread in loader.threads:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in loader.threads)
    with pytest.raises(StopIteration):
        next(loader)


def test_closing_ends_pauses_too(cameras, opened, monkeypatch):
    """One thread waits for a camera that is gone; another closes while it may hold the loader's lock itself."""
    monkeypatch.setattr(live, "PAUSES", (600,))
    camera = cameras()
    loader = opened(camera)
    camera.stop()
    while loader._streams[0].connected:
        time.sleep(0.01)
    with loader._news:
        loader.close()
    loader.threads[0].join(timeout=10)
    assert not loader.threads[0].is_alive()


@pytest.fixture
def rtsp() -> Iterator[Callable[..., str]]:
    """Return a function that switches an RTSP camera on and returns its address."""
    if "FFMPEG" not in {cv2.videoio_registry.getBackendName(i) for i in cv2.videoio_registry.getStreamBackends()}:
        pytest.skip("this OpenCV has no FFmpeg, which reads RTSP")
    made: list[RtspCamera] = []

    def make(**kwargs: int) -> str:
        made.append(RtspCamera(**kwargs))
        return made[-1].address

    yield make
    for camera in made:
        camera.shutdown()
        camera.server_close()


def test_rtsp(rtsp, opened):
    loader = opened(rtsp(), buffer=True)
    seen = [round(float(next(loader)[1][0].mean()) / 2) for _ in range(20)]
    assert seen == list(range(seen[0], seen[0] + 20))


def test_an_rtsp_camera_that_hangs_up_is_called_again(rtsp, opened, hasty, capsys):
    loader, said = opened(rtsp(limit=30), rtsp()), []

    def again(orders):
        said.append(capsys.readouterr().out)
        return "pictures come again" in "".join(said) and 0 in orders[-1]

    assert any(1 in order for order in until(loader, again))
