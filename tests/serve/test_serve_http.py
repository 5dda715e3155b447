"""The server over HTTP: results, limits, hostile bodies, counters, shutdown."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests
from export_helpers import settled
from test_serve_pictures import bomb

from ultralytics import YOLO
from ultralytics.cfg.commands import SERVE
from ultralytics.utils.env import ASSETS

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
uvicorn = pytest.importorskip("uvicorn", reason="needs the extra 'serve'")
pytest.importorskip("prometheus_client", reason="needs the extra 'serve'")

from ultralytics.serve.main import build_app, listen  # noqa: E402

JPEG = (ASSETS / "shapes1.jpg").read_bytes()
PNG = cv2.imencode(".png", cv2.resize(cv2.imread(str(ASSETS / "shapes2.jpg")), (96, 64)))[1].tobytes()
FIXED = {"imgsz": 64, "conf": 0.001, "max_det": 5}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("serve") / "small.pt"
    model = YOLO("yolov8n.yaml")
    model.model = settled("yolov8n.yaml")
    model.model.args, model.model.task = {"imgsz": 64}, "detect"
    model.save(path)
    return str(path)


@contextmanager
def serving(weights: str, **given):
    """Serve in a thread and give the address and the application."""
    place = listen("127.0.0.1", 0)
    app = build_app(SERVE.complete({"model": weights, **FIXED, **given}))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{place.getsockname()[1]}", app
    finally:
        server.should_exit = True
        thread.join(20)
        place.close()


@pytest.fixture(scope="module")
def address(weights):
    with serving(weights, max_mb=1, max_images=3, max_pixels=2_000_000, timeout=20) as (address, _):
        yield address


def post(address: str, data: bytes = JPEG, kind: str = "image/jpeg", **options) -> requests.Response:
    return requests.post(f"{address}/predict", data=data, headers={"Content-Type": kind}, timeout=60, **options)


def test_a_body_and_a_form_give_the_summary(address, weights):
    expected = YOLO(weights)(str(ASSETS / "shapes1.jpg"), **FIXED, verbose=False)[0].summary()
    answer = post(address).json()
    assert answer["task"] == "detect" and len(answer["images"]) == 1
    assert answer["images"][0]["results"] == expected and len(expected) == 5
    form = [("a", ("one.jpg", JPEG, "image/jpeg")), ("b", ("../../etc/passwd", PNG, "application/octet-stream"))]
    images = requests.post(f"{address}/predict", files=form, timeout=60).json()["images"]
    assert [(one["name"], one["shape"]) for one in images][1] == ("../../etc/passwd", [64, 96])
    assert images[0]["results"] == expected and set(images[0]["speed"]) == {"preprocess", "inference", "postprocess"}


def test_options_of_a_request(address):
    few = post(address, params={"max_det": 2}).json()["images"][0]["results"]
    none = post(address, params={"conf": 1.0}).json()["images"][0]["results"]
    shares = post(address, params={"normalize": "true"}).json()["images"][0]["results"]
    one = post(address, params={"classes": [1], "conf": 0.0}).json()["images"][0]["results"]
    assert len(few) == 2 and none == [] and all(abs(v) <= 1.5 for v in shares[0]["box"].values())
    assert {row["class"] for row in one} == {1}


def test_about_health_metrics_and_description(address):
    about = requests.get(address, timeout=20).json()
    assert about["imgsz"] == [64, 64] and about["names"]["0"] == "thing 0" and about["format"] == "pt"
    assert requests.get(f"{address}/health", timeout=20).json() == {"status": "ok"}
    post(address)
    text = requests.get(f"{address}/metrics", timeout=20).text
    assert re.search(r'yolo_requests_total\{code="200"\} [1-9]', text) and "yolo_batch_pictures_bucket" in text
    assert "yolo_queue_pictures 0.0" in text and "yolo_held_bytes 0.0" in text
    paths = requests.get(f"{address}/openapi.json", timeout=20).json()["paths"]
    assert "multipart/form-data" in paths["/predict"]["post"]["requestBody"]["content"]
    assert requests.get(f"{address}/docs", timeout=20).status_code == 404


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (JPEG[: len(JPEG) // 2], "image/jpeg", 422),
        (bomb(), "image/png", 413),
        (b"", "image/png", 422),
        (b"GET / HTTP/1.1\r\n\r\n", "image/png", 422),
        (b"{" * 100_000, "application/json", 415),
        (b"[" * 2_000_000, "application/json", 413),
        (b"x" * 2_000_000, "image/jpeg", 413),
        (JPEG, "text/html", 415),
        (JPEG, "", 415),
        (JPEG, "image/svg+xml", 415),
        (JPEG, "multipart/form-data", 400),
        (JPEG, "multipart/form-data; boundary=a", 400),
        (b"--a\r\n\r\n--a--\r\n", "multipart/form-data; boundary=a", 400),
    ],
)
def test_hostile_bodies(address, data, kind, code):
    answer = post(address, data, kind)
    assert answer.status_code == code, answer.text
    assert list(answer.json()) == ["detail"]
    assert post(address).status_code == 200


def test_hostile_forms(address):
    def form(*files):
        return requests.post(f"{address}/predict", files=list(files), timeout=60)

    assert form(("a", ("a.txt", b"hello", "text/plain"))).status_code == 415
    assert form(*[(str(i), (f"{i}.png", PNG, "image/png")) for i in range(4)]).status_code == 400  # more than three
    assert form(("a", ("a" * 100_000, PNG, "image/png"))).status_code in {200, 400}
    assert requests.post(f"{address}/predict", files={"a": (None, "text")}, timeout=60).status_code == 422
    answer = form(("a", ("\x1b[2J<script>", b"nothing", "image/png")))
    assert answer.status_code == 422 and "\x1b" not in answer.json()["detail"]


def test_a_body_without_a_length_is_counted(address):
    answer = post(address, (b"x" * 65536 for _ in range(40)), "image/png")
    assert answer.status_code == 413


@pytest.mark.parametrize("query", ["conf=2", "conf=x", "max_det=0", "iou=-1", "classes=a"])
def test_wrong_options(address, query):
    assert requests.post(f"{address}/predict?{query}", data=JPEG, timeout=60).status_code == 422


def test_a_body_that_does_not_come(weights):
    with serving(weights, timeout=0.3) as (address, _):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as line:
            line.sendall(
                b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 500\r\n\r\nabc"
            )
            assert b"408" in line.recv(1000).split(b"\r\n")[0]


def test_a_full_queue_and_budget_refuse(weights):
    """More come at once than may wait: those beyond are told to come later, and counted."""
    with serving(weights, queue=1, batch=1, wait=0) as (address, _):
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: post(address), range(12)))
        codes = [answer.status_code for answer in answers]
        assert set(codes) <= {200, 429} and 200 in codes
        assert all(a.headers["Retry-After"] == "1" for a in answers if a.status_code == 429)
        metrics = requests.get(f"{address}/metrics", timeout=20).text
        assert f'yolo_requests_total{{code="200"}} {codes.count(200)}.0' in metrics
    with serving(weights, memory=16, max_mb=32) as (address, _):
        assert post(address, b"x" * 17 * 2**20, "image/png").status_code == 429
        assert post(address).status_code == 200


def test_many_at_once_lose_nothing(weights):
    with serving(weights, batch=8, wait=5) as (address, _):
        expected = {
            name: post(address, data).json()["images"][0]["results"] for name, data in (("j", JPEG), ("p", PNG))
        }

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda i: post(address, JPEG if i % 2 else PNG), range(64)))
        assert {answer.status_code for answer in answers} == {200}
        for i, answer in enumerate(answers):
            found, wanted = answer.json()["images"][0]["results"], expected["j" if i % 2 else "p"]
            assert [row["class"] for row in found] == [row["class"] for row in wanted]
            assert np.allclose([r["confidence"] for r in found], [r["confidence"] for r in wanted], atol=1e-4)
        text = requests.get(f"{address}/metrics", timeout=20).text
        assert float(re.search(r"yolo_batch_pictures_count (\S+)", text)[1]) < 66  # some shared a batch


def test_command_line_stops_cleanly(weights, tmp_path):
    """`yolo serve` answers, and on SIGTERM ends after what is under way."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONUNBUFFERED": "1"}
    words = [sys.executable, "-m", "ultralytics", "serve", f"model={weights}", "port=0", "imgsz=64"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    try:
        line = next(line for line in process.stdout if "Serving" in line)
        address = re.search(r"(http://127\.0\.0\.1:\d+)/predict", line)[1]
        for _ in range(100):
            try:
                assert post(address).status_code == 200
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in {0, -signal.SIGTERM}
    finally:
        process.kill()
        process.stdout.close()


def test_a_taken_port_is_said_at_once(weights):
    with listen("127.0.0.1", 0) as place, pytest.raises(OSError, match="cannot listen at 127"):
        listen("127.0.0.1", place.getsockname()[1])
