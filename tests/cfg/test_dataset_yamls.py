"""The data set descriptions that ship: every key is known, every name is there, nothing would have to be run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ultralytics.data.describe import boxes
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.maps import ClassIds
from ultralytics.utils.env import ROOT
from ultralytics.utils.yaml_io import YAML

FOLDER = ROOT / "cfg" / "datasets"
FILES = sorted(FOLDER.glob("*.yaml"))
FOLDERS_OF_CLASSES = {"ImageNet", "shapes-cls"}
CLASSES = {
    "ade20k": 150, "african-wildlife": 4, "Argoverse": 8, "brain-tumor": 2, "carparts-seg": 23, "cityscapes": 19,
    "cityscapes8": 19, "coco": 80, "coco-pose": 1, "coco12-formats": 80, "coco128": 80, "coco128-seg": 80, "coco8": 80,
    "coco8-grayscale": 80, "coco8-multispectral": 80, "coco8-pose": 1, "coco8-seg": 80, "construction-ppe": 11,
    "crack-seg": 1, "depth-arkitscenes": 1, "depth-diode": 1, "depth-hypersim": 1, "depth-kitti": 1, "depth-sunrgbd": 1,
    "depth-tartanair": 1, "depth-vkitti2": 1, "depth8": 1, "dog-pose": 1, "dota128": 15, "dota8": 15,
    "dota8-multispectral": 15, "DOTAv1": 15, "DOTAv1.5": 16, "GlobalWheat2020": 1, "hand-keypoints": 1,
    "HomeObjects-3K": 12, "ImageNet": 0, "kitti": 8, "lvis": 1203, "medical-pills": 1, "nyu-depth": 1,
    "Objects365": 365, "open-images-v7": 601, "package-seg": 1, "shapes": 6, "shapes-cls": 6, "shapes-depth": 1,
    "shapes-obb": 6, "shapes-pose": 6, "shapes-seg": 6, "shapes-sem": 7, "shapes-track": 6, "signature": 1,
    "SKU-110K": 1, "tiger-pose": 1, "TT100K": 221, "VisDrone": 10, "VOC": 20, "xView": 60,
}  # fmt: skip
CHANNELS = {"coco8-grayscale": 1, "coco8-multispectral": 10, "dota8-multispectral": 10}
MIRRORED = {"left": "right", "right": "left"}
RELEASE = "https://github.com/ultralytics/assets/releases/download/v0.0.0/"


def load(name: str) -> dict:
    return YAML.load(FOLDER / f"{name}.yaml")


def test_all_are_there():
    assert {file.stem: len(YAML.load(file).get("names") or ()) for file in FILES} == CLASSES


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_description(file):
    data = YAML.load(file)
    assert set(data) <= boxes.KNOWN_KEYS
    assert data["path"] and data["train"] and data["val"]
    splits = [data[split] for split in ("train", "val", "test", "minival") if data.get(split)]
    for path in (one for split in splits for one in ([split] if isinstance(split, str) else split)):
        assert not Path(path).is_absolute() and ".." not in Path(path).parts
    assert data.get("channels", 3) == CHANNELS.get(file.stem, 3)
    address = data.get("download")
    assert address is None or (address.startswith(RELEASE) and address.endswith(".zip") and len(address.split()) == 1)
    assert file.read_text(encoding="utf-8").startswith("# ")  # what it is, from where, for whom
    if file.stem not in FOLDERS_OF_CLASSES:
        names = data["names"]
        assert list(names) == list(range(len(names))) and len(set(names.values())) == len(names)
        assert all(isinstance(name, str) and name == name.strip() and name for name in names.values())


@pytest.mark.parametrize("name", sorted(set(CLASSES) - FOLDERS_OF_CLASSES - {n for n in CLASSES if "shapes" in n}))
def test_description_is_read(name, tmp_path, monkeypatch):
    """Names with and without suffix are found, and what is missing afterwards are images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(boxes.SETTINGS, "datasets_dir", str(tmp_path / "datasets"))
    with pytest.raises(FileNotFoundError, match="images not found at") as caught:
        check_det_dataset(name, autodownload=False)
    assert ("the first lines of the YAML say" in str(caught.value)) == ("download" not in load(name))
    path, val = load(name)["path"], load(name)["val"]
    for one in [val] if isinstance(val, str) else val:
        place = tmp_path / "datasets" / path / one
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch() if place.suffix == ".txt" else place.mkdir()
    data = check_det_dataset(f"{name}.yaml", autodownload=False)
    assert data["nc"] == CLASSES[name] and str(data["path"]).startswith(str(tmp_path / "datasets"))


@pytest.mark.parametrize("name", [n for n in CLASSES if "kpt_shape" in load(n)])
def test_mirrored_keypoints(name):
    """In a mirrored picture a left part is a right one, and every other part stays what it is."""
    data = load(name)
    count, values = data["kpt_shape"]
    flips = data["flip_idx"]
    assert values in {2, 3} and sorted(flips) == list(range(count))
    assert [flips[i] for i in flips] == list(range(count))
    for names in (data.get("kpt_names") or {}).values():
        assert len(names) == len(set(names)) == count
        for name_of_point, i in zip(names, flips, strict=True):
            assert names[i] == re.sub("left|right", lambda side: MIRRORED[side[0]], name_of_point)


def test_coco_names():
    names = load("coco")["names"]
    assert len(names) == 80 and (names[0], names[16], names[79]) == ("person", "dog", "toothbrush")
    others = [n for n, count in CLASSES.items() if count == 80]
    assert len(others) == 8 and all(load(name)["names"] == names for name in others)


def test_related_sets_have_the_same_names():
    first = load("dota8")["names"]
    for name in ("dota128", "dota8-multispectral", "DOTAv1"):
        assert load(name)["names"] == first
    assert load("DOTAv1.5")["names"] == {**first, 15: "container crane"}
    for key in ("flip_idx", "kpt_shape", "kpt_names", "names"):
        assert load("coco-pose")[key] == load("coco8-pose")[key]


@pytest.mark.parametrize("name", ["cityscapes", "cityscapes8", "ade20k"])
def test_masks_of_public_sets(name):
    """Every class has a number in the masks, and no number is a class without a name."""
    data = load(name)
    ids = ClassIds.from_data({**data, "nc": len(data["names"])})
    assert data["masks_dir"] and set(ids.classes[:256]) >= set(data["names"])
    assert not ids.meaningless[:34].any()


def test_depth_of_public_sets():
    for name in (name for name in CLASSES if "depth" in name):
        data = load(name)
        assert data["names"] == {0: "depth"} and data["depth_scale"] > 0 and data["max_depth"] > 0


def test_shapes():
    data = load("shapes")
    assert data["generator"] == "shapes"
    assert list(data["names"].values()) == ["circle", "triangle", "square", "star", "cross", "ring"]
    assert data["counts"] == {"train": 160, "val": 40, "test": 16}
