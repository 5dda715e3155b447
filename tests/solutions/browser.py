"""Headless Chromium on this machine, for tests of pages."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1300,1000"
)


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """Start Chromium with an empty profile; skip, and say why, where it or what drives it is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium, which drives the browser, is not installed")
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = programs["chromium"]
    for flag in (*FLAGS.split(), f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs["chromedriver"]))
    try:
        yield driver
    finally:
        driver.quit()


def wait(for_what: Callable[[], Any], seconds: float = 60) -> Any:
    """Return the first true answer; fail where there is none in time."""
    end = time.monotonic() + seconds
    while not (answer := for_what()):
        if time.monotonic() > end:
            pytest.fail("the page did not get there in time")
        time.sleep(0.2)
    return answer


PIXELS = """
const image = arguments[0], canvas = document.createElement('canvas');
canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
const context = canvas.getContext('2d');
context.drawImage(image, 0, 0);
return [canvas.height, canvas.width, Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data)];
"""


def pixels(driver: Any, image: Any) -> Any:
    """Return what an image of the page shows, (H, W, 3) RGB."""
    import numpy as np

    height, width, data = driver.execute_script(PIXELS, image)
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]


def addresses(driver: Any) -> set[str]:
    """Return the addresses that the page asked for."""
    import json

    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
