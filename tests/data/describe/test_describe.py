"""Data set descriptions: resolved, checked, fetched, drawn; and refused where they would run something."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from pathlib import Path

import pytest

from ultralytics.data.describe import boxes as describe
from ultralytics.data.describe import unpack
from ultralytics.data.describe.boxes import check_det_dataset, find_dataset_yaml
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.utils.settings import SETTINGS
from ultralytics.utils.yaml_io import YAML

BASE = {"path": "set", "train": "images/train", "val": "images/val", "names": ["a", "b"]}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a description with changed keys (None removes one)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(describe.SETTINGS, "datasets_dir", str(tmp_path / "datasets"))

    def make(name: str = "data.yaml", **changes) -> str:
        keys = {key: value for key, value in {**BASE, **changes}.items() if value is not None}
        YAML.save(tmp_path / name, keys)
        return str(tmp_path / name)

    return make


@pytest.fixture
def images(make_set, tmp_path):
    make_set(2, root=tmp_path / "set")
    make_set(2, root=tmp_path / "set", split="val")
    return tmp_path / "set"


def test_result(write, images):
    file = write(channels=3, nc=2, test="images/test")
    result = check_det_dataset(file)
    assert result["path"] == images and result["train"] == str(images / "images" / "train")
    assert result["val"] == str(images / "images" / "val") and result["test"] == str(images / "images" / "test")
    assert result["names"] == {0: "a", 1: "b"} and result["nc"] == 2 and result["channels"] == 3
    assert result["yaml_file"] == file
    several = check_det_dataset(write(train=["images/train", "images/val"]))
    assert several["train"] == [str(images / "images" / name) for name in ("train", "val")]


def test_where_relative_paths_start(write, images, tmp_path, monkeypatch):
    assert check_det_dataset(write(path=str(images)))["path"] == images
    assert check_det_dataset(write("set/here.yaml", path=None))["path"] == images
    file = write("set/dot.yaml", path=".")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert check_det_dataset(file)["path"] == images
    assert check_det_dataset(write())["path"] == images  # beside the YAML
    images.rename(Path(SETTINGS["datasets_dir"]).parent / "moved")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "moved").rename(tmp_path / "datasets" / "set")
    assert check_det_dataset(write())["path"] == tmp_path / "datasets" / "set"
    exported = check_det_dataset(write(val="../images/val"))
    assert exported["val"].endswith("datasets/set/images/val")


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"train": None, "val": None}, SyntaxError, "no images; give 'train'"),
        ({"train": "", "val": []}, SyntaxError, "no images; give 'train'"),
        ({"names": None}, SyntaxError, "'names'"),
        ({"names": []}, SyntaxError, "empty"),
        ({"nc": 3}, SyntaxError, "2 entries but 'nc' is 3"),
        ({"nc": 2.5}, ValueError, "whole number"),
        ({"nc": "many", "names": None}, ValueError, "whole number"),
        ({"nc": 0, "names": None}, ValueError, "whole number from 1"),
        ({"names": {0: "a", 2: "b"}}, KeyError, r"\[0, 2\]"),
        ({"names": {"x": "a"}}, KeyError, "class ids"),
        ({"names": "ab"}, TypeError, "'names' must be list or dict"),
        ({"train": 3}, TypeError, "'train' must be str or list"),
        ({"kpt_shape": 17}, TypeError, "'kpt_shape' must be list"),
        ({"channels": 0}, ValueError, "channels"),
        ({"channels": float("inf")}, ValueError, "from 1 to 1,000, not inf"),
        ({"nc": 10**30, "names": None}, ValueError, "from 1 to 100,000"),
        ({"train": ["images/train", 5]}, TypeError, "'train' must list texts, not 5"),
        ({"test": [["images"]]}, TypeError, "'test' must list texts"),
        ({"minival": 5}, TypeError, "'minival' must be str or list"),
        ({"val": "images/none"}, FileNotFoundError, "images/none"),
    ],
)
def test_faults_are_named(write, images, changes, error, text):
    file = write(**changes)
    with pytest.raises(error, match=text) as caught:
        check_det_dataset(file)
    assert "data.yaml" in str(caught.value)


def test_friendly_readings(write, images, capsys):
    assert check_det_dataset(write(names=None, nc="2"))["names"] == {0: "class_0", 1: "class_1"}
    assert check_det_dataset(write(names={"1": "b", "0": 5}))["names"] == {0: "5", 1: "b"}
    assert check_det_dataset(write(val=None, validation="images/val"))["val"].endswith("val")
    assert "'val'" in capsys.readouterr().out
    check_det_dataset(write(chanels=1, licence="free"))
    out = capsys.readouterr().out
    assert "unknown key 'chanels'; did you mean 'channels'" in out and "licence" not in out


def test_other_splits(write, images):
    with pytest.raises(FileNotFoundError, match="no 'test:'"):
        check_det_dataset(write(), split="test")
    with pytest.raises(FileNotFoundError, match="images/test"):
        check_det_dataset(write(test="images/test"), split="test")
    assert check_det_dataset(write(val="images/none"), split="train")["nc"] == 2


def test_keys_without_a_value(write, images):
    file = Path(write(train=None))
    file.write_text(file.read_text() + "\ntrain:\ntest:\n")
    assert {"train", "test"} & set(check_det_dataset(file)) == set()


@pytest.mark.parametrize("empty", [None, "", []])
def test_descriptions_of_one_split(write, images, empty):
    """A mode needs its own images only; the keys of others may be empty or not there."""
    validating = check_det_dataset(write(train=empty))
    assert validating["val"].endswith("images/val") and "train" not in validating
    training = check_det_dataset(write(val=empty))
    assert training["train"].endswith("images/train") and "val" not in training and training["path"] == images
    with pytest.raises(FileNotFoundError, match=r"no 'val:' images; it has train\."):
        check_det_dataset(write(val=empty), split="val")
    with pytest.raises(FileNotFoundError, match="images/none"):
        check_det_dataset(write(train="images/none", val=empty))


def test_test_stands_in_for_val(write, images, capsys):
    found = check_det_dataset(write(val=None, test="images/val"))
    assert found["val"] == found["test"] == str(images / "images" / "val")
    assert "without 'val', 'test' is used" in capsys.readouterr().out


def test_kinds_of_argument(write, images, tmp_path):
    write("set/data.yaml", path=None)
    assert check_det_dataset(images)["nc"] == 2 and find_dataset_yaml(images).name == "data.yaml"
    with pytest.raises(FileNotFoundError, match="does not exist"):
        check_det_dataset("nothing.yaml")
    with pytest.raises(NotImplementedError, match="NDJSON"):
        check_det_dataset("x.ndjson")
    with pytest.raises(FileNotFoundError, match="found: none"):
        find_dataset_yaml(images / "images")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for file in images.rglob("*"):
            archive.write(file, Path("packed") / file.relative_to(images))
    assert check_det_dataset(tmp_path / "packed.zip")["path"] == tmp_path / "datasets" / "packed"


def zipped(images: Path, folder: Path, name: str = "set") -> str:
    """Zip the data set into the served folder and return the checksum."""
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        for file in images.rglob("*"):
            archive.write(file, Path(name) / file.relative_to(images))
    return hashlib.sha256((folder / f"{name}.zip").read_bytes()).hexdigest()


def test_download_with_checksum(write, images, server, tmp_path):
    address, folder = server
    digest = zipped(images, folder)
    images.rename(tmp_path / "away")
    result = check_det_dataset(write(download=f"{address}/set.zip", sha256=digest))
    assert result["path"] == tmp_path / "datasets" / "set" and Path(result["val"]).is_dir()
    assert not (tmp_path / "datasets" / "set.zip").exists()


def test_download_with_wrong_checksum_leaves_nothing(write, images, server, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between attempts
    address, folder = server
    zipped(images, folder)
    images.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError, match="SHA-256"):
        check_det_dataset(write(download=f"{address}/set.zip", sha256="0" * 64))
    assert not (tmp_path / "datasets" / "set").exists()


def test_archive_without_the_expected_folder(write, images, server, tmp_path):
    address, folder = server
    zipped(images, folder, name="other")
    images.rename(tmp_path / "away")
    result = check_det_dataset(write(download=[f"{address}/other.zip"]))
    assert result["path"] == tmp_path / "datasets" / "other"


def test_two_at_a_time_download_once(write, images, server, tmp_path, monkeypatch):
    address, folder = server
    zipped(images, folder)
    images.rename(tmp_path / "away")
    file, fetched, real = write(download=f"{address}/set.zip"), [], unpack.safe_download

    def counted(*args, **kwargs):
        fetched.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(unpack, "safe_download", counted)
    threads = [threading.Thread(target=check_det_dataset, args=(file,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 1


def test_offline_says_what_is_missing_and_where_to_put_it(write, monkeypatch):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match=r"(?s)images/val.*YOLO_OFFLINE"):
        check_det_dataset(write(download="https://host.invalid/set.zip"))
    with pytest.raises(FileNotFoundError, match="no 'download:'"):
        check_det_dataset(write())
    with pytest.raises(FileNotFoundError, match="images/val"):
        check_det_dataset(write(download="https://host.invalid/set.zip"), autodownload=False)


@pytest.mark.parametrize("script", ["bash get.sh", "open('owned', 'w').close()\nprint(yaml['path'])"])
def test_scripts_are_shown_and_refused(write, tmp_path, capsys, script):
    file = write(download=script)
    with pytest.raises(FileNotFoundError, match="not run"):
        check_det_dataset(file)
    assert script.splitlines()[0] in capsys.readouterr().out
    with pytest.raises(NotImplementedError, match="by hand"):
        check_det_dataset(file, trust=True)
    assert not (tmp_path / "owned").exists()


def test_generator_is_a_name_and_never_code(write, tmp_path):
    keys = {"names": ["circle", "star"], "size": 48, "counts": {"train": 3, "val": 2}}
    file = write(path="drawn", generator="shapes", **keys)
    result = check_det_dataset(file)
    assert len(list(Path(result["train"]).glob("*.jpg"))) == 3
    again = check_det_dataset(write(path="drawn", generator="shapes", **{**keys, "counts": {"train": 4, "val": 2}}))
    assert len(list(Path(again["train"]).glob("*.jpg"))) == 4
    with pytest.raises(ValueError, match="did you mean 'shapes'"):
        check_det_dataset(write(path="new", generator="shape", **keys))
    with pytest.raises(ValueError, match="unknown generator"):
        check_det_dataset(write(path="new", generator="os.system", **keys))


def test_classification_folders(make_set, tmp_path, monkeypatch):
    from ultralytics.data.describe import classes as describe_classify

    monkeypatch.setitem(describe_classify.SETTINGS, "datasets_dir", str(tmp_path / "datasets"))
    monkeypatch.chdir(tmp_path)
    picture = (make_set(1) / "000.jpg").read_bytes()
    for split, name in (("train", "dog"), ("train", "cat"), ("test", "cat"), ("test", "dog")):
        folder = tmp_path / "datasets" / "pets" / split / name
        folder.mkdir(parents=True)
        (folder / "a.jpg").write_bytes(picture)
    result = check_cls_dataset("pets")
    assert result["names"] == {0: "cat", 1: "dog"} and result["nc"] == 2 and result["val"] == result["test"]
    with pytest.raises(FileNotFoundError, match="neither a folder"):
        check_cls_dataset("birds")
    (tmp_path / "bare" / "train").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="per class"):
        check_cls_dataset(tmp_path / "bare")
    with pytest.raises(FileNotFoundError, match="val"):
        (tmp_path / "bare" / "train" / "x").mkdir()
        check_cls_dataset(tmp_path / "bare", split="val")
