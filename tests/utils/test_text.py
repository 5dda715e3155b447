from __future__ import annotations

import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.text import console_text, file_name, label_text, plot_text, printable, without_password
from ultralytics.utils.tqdm import TQDM

odd = st.text(st.sampled_from("ab犬é/\\:.*? \n\r\t\x00\x1b\x9b\u202e\u2028\ud800\"'<>|") | st.characters(), max_size=30)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("traffic light", "traffic light"),
        ("犬 café 👩‍👩‍👧", "犬 café 👩‍👩‍👧"),
        ("می‌خواهم", "می‌خواهم"),
        ("a\nWARNING b", "a\\nWARNING b"),
        ("\x1b[2Ja\x9bb\a", "\\x1b[2Ja\\x9bb\\x07"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
        (7, "7"),
    ],
)
def test_what_is_shown(text, shown):
    assert printable(text) == shown


def test_long_names_are_cut():
    assert len(label_text("x" * 5000)) == 100 and label_text("x" * 5000).endswith("x…")
    assert label_text("x" * 100) == "x" * 100


def test_names_on_charts():
    assert plot_text("cost $5 or $6") == "cost \\$5 or \\$6" and plot_text("_a") == " _a"


def test_colours_and_lines_of_our_own_stay_on_the_console(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = f"{colorstr('red', 'bold', 'a')}\n\tb"
    assert console_text(text) == text
    assert console_text("\x1b[8mhidden\x1b]0;title\a\r") == "\\x1b[8mhidden\\x1b]0;title\\x07\\r"


@given(odd)
def test_nothing_acts(text):
    for shown in (printable(text), re.sub(r"\x1b\[[0-9]+m|\n|\t", "", console_text(text))):
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in shown)
    assert "\n" not in printable(text)


@pytest.mark.parametrize("name", ["person", "traffic light", "犬", "a.b", "x" * 120, "50%", "$5", "a'b"])
def test_fit_names_stay(name):
    assert file_name(name) == name


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("cat/dog", "cat_dog-"),
        ("../../x", "__.._x-"),
        ("..", "_-"),
        ("", "-"),
        (".hidden", "_hidden-"),
        ("end. ", "end_-"),
        ("CON", "_CON-"),
        ("nul.txt", "_nul.txt-"),
        ("a\nb", "a_b-"),
        ("\ud800", "_-"),
        ("x" * 5000, "x" * 100),
        ("犬" * 500, "犬" * 30),
    ],
)
def test_other_names_get_a_hash(name, start):
    assert file_name(name).startswith(start) and file_name(name) != name
    assert file_name(name) == file_name(name)


@given(st.lists(odd, min_size=2, max_size=6, unique=True))
def test_file_names_are_fit_and_apart(texts):
    names = [file_name(text) for text in texts]
    assert len(set(names)) == len(names)
    for name in names:
        assert 0 < len(name.encode()) <= 120 and not set(name) & set('\\/:*?"<>|\0\n') and name not in {".", ".."}


def test_file_names_can_be_made(tmp_path):
    for text in ("a/b", "\x1b[2J\n", "犬" * 500, "..", "\ud800", "CON"):
        (tmp_path / file_name(text)).mkdir()
    assert len(list(tmp_path.iterdir())) == 6


def test_the_logger_and_the_bar_let_nothing_act(capsys):
    LOGGER.warning("class '\x1b[2J\x1b]0;x\a' and\nthe next line")
    logging.getLogger("ultralytics").info("%s", "\r\x1b[1Aover")
    with TQDM(range(2), desc="Scanning a\nb\x1b[2J") as bar:
        list(bar)
    text = capsys.readouterr().out
    assert "\x1b" not in text and "\r" not in text and "\a" not in text
    assert "class '\\x1b[2J" in text and "\nthe next line" in text and "\\x1b[1Aover" in text
    assert "Scanning a\\nb\\x1b[2J" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://user:secret@host:554/x", "rtsp://user:***@host:554/x"),
        ("'http://u:p%40@h/a' and 'rtsp://:p@h'", "'http://u:***@h/a' and 'rtsp://:***@h'"),
        ("rtsp://user@host:554/x", "rtsp://user@host:554/x"),
        ("http://host:80/a@b:c@d", "http://host:80/a@b:c@d"),
        ("C:/a@b", "C:/a@b"),
    ],
)
def test_passwords_are_hidden(text, shown):
    assert without_password(text) == shown
