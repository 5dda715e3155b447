"""Where windows and viewers are, and what happens where there are none."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from ultralytics.utils import display, env


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A Linux machine without a display, notebook or memory of earlier trials."""
    for name in ("MACOS", "WINDOWS"):
        monkeypatch.setattr(env, name, False)
    for name in ("is_colab", "is_kaggle", "is_jupyter"):
        monkeypatch.setattr(env, name, lambda: False)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for cached in (display._trial, display._warn_once):
        cached.cache_clear()
    yield
    for cached in (display._trial, display._warn_once):
        cached.cache_clear()


def answer(monkeypatch, returncode=0, stderr=b"", error=None) -> list:
    """Let trials end this way; return the list that they are noted in."""
    seen = []

    def run(command, **options):
        seen.append(command)
        if error:
            raise error
        return SimpleNamespace(returncode=returncode, stderr=stderr)

    monkeypatch.setattr(subprocess, "run", run)
    return seen


def test_no_display_needs_no_trial(monkeypatch):
    seen = answer(monkeypatch)
    assert "DISPLAY" in display.window_trouble() and not seen


def test_a_display_is_tried_once(monkeypatch):
    seen = answer(monkeypatch)
    monkeypatch.setenv("DISPLAY", ":0")
    assert display.window_trouble() == display.window_trouble() == "" and len(seen) == 1
    monkeypatch.setenv("DISPLAY", ":1")
    display.window_trouble()
    assert len(seen) == 2, "another display, another trial"


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        ({"returncode": -6, "stderr": b"could not connect to display :0\nThis application failed.\n"}, "could not con"),
        ({"returncode": 1, "stderr": b"Traceback:\n  File\ncv2.error: not implemented.\n"}, "cv2.error: not impl"),
        ({"returncode": 1}, "exit status 1"),
        ({"error": subprocess.TimeoutExpired("python", 30)}, "timed out"),
        ({"error": OSError("no such file")}, "no such file"),
    ],
)
def test_the_trial_says_what_is_wrong(monkeypatch, outcome, text):
    answer(monkeypatch, **outcome)
    monkeypatch.setenv("DISPLAY", ":0")
    assert text in display.window_trouble()


def test_a_packaged_program_is_not_started_again(monkeypatch):
    seen = answer(monkeypatch, returncode=1)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert display.window_trouble() == "" and not seen


def test_a_dead_display_is_found_out(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":77")
    assert "trial" in display.window_trouble()


def test_pictures_without_a_screen_warn_once(monkeypatch, caplog):
    opened = []
    monkeypatch.setattr(Image.Image, "show", lambda self, title=None: opened.append(title))
    for _ in range(3):
        display.show_picture(Image.new("RGB", (4, 4)), "a")
    assert not opened and caplog.text.count("cannot be shown") == 1
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    display.show_picture(Image.new("RGB", (4, 4)), "a")
    assert opened == ["a"]


def test_notebooks_show_pictures_below_the_cell(monkeypatch):
    shown = []
    module = SimpleNamespace(display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=module))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(env, "is_jupyter", lambda: True)
    display.show_picture(Image.new("RGB", (4, 4)))
    assert len(shown) == 1
