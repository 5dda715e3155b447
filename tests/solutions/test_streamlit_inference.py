"""The inference page, driven without a browser: sources, uploads with limits, models of this machine alone."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from rigged_model import write_film, write_rigged

from ultralytics.solutions import streamlit_launch
from ultralytics.solutions.received import UploadError, received_film, received_picture
from ultralytics.solutions.streamlit_inference import Inference, _plain, local_models, main
from ultralytics.solutions.streamlit_launch import PAGE, launch_command
from ultralytics.solutions.web.inference_page import page_arguments
from ultralytics.utils.env import ASSETS

PICTURE = (ASSETS / "shapes1.jpg").read_bytes()


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return write_rigged(tmp_path_factory.mktemp("weights") / "rigged.pt")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def page(weights, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # Streamlit leaves its own there
    testing = pytest.importorskip("streamlit.testing.v1", reason="Streamlit is not installed")
    if not hasattr(testing.AppTest, "file_uploader"):
        pytest.skip("this version of Streamlit cannot test uploads")
    shutil.copy(weights, here)

    def script(**kwargs):
        from ultralytics.solutions import Inference

        Inference(**kwargs).inference()

    def opened(model="rigged.pt", **kwargs):
        made = testing.AppTest.from_function(script, default_timeout=60, kwargs={"model": model, "imgsz": 64, **kwargs})
        return made.run()

    return opened


def sound(page):
    assert not page.exception
    return page


def errors(page) -> str:
    return " ".join(error.value for error in page.error)


def captions(page) -> list[str]:
    return [caption for image in page.image for caption in image.captions]


# The page -------------------------------------------------------------------------------------------------------------


def test_page_shows_boxes_of_a_picture(page):
    made = sound(page())
    assert made.title[0].value == "YOLO inference"
    assert (made.slider(key="conf").value, made.slider(key="iou").value) == (0.25, 0.7)
    assert captions(made) == []
    made.file_uploader(key="pictures").upload("a_b.jpg", PICTURE, "image/jpeg").run()
    sound(made)
    assert errors(made) == ""
    original, found = captions(made)
    assert original == "Original"
    assert found.endswith(" circle")
    assert int(found.split()[0]) == len(made.dataframe[0].value) > 0
    assert made.subheader[0].value == r"a\_b\.jpg"


def test_thresholds_and_classes_have_effect(page):
    made = page()
    made.file_uploader(key="pictures").upload("a.jpg", PICTURE, "image/jpeg").run()
    made.slider(key="conf").set_value(0.99).run()
    assert captions(made)[1] == "nothing found"
    made.slider(key="conf").set_value(0.2)
    made.multiselect[0].select(1).run()
    assert captions(made)[1] == "nothing found"
    made.multiselect[0].unselect(1).select(0).run()
    assert captions(sound(made))[1].endswith(" circle")


def test_wrong_files_are_told_and_the_others_shown(page):
    made = page()
    made.file_uploader(key="pictures").set_value(
        [("![x](y).jpg", b"no picture", "image/jpeg"), ("b.jpg", PICTURE, "image/jpeg")]
    ).run()
    sound(made)
    assert "is not a picture" in errors(made).replace("\\", "")
    assert "![" not in errors(made)
    assert captions(made)[1].endswith(" circle")


def test_film_runs_and_leaves_no_file(page, here, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(here / "temp"))
    (here / "temp").mkdir()
    made = page()
    made.radio(key="source").set_value("video").run()
    made.file_uploader(key="film").upload("f.avi", write_film(here / "f.avi").read_bytes(), "video/avi").run()
    assert captions(made) == []  # it waits for the start
    made.button(key="start").click().run()
    sound(made)
    assert errors(made) == ""
    assert captions(made)[0] == "Frame 6"
    assert captions(made)[1].endswith(" circle")
    assert made.success[0].value == "The end, after 6 frames."
    assert os.listdir(here / "temp") == []


def test_film_is_tracked(page, here):
    made = page()
    made.radio(key="source").set_value("video").run()
    made.toggle(key="track").set_value(True)
    made.file_uploader(key="film").upload("f.avi", write_film(here / "f.avi").read_bytes(), "video/avi").run()
    made.button(key="start").click().run()
    if "is not known; it is one of" in errors(made):
        pytest.skip("the default tracker is not built")
    assert errors(sound(made)) == ""
    assert captions(made)[0] == "Frame 6"


def test_film_that_is_none_is_told(page, here, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(here / "temp"))
    (here / "temp").mkdir()
    made = page()
    made.radio(key="source").set_value("video").run()
    made.file_uploader(key="film").upload("f.avi", b"text", "video/avi").run()
    made.button(key="start").click().run()
    assert not made.exception
    assert (captions(made), errors(made)) == ([], "No frame can be read.")
    assert os.listdir(here / "temp") == []


def test_photo_of_the_browser(page):
    made = page()
    made.radio(key="source").set_value("photo").run()
    camera = made.get("camera_input")
    if not hasattr(type(camera[0]), "set_value"):
        pytest.skip("this version of Streamlit cannot test cameras")
    camera[0].set_value(("photo.jpg", PICTURE, "image/jpeg")).run()
    assert captions(sound(made))[1].endswith(" circle")


def test_tracking_can_be_switched_where_it_has_a_meaning(page):
    made = page()
    assert not made.toggle
    made.radio(key="source").set_value("video").run()
    assert made.toggle(key="track").value is False
    assert sound(made.toggle(key="track").set_value(True).run()).toggle(key="track").value is True


def test_models_of_this_machine_can_be_chosen(page, here):
    made = page()
    shutil.copy(here / "rigged.pt", here / "another.pt")
    (here / "broken.pt").write_bytes(b"no weights")
    made.run()
    box = made.selectbox(key="model")
    assert box.options == ["rigged.pt", "another.pt", "broken.pt"]
    sound(box.select_index(1).run())
    assert errors(made) == ""
    made.selectbox(key="model").select_index(2).run()
    assert not made.exception
    assert "broken" in errors(made)


def test_missing_models_are_told(page, here):
    made = page(model="yolo26n.pt")
    assert "no model 'yolo26n.pt'" in made.warning[0].value.replace("\\", "")
    assert made.selectbox(key="model").options == ["rigged.pt"]
    (here / "rigged.pt").unlink()
    made = page(model=None)
    (here / "rigged.pt").unlink(missing_ok=True)
    made = made.run()
    assert "No model file" in errors(made)
    assert not made.exception


# Parts ----------------------------------------------------------------------------------------------------------------


def test_local_models(here):
    for name in ("b.pt", "a.onnx", "c.txt"):
        (here / name).touch()
    assert [path.name for path in local_models()] == ["a.onnx", "b.pt"]
    assert [path.name for path in local_models("b.pt")] == ["b.pt", "a.onnx"]
    assert [path.name for path in local_models("missing.pt")] == ["a.onnx", "b.pt"]


def test_texts_appear_as_they_are():
    assert _plain("![a](b) *c* `d` $e$ :f: <g>") == r"\!\[a\]\(b\) \*c\* \`d\` \$e\$ \:f\: \<g\>"


def test_received_pictures_are_limited(monkeypatch):
    assert received_picture(PICTURE, "a.jpg").shape[2] == 3
    with pytest.raises(UploadError, match="not a picture"):
        received_picture(b"", "a.jpg")
    with pytest.raises(UploadError, match="damaged"):
        received_picture(cv2.imencode(".png", np.zeros((50, 50, 3), np.uint8))[1].tobytes()[:60], "a.png")
    monkeypatch.setattr("ultralytics.solutions.received.MAX_PICTURE_PIXELS", 1000)
    with pytest.raises(UploadError, match="million pixels"):
        received_picture(PICTURE, "a.jpg")
    monkeypatch.setattr("ultralytics.solutions.received.MAX_PICTURE_BYTES", 1000)
    with pytest.raises(UploadError, match="MiB"):
        received_picture(PICTURE, "a.jpg")


def test_huge_pictures_in_small_files_are_not_decoded():
    header = bytearray(cv2.imencode(".bmp", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    header[18:26] = (60_000).to_bytes(4, "little") * 2
    with pytest.raises(UploadError, match="million pixels"):
        received_picture(bytes(header), "bomb.bmp")


def test_received_films_do_not_stay():
    with received_film(b"data", "../../x.MP4") as path:
        assert path.read_bytes() == b"data"
        assert path.suffix == ".mp4"
        assert path.parent == Path(tempfile.gettempdir())
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()
    with pytest.raises(KeyboardInterrupt), received_film(b"data", "x.mp4") as path:
        raise KeyboardInterrupt
    assert not path.exists()
    for name in ("x.exe", "x", "x.mp4/../../y"):
        with pytest.raises(UploadError, match="not a film"), received_film(b"", name):
            pass


def test_server_is_started_without_telemetry(monkeypatch):
    pytest.importorskip("streamlit", reason="Streamlit is not installed")
    started = []

    class Done:
        returncode = 0

    monkeypatch.setattr(streamlit_launch.subprocess, "run", lambda words, check: started.append(words) or Done)
    assert main({"model": "a.pt", "imgsz": 320, "conf": None}) == 0
    [words] = started
    assert words[1:5] == ["-m", "streamlit", "run", str(PAGE)]
    assert "--browser.gatherUsageStats=false" in words
    assert "--server.address=127.0.0.1" in words
    assert words[-2] == "--"
    assert page_arguments(words[-1:]) == {"model": "a.pt", "imgsz": 320}


def test_arguments_of_the_page():
    assert page_arguments([]) == {}
    assert page_arguments(launch_command(model=Path("x.pt"), iou=0.4)[-1:]) == {"model": "x.pt", "iou": 0.4}
    for words in (["[]"], ["1"], ["{}", "{}"]):
        with pytest.raises(ValueError, match="one JSON object"):
            page_arguments(words)
    with pytest.raises(json.JSONDecodeError):
        page_arguments(["x"])


def test_public_attributes(here):
    pytest.importorskip("streamlit", reason="Streamlit is not installed")
    made = Inference(model="x.pt", conf=0.3)
    assert (made.conf, made.iou, made.imgsz, made.enable_trk) == (0.3, 0.7, 640, False)
