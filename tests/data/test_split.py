"""Lists and folders of training and validation pictures."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from class_helpers import make_classes

from ultralytics.data import split
from ultralytics.data.describe.locate import img2label_paths
from ultralytics.data.split import autosplit, split_classify_dataset


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")}


# Lists ----------------------------------------------------------------------------------------------------------------


def test_autosplit_lists_every_picture_once(make_set):
    images = make_set(40)
    counts = autosplit(images, weights=(0.6, 0.3, 0.1))
    lists = {part: (images.parent / f"autosplit_{part}.txt") for part in counts}
    lines = [line for part, file in lists.items() if counts[part] for line in file.read_text().split()]
    assert sum(counts.values()) == len(lines) == len(set(lines)) == 40
    assert counts["train"] > counts["val"] > 0
    assert all((images.parent / line).is_file() for line in lines), "relative to the lists' folder"
    before = {file: file.read_bytes() for file in lists.values() if file.exists()}
    autosplit(images, weights=(0.6, 0.3, 0.1))
    assert {file: file.read_bytes() for file in before} == before


def test_autosplit_of_labelled_pictures(make_set):
    images = make_set(10)
    for image in sorted(images.iterdir())[:4]:
        Path(img2label_paths([image])[0]).unlink()
    assert sum(autosplit(images, annotated_only=True).values()) == 6
    assert not (images.parent / "autosplit_test.txt").exists(), "an empty part has no list"


@pytest.mark.parametrize("weights", [(0.9, 0.2, 0.0), (1.0,), (1.5, -0.5, 0.0)])
def test_autosplit_shares(make_set, weights):
    with pytest.raises(ValueError, match="three shares"):
        autosplit(make_set(2), weights=weights)


# Folders --------------------------------------------------------------------------------------------------------------


def test_every_class_is_divided(tmp_path):
    source = make_classes(tmp_path / "pets", {"cat": 10, "dog": 5, "eel": 2})
    (source / "cat" / "notes.txt").write_text("x")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in source.rglob("*") if path.is_file()}
    target = split_classify_dataset(source)
    assert target == tmp_path / "pets_split"
    train, val = names(target / "train"), names(target / "val")
    assert train | val == names(source) and not train & val
    assert Counter(name.split("/")[0] for name in train) == {"cat": 8, "dog": 4, "eel": 1}
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    for name in train:
        assert (target / "train" / name).read_bytes() == (source / name).read_bytes()


def test_same_files_same_parts(tmp_path):
    first = split_classify_dataset(make_classes(tmp_path / "a" / "pets", {"cat": 9, "dog": 6}))
    second = split_classify_dataset(make_classes(tmp_path / "b" / "pets", {"cat": 9, "dog": 6}))
    assert names(first / "val") == names(second / "val")


def test_made_once_and_anew_when_the_source_changes(tmp_path):
    source = make_classes(tmp_path / "pets", {"cat": 4, "dog": 4})
    target = split_classify_dataset(source)
    made = target.stat().st_ino
    assert split_classify_dataset(source).stat().st_ino == made
    make_classes(source, {"cat": 8})
    split_classify_dataset(source)
    assert len(names(target)) == 12 and target.stat().st_ino != made
    assert json.loads((target / "split.json").read_text())["train_ratio"] == 0.8
    split_classify_dataset(source, train_ratio=0.5)
    assert len(names(target / "train")) == 6
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith((".tmp", ".old"))] == []


def test_copies_where_links_are_impossible(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no links here")

    monkeypatch.setattr(split.os, "link", refuse)
    source = make_classes(tmp_path / "pets", {"cat": 4})
    target = split_classify_dataset(source)
    assert names(target / "train") | names(target / "val") == names(source)
    assert all(path.stat().st_nlink == 1 for path in target.rglob("*.jpg"))


def test_interrupted_split_leaves_nothing(tmp_path, monkeypatch):
    source = make_classes(tmp_path / "pets", {"cat": 4})
    calls = []

    def fail(file, place):
        calls.append(place)
        if len(calls) == 3:
            raise KeyboardInterrupt
        shutil.copy2(file, place)

    monkeypatch.setattr(split, "_link_or_copy", fail)
    with pytest.raises(KeyboardInterrupt):
        split_classify_dataset(source)
    assert not (tmp_path / "pets_split").exists()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["pets"]


def test_what_cannot_be_divided(tmp_path):
    source = make_classes(tmp_path / "pets", {"cat": 1, "dog": 3})
    for ratio in (0, 1, 80):
        with pytest.raises(ValueError, match="train_ratio"):
            split_classify_dataset(source, ratio)
    with pytest.raises(FileNotFoundError, match="no folder"):
        split_classify_dataset(tmp_path / "birds")
    (tmp_path / "bare" / "cat").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="one folder per class"):
        split_classify_dataset(tmp_path / "bare")
    (tmp_path / "pets_split").mkdir()
    (tmp_path / "pets_split" / "thesis.txt").write_text("x")
    with pytest.raises(FileExistsError, match="not made by this function"):
        split_classify_dataset(source)
    assert os.listdir(tmp_path / "pets_split") == ["thesis.txt"]
