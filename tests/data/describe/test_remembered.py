"""What a model file says about its data set, and what may be done with that."""

from __future__ import annotations

import pytest

from ultralytics.data.describe.remembered import RememberedDataError, check_remembered, is_elsewhere
from ultralytics.utils.settings import SETTINGS


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SETTINGS, "datasets_dir", str(tmp_path / "datasets"))
    (tmp_path / "mine.yaml").write_text("a: 1")
    (tmp_path / "datasets" / "pets").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    "data", ["coco8.yaml", "coco8", "shapes-cls", "imagenet10", "mine.yaml", "./mine.yaml", "pets"]
)
def test_what_is_here_or_ships(place, data):
    check_remembered(data, "best.pt")
    check_remembered(place / "mine.yaml", "best.pt")


ELSEWHERE = [
    "https://example.org/data.zip",
    "HTTP:/example.org/data.yaml",
    "ftp://example.org/x",
    "file:///etc/passwd",
    "rtsp://camera/1",
    "ul://somebody/data",
    "\\\\server\\share\\data.yaml",
    "//server/share/data.yaml",
    "  https://example.org/data.zip",
]


@pytest.mark.parametrize("data", ELSEWHERE)
def test_addresses_and_shares_are_refused(place, data):
    assert is_elsewhere(data)
    for own_reader in (False, True):
        with pytest.raises(RememberedDataError, match=r"best\.pt' remembers data=.*Give it: data="):
            check_remembered(data, "best.pt", own_reader)


@pytest.mark.parametrize(
    "data", ["", "none.yaml", "/none/data.yaml", "cfg/datasets/coco8.yaml", "x" * 5000, "a\0b", 5, None, ["a"]]
)
def test_what_is_not_here_is_refused(place, data):
    assert not is_elsewhere(data)
    with pytest.raises(FileNotFoundError, match="'data' is missing"):
        check_remembered(data, "best.pt")
    check_remembered(data, "best.pt", own_reader=True)


def test_drives_are_places_of_this_machine():
    assert not is_elsewhere("C:/data/set.yaml") and not is_elsewhere("D:\\set.yaml") and not is_elsewhere("/data/x")
