"""Finding images and label files, and splitting a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ultralytics.data.describe.locate import find_images, get_split_fraction, img2label_paths
from ultralytics.data.split import autosplit
from ultralytics.data.utils import IMG_FORMATS, VID_FORMATS


def test_label_paths():
    assert img2label_paths(["/a/images/b/images/c.jpg", "x/y.png", "images/a.jpg"]) == [
        "/a/images/b/labels/c.txt",
        "x/y.txt",
        "images/a.txt",
    ]
    assert img2label_paths(["/a/images/c.jpg"], "masks", ".png") == ["/a/masks/c.png"]


def test_folders_are_searched_to_the_end_once(make_set, tmp_path):
    images = make_set(2)
    (images / "deep" / "er").mkdir(parents=True)
    (images / "deep" / "er" / "UP.JPG").write_bytes(b"x")
    (images / "deep" / "a.txt").write_text("x")
    os.symlink(images, images / "deep" / "loop")
    assert [Path(p).name for p in find_images(images)] == ["000.jpg", "001.jpg", "UP.JPG"]
    assert find_images([images, images / "000.jpg"]) == find_images(images)


@pytest.mark.parametrize(
    ("fraction", "split", "amount"),
    [
        (0.5, "train", 0.5),
        (0.5, "val", 1.0),
        (20, "train", 20),
        ([0.5, 8], "val", 8),
        ([0.5, 8], "test", 1.0),
        (1, "train", 1.0),
        ([1, 1, 0], "test", 0.0),
    ],
)
def test_fraction_of_a_split(fraction, split, amount):
    assert get_split_fraction(fraction, split) == amount


@pytest.mark.parametrize("fraction", [0, -1, True, "half", 2.5, [0.5, None]])
def test_bad_fraction(fraction):
    with pytest.raises(ValueError, match="fraction="):
        for split in ("train", "val"):
            get_split_fraction(fraction, split)


def test_autosplit(make_set):
    images = make_set(40)
    counts = autosplit(images, weights=(0.5, 0.25, 0.25))
    lists = {split: images.parent / f"autosplit_{split}.txt" for split in counts}
    assert sum(counts.values()) == 40 and min(counts.values()) > 3
    found = [find_images(path) for path in lists.values()]
    assert sorted(name for names in found for name in names) == find_images(images)
    before = lists["train"].read_text()
    assert autosplit(images, weights=(0.5, 0.25, 0.25)) == counts and lists["train"].read_text() == before
    (images.parents[1] / "labels" / "train" / "000.txt").unlink()
    assert sum(autosplit(images, annotated_only=True).values()) == 39
    with pytest.raises(ValueError, match="add up"):
        autosplit(images, weights=(0.5, 0.6, 0))


def test_formats():
    assert {"jpg", "png", "avif", "heic"} <= IMG_FORMATS and {"mp4", "gif"} <= VID_FORMATS
