from __future__ import annotations

import io
import logging
import re
import sys

import pytest

from ultralytics.utils import log, tqdm
from ultralytics.utils.log import LOGGER, colorstr, emojis, remove_colorstr, set_level, set_logging
from ultralytics.utils.tqdm import TQDM


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_messages(capsys):
    LOGGER.info("plain")
    LOGGER.warning("careful")
    LOGGER.error("broken")
    assert capsys.readouterr().out == "plain\nWARNING ⚠️ careful\nERROR ❌ broken\n"
    assert not LOGGER.propagate


def test_one_handler_and_levels(monkeypatch, capsys):
    before = len(LOGGER.handlers)
    assert set_logging() is LOGGER
    assert len(LOGGER.handlers) == before
    set_level("WARNING")
    LOGGER.info("hidden")
    assert capsys.readouterr().out == ""
    set_level(logging.INFO)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert set_logging("other").level == logging.ERROR
    monkeypatch.setenv("RANK", "0")
    assert set_logging("other").level == logging.INFO
    assert set_logging("other", verbose=False).level == logging.ERROR


def test_output_that_cannot_show_emojis(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    LOGGER.warning("rocket 🚀 lands")
    stream.flush()
    assert stream.buffer.getvalue() == b"WARNING  rocket  lands\n"


def test_colours(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colorstr("red", "bold", "x") == "\033[31m\033[1mx\033[0m"
    assert colorstr("x") == "\033[34m\033[1mx\033[0m"
    assert remove_colorstr(colorstr("bright_cyan", "underline", "x")) == "x"
    with pytest.raises(KeyError):
        colorstr("reddish", "x")
    monkeypatch.setenv("NO_COLOR", "1")
    assert colorstr("red", "x") == "x"
    monkeypatch.setattr(log.env, "WINDOWS", True)
    assert emojis("a 🚀") == "a "


def test_bar_on_a_terminal():
    out = Terminal()
    with TQDM(range(4), desc="train", file=out, mininterval=0) as bar:
        for _ in bar:
            bar.set_postfix(loss=0.123456, n=3)
    text = out.getvalue()
    assert text.count("\n") == 1 and "\r" in text
    last = text.rstrip("\n").rpartition("\r")[2]
    assert re.match(r"train: 100% ━{12} 4/4 .*it/s .*s loss=0\.1235, n=3", last)


def test_bar_that_does_not_stay():
    out = Terminal()
    for _ in TQDM(range(3), file=out, leave=False, mininterval=0):
        pass
    assert out.getvalue().endswith("\r")
    assert "\n" not in out.getvalue()


def test_bar_in_a_file():
    out = io.StringIO()
    for _ in TQDM(range(1000), desc="scan", file=out, mininterval=0):
        pass
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().startswith("scan: 100% ")


def test_bar_by_hand():
    out = Terminal()
    bar = TQDM(total=10, initial=2, file=out)
    bar.update(3)
    assert (bar.n, len(bar), bool(bar)) == (5, 10, True)
    bar.set_description("later")
    bar.refresh()
    assert "later: 50%" in out.getvalue()
    bar.reset(total=20)
    assert (bar.n, bar.total) == (2, 20)
    bar.clear()
    bar.close()
    length = len(out.getvalue())
    bar.close()
    bar.update(1)
    assert len(out.getvalue()) == length
    with pytest.raises(TypeError, match="no iterable"):
        next(iter(TQDM(total=1, disable=True)))


def test_quiet(monkeypatch):
    out = Terminal()
    monkeypatch.setenv("YOLO_VERBOSE", "false")
    assert list(TQDM(range(3), file=out)) == [0, 1, 2]
    monkeypatch.delenv("YOLO_VERBOSE")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert list(TQDM(range(3), file=out)) == [0, 1, 2]
    assert out.getvalue() == ""


def test_closed_stream():
    out = Terminal()
    bar = TQDM(range(3), file=out, mininterval=0)
    out.close()
    assert list(bar) == [0, 1, 2]


def test_loop_that_ends_early_is_closed():
    out = io.StringIO()
    bar = TQDM(range(10), file=out)
    for i in bar:
        if i == 3:
            break
    bar.close()
    assert "3/10" in out.getvalue()


@pytest.mark.parametrize(
    ("unit", "scale", "value", "text"),
    [
        ("it", True, 950, "950"),
        ("it", True, 12_340, "12.3K"),
        ("it", True, 2_500_000, "2.5M"),
        ("it", False, 12_340, "12340"),
        ("B", True, 512, "512B"),
        ("B", False, 1536 * 1024, "1.5MB"),
        ("it", True, 3e15, "3000.0T"),
    ],
)
def test_counts(unit, scale, value, text):
    assert TQDM(disable=True, unit=unit, unit_scale=scale)._count(value) == text


def test_clock():
    assert [tqdm._clock(s) for s in (3.21, 45.9, 125, 3723)] == ["3.2s", "45s", "2:05", "1:02:03"]


def test_unknown_total():
    out = io.StringIO()
    assert list(TQDM((i for i in range(3)), file=out)) == [0, 1, 2]
    assert out.getvalue().startswith("3 ")
