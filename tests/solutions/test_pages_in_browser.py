"""The pages in headless Chromium: a picture is uploaded, boxes are seen; a picture is looked for and found."""

from __future__ import annotations

import os
import subprocess
import threading
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import addresses, chromium, pixels, wait
from embedders_for_tests import NamedColour, write_colours
from rigged_model import write_film, write_rigged
from smtp_server import free_port

from ultralytics.solutions import SearchApp
from ultralytics.solutions.streamlit_launch import launch_command
from ultralytics.utils.env import ASSETS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture
def inference_page(tmp_path, monkeypatch):
    """Serve the page as `yolo solutions inference` does."""
    pytest.importorskip("streamlit", reason="Streamlit is not installed")
    port, home = free_port(), tmp_path / "home"
    for folder in (home, tmp_path / "temp"):
        folder.mkdir()
    words = launch_command(port=port, model=write_rigged(tmp_path / "rigged.pt"), imgsz=160)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "TMPDIR": str(tmp_path / "temp"),
        "OMP_NUM_THREADS": "1",
    }
    with open(tmp_path / "log.txt", "w") as log:
        server = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"

    def up():
        assert server.poll() is None, (tmp_path / "log.txt").read_text()
        try:
            return urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).status == 200
        except OSError:
            return False

    try:
        wait(up)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def test_picture_is_uploaded_and_boxes_are_seen(inference_page, tmp_path):
    with chromium(tmp_path / "profile") as driver:
        driver.get(inference_page)
        [place] = wait(lambda: driver.find_elements("css selector", "input[type=file]"))
        place.send_keys(str(ASSETS / "shapes1.jpg"))
        images = wait(lambda: len(i := driver.find_elements("css selector", "img[src*=media]")) == 2 and i)
        wait(lambda: all(driver.execute_script("return arguments[0].complete", image) for image in images))
        original, drawn = (pixels(driver, image).astype(int) for image in images)
        text = driver.find_element("css selector", "body").text
        asked = addresses(driver)
    assert " circle" in text
    picture = cv2.imread(str(ASSETS / "shapes1.jpg"))[..., ::-1]
    assert np.abs(original - picture).mean() < 8
    changed = np.abs(drawn - original).max(2) > 60
    assert 0.005 < changed.mean() < 0.6  # lines and labels, on a picture that is otherwise the same
    strangers = {url for url in asked if not url.startswith((inference_page, "data:", "blob:", "chrome"))}
    assert strangers == set()  # nothing is told to anybody else


def test_film_is_stopped_and_leaves_no_file(inference_page, tmp_path):
    film, kept = write_film(tmp_path / "long.avi", frames=3000), tmp_path / "temp"
    with chromium(tmp_path / "profile") as driver:
        driver.get(inference_page)

        def click(text):
            wait(lambda: driver.find_elements("xpath", f"//p[normalize-space()='{text}']"))[0].click()

        click("Film")
        accepts = "input[type=file][accept*=avi]"
        wait(lambda: driver.find_elements("css selector", accepts))[0].send_keys(str(film))
        click("Start")
        wait(lambda: "Frame 5" in driver.find_element("css selector", "body").text)
        assert [path.suffix for path in kept.glob("yolo-upload-*")] == [".avi"]
        click("Stop")
        wait(lambda: not list(kept.glob("yolo-upload-*")))
        assert "The end" not in driver.find_element("css selector", "body").text


@pytest.fixture
def search_page(tmp_path):
    pytest.importorskip("flask", reason="Flask is not installed")
    from werkzeug.serving import make_server

    folder = write_colours(tmp_path / "images", ".jpg", 64)
    (folder / "<script>alert(1)<").mkdir()
    (folder / "<script>alert(1)<" / "script>.jpg").write_bytes((folder / "red.jpg").read_bytes())
    app = SearchApp(folder, model=NamedColour(), index_dir=tmp_path / "index").app
    server = make_server("127.0.0.1", free_port(), app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}", folder
    finally:
        server.shutdown()
        thread.join()


def loaded(driver):
    """Return the pictures of the page that the browser shows, by their names."""
    images = driver.find_elements("css selector", ".grid img")
    done = "return arguments[0].complete && arguments[0].naturalWidth"
    wait(lambda: all(driver.execute_script(done, image) for image in images))
    return {image.get_attribute("alt"): image for image in images}


def test_pictures_are_found_by_text_and_by_picture(search_page, tmp_path):
    address, folder = search_page
    with chromium(tmp_path / "profile") as driver:
        driver.get(address)
        assert "4 pictures" in driver.find_element("css selector", "header").text
        driver.find_element("id", "query").send_keys("red")
        driver.find_element("css selector", "button.main").click()
        wait(lambda: driver.find_elements("id", "found"))
        shown = loaded(driver)
        assert set(shown) == {"red.jpg", "<script>alert(1)</script>.jpg"}
        assert np.abs(pixels(driver, shown["red.jpg"]).astype(int) - (255, 0, 0)).mean() < 8
        driver.find_element("id", "query").clear()
        driver.find_element("id", "picture").send_keys(str(folder / "green.jpg"))
        driver.find_element("css selector", "button.main").click()
        wait(lambda: "picture that was sent" in driver.find_element("css selector", "body").text)
        assert set(loaded(driver)) == {"green.jpg"}
        troubles = [entry["message"] for entry in driver.get_log("browser") if "favicon" not in entry["message"]]
    assert troubles == []  # the page itself needs nothing that its headers forbid
