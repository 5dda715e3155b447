"""Archives of data sets that share a name."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from ultralytics.data.describe import unpack
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.utils.downloads import DownloadError, safe_download
from ultralytics.utils.settings import SETTINGS
from ultralytics.utils.yaml_io import YAML


@pytest.fixture
def datasets(tmp_path, monkeypatch) -> Path:
    monkeypatch.setitem(SETTINGS, "datasets_dir", str(tmp_path / "datasets"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("YOLO_OFFLINE", raising=False)
    return tmp_path / "datasets"


def archive(file: Path, content: str, top: str = "data") -> str:
    """Write `data.zip` whose content says which one it is, and return its checksum."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as target:
        target.writestr(f"{top}/images/val/a.jpg", content)
        target.writestr(f"{top}/{top}.yaml", f"path: .\ntrain: images/val\nval: images/val\nnames: [{content}]\n")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_two_archives_of_one_name(datasets, server):
    address, folder = server
    for who in ("anna", "bert"):
        archive(folder / who / "data.zip", who)
    found = {who: check_det_dataset(f"{address}/{who}/data.zip") for who in ("anna", "bert")}
    assert {who: data["names"] for who, data in found.items()} == {"anna": {0: "anna"}, "bert": {0: "bert"}}
    assert found["anna"]["path"] == datasets / "data" and found["bert"]["path"].parent == datasets
    assert found["bert"]["path"].name.startswith("data-")
    for who in ("anna", "bert"):
        (folder / who / "data.zip").unlink()  # not needed again
        assert check_det_dataset(f"{address}/{who}/data.zip")["path"] == found[who]["path"]


def test_a_folder_that_went_missing_is_unpacked_again(datasets, server):
    address, folder = server
    archive(folder / "data.zip", "a")
    first = unpack.unpacked(f"{address}/data.zip")
    first.rename(datasets / "moved")
    assert unpack.unpacked(f"{address}/data.zip") == first


def test_local_archives_of_one_name(datasets, tmp_path):
    for who in ("anna", "bert"):
        archive(tmp_path / who / "data.zip", who)
        assert check_det_dataset(tmp_path / who / "data.zip")["names"] == {0: who}
        assert check_det_dataset(tmp_path / who / "data.zip")["names"] == {0: who}
    assert len([name for name in os.listdir(datasets) if name.startswith("data")]) == 2


def test_an_archive_that_lies_there_is_not_taken_for_another(datasets, server, tmp_path, capsys):
    address, folder = server
    digest = archive(folder / "data.zip", "right")
    archive(datasets / "data.zip", "somebody else")
    file = tmp_path / "d.yaml"
    keys = {
        "path": "data",
        "train": "images/val",
        "val": "images/val",
        "names": ["x"],
        "download": f"{address}/data.zip",
    }
    YAML.save(file, keys)
    check_det_dataset(file)
    assert (datasets / "data" / "images" / "val" / "a.jpg").read_text() == "right"
    assert "is not used for" in capsys.readouterr().out
    assert sorted(os.listdir(datasets)) == ["data", "data.zip"], "what was fetched is deleted, the user's own stays"
    (datasets / "data").rename(datasets / "away")
    (datasets / "data.zip").write_bytes((folder / "data.zip").read_bytes())
    (folder / "data.zip").unlink()
    YAML.save(file, {**keys, "sha256": digest})
    check_det_dataset(file)  # by hand, and the checksum is right
    assert (datasets / "data.zip").is_file()


def test_other_data_sets_are_not_written_to(datasets, server, tmp_path):
    """A description may name any folder, and an archive any other: files that are there stay."""
    address, folder = server
    mine = datasets / "coco" / "images" / "val" / "a.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    archive(folder / "data.zip", "theirs", top="coco")
    keys = {"train": "images/val", "val": "images/val", "names": ["x"], "download": f"{address}/data.zip"}
    YAML.save(tmp_path / "d.yaml", {"path": "other", **keys})
    found = check_det_dataset(tmp_path / "d.yaml")
    assert found["path"].name.startswith("coco-") and (found["path"] / "images/val/a.jpg").read_text() == "theirs"
    YAML.save(tmp_path / "e.yaml", {**keys, "path": "coco", "val": "coco.yaml"})
    check_det_dataset(tmp_path / "e.yaml")
    assert (datasets / "coco" / "coco.yaml").is_file(), "what was missing has come"
    assert mine.read_text() == "mine"
    archive(folder / "data.zip", "x", top=".archives")
    YAML.save(tmp_path / "f.yaml", {**keys, "path": "third"})
    assert check_det_dataset(tmp_path / "f.yaml")["path"].name.startswith(".archives-")


def test_offline_says_where_to_put_it(datasets, monkeypatch):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    address = "https://example.org/data.zip?key=1"
    with pytest.raises(DownloadError, match=r"save it as '(.*)'\.") as caught:
        unpack.unpacked(address)
    place = Path(str(caught.value).rpartition("save it as '")[2].partition("'")[0])
    archive(place, "by hand")
    assert unpack.unpacked(address) == datasets / "data"
    with pytest.raises(DownloadError, match=r"If '.*data' is that data set, give the folder itself"):
        unpack.unpacked("https://example.org/data.zip?key=2")


def test_failed_downloads_leave_nothing(datasets, server):
    address, _ = server
    with pytest.raises(DownloadError):
        unpack.unpacked(f"{address}/none.zip")
    assert not datasets.exists() or os.listdir(datasets) == []


def test_class_folders(datasets, server, make_set):
    address, folder = server
    picture = (make_set(1) / "000.jpg").read_bytes()
    for who in ("anna", "bert"):
        (folder / who).mkdir()
        with zipfile.ZipFile(folder / who / "pets.zip", "w") as target:
            for split in ("train", "val"):
                target.writestr(f"pets/{split}/{who}/a.jpg", picture)
    for who in ("anna", "bert"):
        assert check_cls_dataset(f"{address}/{who}/pets.zip")["names"] == {0: who}


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"[1]",
        b'{"folder": "../.."}',
        b'{"folder": ".."}',
        b'{"folder": ""}',
        b'{"folder": 5}',
        b'{"folder": "none"}',
    ],
)
def test_damaged_notes(datasets, tmp_path, note):
    archive(tmp_path / "data.zip", "a")
    home = datasets / ".archives" / unpack._key(tmp_path / "data.zip")
    home.mkdir(parents=True)
    (home / "unpacked.json").write_bytes(note)
    assert unpack.unpacked(tmp_path / "data.zip") == datasets / "data"


def test_plain_downloads_keep_their_names(datasets, server, tmp_path):
    address, folder = server
    archive(folder / "data.zip", "a")
    assert safe_download(f"{address}/data.zip", dir=tmp_path / "x") == tmp_path / "x" / "data"
