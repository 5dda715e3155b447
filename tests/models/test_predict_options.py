"""What a prediction writes, shows and draws, with every task and with grey networks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from shape_helpers import NETWORK, SIDE, stirred, write_network

from ultralytics import YOLO

CLASSIFIER = NETWORK[: NETWORK.index("head:")] + "head:\n  - [-1, 1, Classify, [nc]]\n"
DETECTOR = NETWORK % ("", "Detect, [nc]")
OPTIONS = (
    {"show_labels": False, "save_txt": True, "save_conf": True},
    {"show_conf": False, "show_boxes": False, "save_crop": True},
    {"line_width": 1, "retina_masks": True, "classes": [99], "show": True},
    {"visualize": True},
    {"visualize": True, "classes": [0, 99], "conf": 1.0, "quantize": 16},
)


@pytest.fixture(scope="module", params=["detect", "segment", "pose", "obb", "classify", "detect26"])
def file(request, tmp_path_factory) -> Path:
    """The YAML of a tiny network of every task."""
    folder, task = tmp_path_factory.mktemp("net"), request.param
    if task in ("segment", "pose", "obb"):
        return Path(write_network(folder, task))
    path = folder / ("tiny-cls.yaml" if task == "classify" else "tiny.yaml")
    texts = {
        "classify": CLASSIFIER % "",
        "detect": DETECTOR,
        "detect26": NETWORK % ("end2end: true\nreg_max: 1", "Detect, [nc]"),
    }
    path.write_text(texts[task], encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=[1, 3])
def model(request, file, tmp_path_factory) -> YOLO:
    """The same with that many channels and outputs that differ."""
    path = tmp_path_factory.mktemp("net") / file.name
    path.write_text(f"ch: {request.param}\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    made = YOLO(path)
    stirred(made.model, request.param)
    return made


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> tuple[Path, Path]:
    """A folder of two pictures, and a film of two frames."""
    folder, rng = tmp_path_factory.mktemp("sources"), np.random.default_rng(0)
    writer = cv2.VideoWriter(str(folder / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (SIDE, SIDE))
    (folder / "pictures").mkdir()
    for i in range(2):
        picture = cv2.resize(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), (SIDE, SIDE))
        cv2.imwrite(str(folder / "pictures" / f"{i}.png"), picture)
        writer.write(picture)
    writer.release()
    return folder / "pictures", folder / "film.avi"


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_of_every_task(model, sources, options, tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    pictures, film = sources
    look = {"imgsz": SIDE, "max_det": 5, "conf": 0.1, "device": "cpu", "verbose": False, "save": True}
    results = model(pictures, project=str(tmp_path), name="p", **{**look, **options})
    out = tmp_path / "p"
    assert {p.name for p in out.glob("[01].jpg")} == {"0.jpg", "1.jpg"} and len(results) == 2
    heat = {p.name for p in out.glob("*_cam.jpg")}
    assert heat == ({"0_cam.jpg", "1_cam.jpg"} if "visualize" in options else set())
    assert all(cv2.imread(str(p)).shape == (SIDE, SIDE, 3) for p in out.glob("*.jpg"))
    frames = model(film, save_frames=True, project=str(tmp_path), name="f", stream=True, **{**look, **options})
    assert len(list(frames)) == 2
    out = tmp_path / "f"
    assert {p.name for p in (out / "film_frames").iterdir()} == {"film_1.jpg", "film_2.jpg"}
    assert len(list(out.glob("film_[12]_cam.jpg"))) == 2 * ("visualize" in options)


def test_heat_maps_of_a_further_call_keep_those_of_the_first(model, sources, tmp_path):
    for _ in range(2):
        model(sources[0], imgsz=SIDE, visualize=True, project=str(tmp_path), name="p", exist_ok=True, verbose=False)
    assert {p.name for p in (tmp_path / "p").glob("0_cam*.jpg")} == {"0_cam.jpg", "0_cam-2.jpg"}


def test_heat_is_where_the_class_is(tmp_path):
    """A classifier of bright pixels, whose other class hates them, is explained by the bright corner."""
    path = tmp_path / "tiny-cls.yaml"
    path.write_text(CLASSIFIER % "", encoding="utf-8")
    model = YOLO(path)
    for parameter in model.model.parameters():
        parameter.data.abs_()
    head = model.model.model[-1]
    head.linear.weight.data[1:] *= -1
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[:128, :128] = 255
    model([picture], imgsz=256, visualize=True, project=str(tmp_path), name="p", verbose=False)
    shown = cv2.imread(str(tmp_path / "p" / "image0_cam.jpg")).astype(int)
    warm = shown[..., 2] - shown[..., 0]  # red against blue
    assert warm[32:96, 32:96].mean() > warm[192:, 192:].mean() + 50


WINDOWS = """
import numpy as np
from ultralytics import YOLO
model = YOLO({path!r})
for _ in range(2):
    model([np.zeros((64, 64, 3), np.uint8)] * 2, imgsz=64, show=True, verbose=False)
model([np.zeros((64, 64, 3), np.uint8)], imgsz=64, verbose=False)[0].show()
print("still alive")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="displays of other systems cannot be taken away by a variable")
@pytest.mark.parametrize("display", [{}, {"DISPLAY": ":77"}], ids=["none", "dead"])
def test_show_without_a_display_goes_on(display, tmp_path, monkeypatch):
    """OpenCV's toolkits end the process where they find no display."""
    path = tmp_path / "tiny.yaml"
    path.write_text(DETECTOR, encoding="utf-8")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in display.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", "/nowhere")  # no viewers
    code = WINDOWS.format(path=str(path))
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and "still alive" in run.stdout, run.stderr
    assert run.stdout.count("show=True needs a display") == 1
