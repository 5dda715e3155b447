"""Statistics, smaller copies and views of data sets."""

from __future__ import annotations

import json
import zipfile

import cv2
import matplotlib
import numpy as np
import pytest
from class_helpers import make_set as make_class_set
from PIL import Image

from ultralytics.data.utils import HUBDatasetStats, compress_one_image, visualize_image_annotations
from ultralytics.utils.yaml_io import YAML


@pytest.fixture
def described(make_set, tmp_path):
    make_set(6, root=tmp_path / "set")
    make_set(2, root=tmp_path / "set", split="val")
    (tmp_path / "set" / "labels" / "train" / "000.txt").unlink()
    keys = {
        "path": str(tmp_path / "set"),
        "train": "images/train",
        "val": "images/val",
        "names": ["red", "green", "blue"],
    }
    YAML.save(tmp_path / "set" / "set.yaml", keys)
    return tmp_path / "set" / "set.yaml"


def test_counts(described, tmp_path):
    stats = HUBDatasetStats(described)
    found = stats.get_json(save=True)
    assert found["nc"] == 3 and found["names"] == ["red", "green", "blue"] and found["test"] is None
    train = found["train"]
    assert train["instance_stats"] == {"total": 8, "per_class": [2, 3, 3]}
    assert train["image_stats"] == {"total": 6, "unannotated": 1, "per_class": [2, 3, 3]}
    assert train["labels"][0] == {"000.jpg": []} and train["labels"][2] == {"002.jpg": [[2, 0.5, 0.5, 0.4, 0.4]]}
    assert json.loads((tmp_path / "set-hub" / "stats.json").read_text()) == found


def test_counts_of_polygons_and_classes(tmp_path, described):
    for file in (tmp_path / "set" / "labels").rglob("*.txt"):
        file.write_text("1 0.1 0.1 0.5 0.1 0.5 0.5\n")
    rows = HUBDatasetStats(described, task="segment").get_json()["train"]["labels"][1]["001.jpg"]
    assert rows == [[1, 0.1, 0.1, 0.5, 0.1, 0.5, 0.5]]
    folders = HUBDatasetStats(make_class_set(tmp_path / "pets"), task="classify")
    found = folders.get_json()
    assert found["val"]["instance_stats"] == {"total": 9, "per_class": [3, 3, 3]}
    assert found["train"]["labels"][0] == {"000.jpg": 0}


ROWS = {
    "detect": "0 0.5 0.5 0.2 0.2",
    "segment": "0 0.1 0.1 0.5 0.1 0.5 0.5",
    "obb": "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5",
    "pose": "0 0.5 0.5 0.2 0.2 0.4 0.4 2 0.6 0.6 1",
}


@pytest.mark.parametrize("task", ROWS)
@pytest.mark.parametrize("annotated", [0, 2])
def test_counts_of_backgrounds(described, task, annotated):
    """Pictures without objects, some of a set or all of it."""
    YAML.save(described, {**YAML.load(described), "kpt_shape": [2, 3]})
    for i, file in enumerate(sorted((described.parent / "labels").rglob("*.txt"))):
        file.write_text(ROWS[task] if i < annotated else "")
    found = HUBDatasetStats(described, task=task).get_json()
    counts = [found[split] for split in ("train", "val")]
    assert sum(part["instance_stats"]["total"] for part in counts) == annotated
    assert sum(part["image_stats"]["unannotated"] for part in counts) == 8 - annotated
    rows = [row for part in counts for label in part["labels"] for rows in label.values() for row in rows]
    assert len(rows) == annotated and all(len(row) == len(ROWS[task].split()) for row in rows)


def test_archive_and_small_pictures(described, tmp_path):
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for file in described.parent.rglob("*"):
            if file.suffix in {".jpg", ".txt"}:
                archive.write(file, f"packed/{file.relative_to(described.parent)}")
        keys = YAML.load(described)
        archive.writestr("packed/data.yaml", json.dumps({**keys, "path": "."}))
    stats = HUBDatasetStats(tmp_path / "packed.zip")
    assert stats.get_json()["val"]["image_stats"]["total"] == 2
    small = stats.process_images()
    assert small == tmp_path / "packed-hub" / "images" and len(list(small.iterdir())) == 6
    with pytest.raises(FileNotFoundError):
        HUBDatasetStats(tmp_path / "nowhere.zip")


def test_smaller_copy(tmp_path):
    picture = cv2.resize(np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8), (300, 200))
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    before = (tmp_path / "a.png").read_bytes()
    compress_one_image(tmp_path / "a.png", tmp_path / "small" / "a.jpg", max_dim=150)
    with Image.open(tmp_path / "small" / "a.jpg") as small:
        assert small.size == (150, 100) and small.format == "JPEG"
        assert np.abs(np.asarray(small.resize((300, 200)))[..., ::-1].astype(int) - picture).mean() < 8
    assert (tmp_path / "a.png").read_bytes() == before
    compress_one_image(tmp_path / "a.png", max_dim=1000)
    with Image.open(tmp_path / "a.png") as replaced:
        assert replaced.size == (300, 200) and replaced.format == "JPEG"
    with pytest.raises(FileNotFoundError):
        compress_one_image(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"c.png' cannot be read"):
        compress_one_image(tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes() == b"x"
    for wrong in ({"max_dim": 0}, {"quality": 100}):
        with pytest.raises(ValueError, match="pixels from 1"):
            compress_one_image(tmp_path / "a.png", **wrong)


def test_view_of_labels(described, tmp_path, monkeypatch):
    matplotlib.use("Agg")
    from matplotlib import pyplot

    monkeypatch.setattr(pyplot, "show", lambda: None)
    image, label = (
        tmp_path / "set" / kind / "train" / f"001{suffix}" for kind, suffix in (("images", ".jpg"), ("labels", ".txt"))
    )
    figure = visualize_image_annotations(image, label, {0: "red", 1: "green"})
    axes = figure.axes[0]
    assert len(axes.patches) == 2 and [text.get_text() for text in axes.texts] == ["green", "2"]
    pyplot.close(figure)
    label.write_text("0 0.5 0.5 3 0.1\n")
    with pytest.raises(ValueError, match=r"001.txt:1: coordinate out of range"):
        visualize_image_annotations(image, label, {})
