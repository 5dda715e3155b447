from __future__ import annotations

import pytest

from ultralytics.utils.env import ROOT
from ultralytics.utils.yaml_io import YAML

FILES = sorted((ROOT / "cfg" / "datasets").glob("*.yaml"))


def test_there_are_some():
    assert {"coco8", "coco128", "coco", "VOC", "shapes"} <= {f.stem for f in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_description(file):
    data = YAML.load(file)
    assert data["path"] and data["train"] and data["val"]
    names = data["names"]
    assert list(names) == list(range(len(names))) and len(set(names.values())) == len(names)
    address = data.get("download")
    assert address is None or str(address).startswith("https://")  # nothing that would have to be run


def test_coco_names():
    names = YAML.load(ROOT / "cfg" / "datasets" / "coco.yaml")["names"]
    assert len(names) == 80 and (names[0], names[16], names[79]) == ("person", "dog", "toothbrush")
    for other in ("coco8", "coco128"):
        assert YAML.load(ROOT / "cfg" / "datasets" / f"{other}.yaml")["names"] == names
    assert len(YAML.load(ROOT / "cfg" / "datasets" / "VOC.yaml")["names"]) == 20


def test_shapes():
    data = YAML.load(ROOT / "cfg" / "datasets" / "shapes.yaml")
    assert data["generator"] == "shapes"
    assert list(data["names"].values()) == ["circle", "triangle", "square", "star", "cross", "ring"]
    assert data["counts"] == {"train": 160, "val": 40, "test": 16}
