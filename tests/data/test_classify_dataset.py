"""Folders of classes: listing, checking, caching, samples, and the description of a data set."""

from __future__ import annotations

import logging
import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from class_helpers import COLORS, make_classes, make_set

from ultralytics.cfg.errors import ConfigError
from ultralytics.cfg.merge import get_cfg
from ultralytics.data import ClassificationDataset
from ultralytics.data.augment import classify_transforms
from ultralytics.data.build import build_dataloader
from ultralytics.data.dataset import ClassificationDataset as PublicPath
from ultralytics.data.describe import classes as describe_classify
from ultralytics.data.describe.classes import PUBLIC_SETS, check_cls_dataset
from ultralytics.data.images.io import imread
from ultralytics.data.samplers import SampleRef
from ultralytics.utils.downloads import DownloadError
from ultralytics.utils.yaml_io import YAML

NAMES = {0: "blue", 1: "green", 2: "red"}


@pytest.fixture
def warned(caplog, monkeypatch):
    """Return a function of all log lines so far."""
    monkeypatch.setattr(logging.getLogger("ultralytics"), "propagate", True)
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(record.getMessage() for record in caplog.records)


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(describe_classify.SETTINGS, "datasets_dir", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


def args(**changes):
    return get_cfg(overrides={"imgsz": 32, **changes})


# The data set ---------------------------------------------------------------------------------------------------------


def test_samples_and_attributes(tmp_path):
    root = make_classes(tmp_path / "train", {"red": 2, "blue": 3, "green": 1})
    dataset = ClassificationDataset(root, args(), prefix="val")
    assert PublicPath is ClassificationDataset
    assert len(dataset) == 6 and dataset.names == NAMES and dataset.classes == ["blue", "green", "red"]
    assert dataset.class_to_idx["red"] == 2 and dataset.cls.tolist() == [0, 0, 0, 1, 2, 2]
    file, cls, *_ = dataset.samples[-1]
    assert Path(file) == root / "red" / "001.jpg" and cls == 2
    sample = dataset[-1]
    assert sample["img"].shape == (3, 32, 32) and sample["img"].dtype == torch.uint8 and sample["cls"] == 2
    assert sample["im_file"] == file
    with pytest.raises(IndexError):
        dataset[6]
    batch = dataset.collate_fn([dataset[0], dataset[5]])
    assert batch["img"].shape == (2, 3, 32, 32) and batch["cls"].tolist() == [0, 2] and len(batch["im_file"]) == 2
    assert batch["cls"].dtype == torch.int64


def test_validation_pictures_are_those_of_the_public_chain(tmp_path):
    dataset = ClassificationDataset(make_classes(tmp_path / "val", {"a": 2}, (50, 90)), args())
    chain = classify_transforms(32)
    assert str(dataset.torch_transforms) == str(chain)
    from PIL import Image

    expected = chain(Image.fromarray(imread(dataset.samples[0][0])[..., ::-1].copy()))
    assert torch.allclose(dataset[0]["img"] / 255, expected, atol=1e-6)


def test_a_sample_depends_on_its_ref_alone(tmp_path):
    root = make_classes(tmp_path / "train", {"a": 5, "b": 4})
    first, second = (ClassificationDataset(root, args(), augment=True) for _ in range(2))
    refs = [SampleRef(i, epoch, i, seed=3) for epoch in (0, 1) for i in range(9)]
    for ref in reversed(refs):
        first[ref]
    assert all(torch.equal(first[ref]["img"], second[ref]["img"]) for ref in refs)
    assert not torch.equal(first[refs[0]]["img"], first[refs[9]]["img"])


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_gives_the_same_batches_for_any_number_of_workers(tmp_path, workers):
    root = make_classes(tmp_path / "train", {"a": 7, "b": 6})
    loaders = [
        build_dataloader(ClassificationDataset(root, args(), augment=True), 4, n, device="cpu", seed=1)
        for n in (0, workers)
    ]
    for ours, reference in zip(loaders[1], loaders[0], strict=True):
        assert torch.equal(ours["img"], reference["img"]) and torch.equal(ours["cls"], reference["cls"])
        assert ours["im_file"] == reference["im_file"]
    for loader in loaders:
        loader.close()


def test_names_of_training_decide_the_classes(tmp_path, warned):
    root = make_classes(tmp_path / "val", {"red": 2, "violet": 1})
    dataset = ClassificationDataset(root, args(), names=NAMES)
    assert dataset.cls.tolist() == [2, 2] and dataset.names == NAMES
    assert "violet" in warned() and "no pictures of blue, green" in warned()
    with pytest.raises(ValueError, match=r"no class folder .* is one of the classes cat, dog"):
        ClassificationDataset(root, args(), names=["cat", "dog"])


def test_what_is_no_picture_is_left_out_with_a_message(tmp_path, warned):
    root = make_classes(tmp_path / "train", {"a": 3, "b": 2})
    (root / "a" / "broken.jpg").write_bytes(b"no picture")
    (root / "a" / "notes.txt").write_text("x")
    (root / "b" / "empty.png").write_bytes(b"")
    (root / ".hidden").mkdir()
    data = (root / "b" / "000.jpg").read_bytes()
    (root / "b" / "cut.jpg").write_bytes(data[: len(data) // 2])
    dataset = ClassificationDataset(root, args(), prefix="train")
    assert len(dataset) == 5 and [Path(f.file).name for f in dataset.findings] == ["broken.jpg", "cut.jpg", "empty.png"]
    assert "broken.jpg: unreadable image: not a known picture format" in warned()
    assert "notes.txt" not in str(dataset.samples)


def test_nothing_usable_is_an_error(tmp_path):
    (tmp_path / "train" / "a").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="no pictures in the class folders"):
        ClassificationDataset(tmp_path / "train", args())
    (tmp_path / "train" / "a" / "x.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"none of 1 pictures .* is usable: .*x.jpg"):
        ClassificationDataset(tmp_path / "train", args())
    wrong = args()
    wrong.cache = "disc"
    with pytest.raises(ValueError, match=r"cache='disc'; use True"):
        ClassificationDataset(make_classes(tmp_path / "t", {"a": 1}), wrong)


def test_scan_is_cached_and_renewed(tmp_path, monkeypatch):
    root = make_classes(tmp_path / "train", {"a": 2, "b": 2})
    ClassificationDataset(root, args())
    cache = tmp_path / "train.cache"
    assert cache.is_file()
    seen = []
    monkeypatch.setattr(
        "ultralytics.data.classify.scan_image", lambda path, channels: seen.append(path) or ((9, 9), [])
    )
    assert ClassificationDataset(root, args()).cls.tolist() == [0, 0, 1, 1] and not seen
    make_classes(root, {"a": 3})
    ClassificationDataset(root, args())
    assert len(seen) == 5
    cache.write_bytes(b"\x80\x04junk that a pickle might begin with")
    ClassificationDataset(root, args())
    assert len(seen) == 10


def test_fraction_keeps_all_classes(tmp_path):
    root = make_classes(tmp_path / "train", {"a": 8, "b": 8, "c": 8})
    dataset = ClassificationDataset(root, args(fraction=0.25), augment=True)
    assert np.bincount(dataset.cls).tolist() == [2, 2, 2]
    assert len(ClassificationDataset(root, args(fraction=0.25))) == 24, "a ratio alone is for training"
    assert len(ClassificationDataset(root, args(fraction=[1.0, 6]))) == 6


@pytest.mark.parametrize("augment", [True, False])
def test_caches_change_nothing(tmp_path, augment):
    root = make_classes(tmp_path / "train", {"a": 2, "b": 1}, (300, 260))
    before = {path: path.read_bytes() for path in root.rglob("*.jpg")}
    plain, ram, disk = (
        ClassificationDataset(root, args(cache=kind), augment=augment) for kind in (False, "ram", "disk")
    )
    assert ram.ram is not None and len(list(root.rglob("*.npy"))) == 3
    for i in range(3):
        ref = SampleRef(i)
        assert torch.equal(ram[ref]["img"], plain[ref]["img"])
        off = (disk[ref]["img"].int() - plain[ref]["img"].int()).abs().float().mean()
        assert off < 3  # large pictures are averaged by OpenCV there, by the JPEG decoder here
    assert {path: path.read_bytes() for path in before} == before


def test_large_pictures_are_decoded_smaller(tmp_path, monkeypatch):
    root = make_classes(tmp_path / "train", {"a": 1}, (400, 600))
    asked = []

    def spy(path, channels=3, reduce=1):
        asked.append(reduce)
        return imread(path, channels, reduce)

    monkeypatch.setattr("ultralytics.data.classify.imread", spy)
    dataset = ClassificationDataset(root, args(scale=0.5), augment=True)
    assert dataset[0]["img"].shape == (3, 32, 32) and asked == [8]
    assert dataset._prepared(0).shape == (50, 75, 3)
    ClassificationDataset(root, args())[0]
    assert asked[-1] == 1, "validation decodes in full"
    png = make_classes(tmp_path / "png", {"a": 1}, (400, 600), ".png")
    assert ClassificationDataset(png, args(scale=0.5), augment=True)._prepared(0).shape == (50, 75, 3)


def test_turned_pictures(tmp_path):
    from PIL import Image

    (tmp_path / "train" / "a").mkdir(parents=True)
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.fromarray(np.zeros((400, 600, 3), np.uint8)).save(tmp_path / "train" / "a" / "x.jpg", exif=tags)
    dataset = ClassificationDataset(tmp_path / "train", args(), augment=True)
    assert dataset.packed.shapes.tolist() == [[600, 400]] and dataset._prepared(0).shape == (75, 50, 3)


def test_own_chain(tmp_path):
    dataset = ClassificationDataset(make_classes(tmp_path / "train", {"a": 2}), args(), augment=True)
    dataset.torch_transforms = lambda picture: torch.full((3, 8, 8), picture.size[0] / 100)
    assert dataset[SampleRef(0)]["img"].unique().item() == pytest.approx(0.64)
    assert dataset.collate_fn([dataset[0]])["img"].dtype == torch.float32


# The description ------------------------------------------------------------------------------------------------------


def test_description(tmp_path, datasets):
    root = make_set(tmp_path / "pets")
    found = check_cls_dataset(root)
    assert found["nc"] == 3 and found["names"] == NAMES and found["channels"] == 3 and found["path"] == root
    assert (found["train"], found["val"], found["test"]) == (root / "train", root / "val", None)
    datasets.mkdir()
    root.rename(datasets / "pets")
    assert check_cls_dataset("pets")["train"] == datasets / "pets" / "train"


def test_folder_names_of_the_splits(tmp_path, datasets, warned):
    root = make_set(tmp_path / "a")
    (root / "val").rename(root / "valid")
    assert check_cls_dataset(root)["val"] == root / "valid"
    (root / "valid").rename(root / "test")
    assert check_cls_dataset(root)["val"] == root / "test" and "'test' is used" in warned()
    (root / "test").rename(root / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"a.val' does not exist.*split_classify_dataset"):
        check_cls_dataset(root)
    assert check_cls_dataset(root, split="train")["val"] is None


def test_validation_without_a_training_folder(tmp_path, datasets):
    root = make_set(tmp_path / "a")
    (root / "train").rename(tmp_path / "away")
    assert check_cls_dataset(root, split="val")["names"] == NAMES
    with pytest.raises(FileNotFoundError, match="train' does not exist"):
        check_cls_dataset(root)
    with pytest.raises(FileNotFoundError, match="test' does not exist"):
        check_cls_dataset(root, split="test")


def test_odd_content_is_named(tmp_path, datasets, warned):
    root = make_set(tmp_path / "a")
    for picture in (root / "val" / "red").iterdir():
        picture.unlink()
    (root / "val" / "red").rmdir()
    make_classes(root / "val", {"violet": 1})
    (root / "train" / "red" / "readme.md").write_text("x")
    cv2.imwrite(str(root / "train" / "loose.jpg"), np.zeros((20, 20, 3), np.uint8))
    check_cls_dataset(root)
    text = warned()
    assert "no pictures of red" in text and "does not have, which are left out: violet" in text
    assert "1 other files ignored (readme.md)" in text and "1 pictures outside class folders" in text


def test_one_class_only(tmp_path, datasets, warned):
    for split in ("train", "val"):
        make_classes(tmp_path / "a" / split, {"cat": 2})
    assert check_cls_dataset(tmp_path / "a")["nc"] == 1
    assert "single class 'cat'" in warned()


def test_class_folders_alone_are_divided(tmp_path, datasets):
    root = make_classes(tmp_path / "pets", {"cat": 10, "dog": 5})
    found = check_cls_dataset(root)
    assert found["path"] == tmp_path / "pets_split" and found["names"] == {0: "cat", 1: "dog"}
    assert len(list(found["train"].rglob("*.jpg"))) == 12 and len(list(found["val"].rglob("*.jpg"))) == 3
    assert len(list(root.rglob("*.jpg"))) == 15


def test_folders_that_are_no_data_set(tmp_path, datasets):
    (tmp_path / "bare").mkdir()
    with pytest.raises(FileNotFoundError, match="neither split nor class folders"):
        check_cls_dataset(tmp_path / "bare")
    cv2.imwrite(str(tmp_path / "bare" / "a.jpg"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(FileNotFoundError, match="pictures, but no folders of classes"):
        check_cls_dataset(tmp_path / "bare")
    (tmp_path / "bare" / "train").mkdir()
    (tmp_path / "bare" / "val").mkdir()
    with pytest.raises(FileNotFoundError, match="has no folders"):
        check_cls_dataset(tmp_path / "bare")
    (tmp_path / "bare" / "train" / "cat").mkdir()
    with pytest.raises(FileNotFoundError, match="nothing to train on"):
        check_cls_dataset(tmp_path / "bare")


def test_data_sets_of_label_files_are_refused(tmp_path, datasets):
    """`images` and `labels` are no classes, in either order of folders."""
    for root, folders in (
        (tmp_path / "a", ("images/train", "labels/train")),
        (tmp_path / "b", ("train/images", "train/labels")),
    ):
        for folder in folders:
            (root / folder).mkdir(parents=True)
        cv2.imwrite(str(root / folders[0] / "0.png"), np.zeros((32, 32, 3), np.uint8))
        (root / folders[1] / "0.txt").write_text("0 .5 .5 .1 .1\n")
        with pytest.raises(ConfigError, match="detect, segment, pose or obb"):
            check_cls_dataset(root)
        assert not list(tmp_path.glob("*_split"))
    make_classes(tmp_path / "c", {"images": 4, "labels": 4})  # they may be classes after all
    assert check_cls_dataset(tmp_path / "c")["names"] == {0: "images", 1: "labels"}


def test_archive(tmp_path, datasets):
    root = make_set(tmp_path / "pets")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for file in root.rglob("*.jpg"):
            archive.write(file, file.relative_to(tmp_path))
    datasets.mkdir()
    assert check_cls_dataset(tmp_path / "pets.zip")["path"] == datasets / "pets"


def test_public_sets_are_fetched_or_say_where_to_put_them(tmp_path, datasets, monkeypatch):
    asked = []

    def fetch(addresses, root):
        asked.extend(addresses)
        return [make_set(datasets / "imagenet10")]

    monkeypatch.setattr(describe_classify, "fetch_into_datasets", fetch)
    assert check_cls_dataset("imagenet10")["nc"] == 3
    assert asked[0].endswith("/imagenet10.zip") and "imagenette" in PUBLIC_SETS
    check_cls_dataset("imagenet10")
    assert len(asked) == 1

    def offline(addresses, root):
        raise DownloadError("no network.")

    monkeypatch.setattr(describe_classify, "fetch_into_datasets", offline)
    with pytest.raises(FileNotFoundError, match=r"'cifar10' is not at '.*datasets.cifar10'.*no network.*shapes-cls"):
        check_cls_dataset("cifar10")
    with pytest.raises(FileNotFoundError, match="registered users only"):
        check_cls_dataset("imagenet")
    with pytest.raises(FileNotFoundError, match="Did you mean 'imagenet10'"):
        check_cls_dataset("imagnet10")


def test_drawn_and_described_sets(tmp_path, datasets):
    keys = {"generator": "shapes", "task": "classify", "size": 32, "counts": {"train": 12, "val": 6}}
    YAML.save(tmp_path / "small.yaml", {**keys, "path": "drawn"})
    found = check_cls_dataset("small.yaml")
    assert found["path"] == datasets / "drawn" and found["nc"] == 6
    YAML.save(tmp_path / "small.yaml", {**keys, "path": "drawn", "counts": {"train": 18, "val": 6}})
    assert len(list(check_cls_dataset("small.yaml")["train"].rglob("*.jpg"))) == 18, "drawn anew"
    make_set(tmp_path / "mine")
    YAML.save(tmp_path / "mine.yaml", {"path": "mine"})
    assert check_cls_dataset(tmp_path / "mine.yaml")["path"] == tmp_path / "mine"
    YAML.save(tmp_path / "wrong.yaml", {"path": "nowhere"})
    with pytest.raises(FileNotFoundError, match=r"wrong.yaml: no folder at nowhere"):
        check_cls_dataset("wrong.yaml")
    YAML.save(tmp_path / "wrong.yaml", {"path": 3})
    with pytest.raises(ConfigError, match="'path' must be str"):
        check_cls_dataset("wrong.yaml")


def test_shapes_cls_ships(datasets, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        describe_classify, "find_generator", lambda name, file: lambda keys, root: drawn.update(keys, root=root)
    )
    datasets.mkdir()
    make_set(datasets / "shapes-cls")
    check_cls_dataset("shapes-cls")
    assert drawn["task"] == "classify" and drawn["root"] == datasets / "shapes-cls"
    assert list(drawn["names"].values()) == sorted(drawn["names"].values()), "ids are those of sorted folders"
    assert set(COLORS) and os.path.basename(drawn["yaml_file"]) == "shapes-cls.yaml"


def test_loaders_without_a_seed_follow_torchs(tmp_path):
    root = make_classes(tmp_path / "train", {"a": 12, "b": 12})
    orders = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        loader = build_dataloader(ClassificationDataset(root, args()), 24, 0, device="cpu")
        orders.append(next(iter(loader))["im_file"])
        loader.close()
    assert orders[0] == orders[1] != orders[2]
