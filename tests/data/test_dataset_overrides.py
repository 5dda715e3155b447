"""Methods of data sets that users override are called, and what they return is used; and what scripts read is there."""

from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from class_helpers import make_classes
from override_points import listed

from ultralytics.cfg.merge import get_cfg
from ultralytics.data.build import build_dataloader, build_yolo_dataset
from ultralytics.data.dataset import ClassificationDataset, YOLODataset
from ultralytics.data.samplers import SampleRef

SIDE = 64


def settings(**changes):
    return get_cfg(overrides={"imgsz": SIDE, "cache": False, "task": "detect", **changes})


@pytest.fixture
def make(make_set, data):
    """Return a function that builds a data set of six pictures with methods of one's own."""
    images = str(make_set(6))

    def build(body=None, mode="val", rect=False, base=YOLODataset, **changes):
        kind = type("Own", (base,), body or {})
        return build_yolo_dataset(settings(**changes), images, 2, data, mode=mode, rect=rect, kind=kind)

    return build


def load_as_public(self, i, rect_mode=True):
    """How subclasses written for the public class load and keep images."""
    image = self.ims[i]
    if image is not None:
        return image, self.im_hw0[i], self.im_hw[i]
    image = cv2.imread(self.im_files[i])
    original = image.shape[:2]
    image = np.full((SIDE, SIDE, 3), 9, np.uint8)
    if self.augment:
        self.ims[i], self.im_hw0[i], self.im_hw[i] = image, original, image.shape[:2]
        self.buffer.append(i)
        if 1 < len(self.buffer) >= self.max_buffer_length:
            j = self.buffer.pop(0)
            self.ims[j], self.im_hw0[j], self.im_hw[j] = None, None, None
    return image, original, image.shape[:2]


def label_as_public(self, index):
    """How such subclasses make the labels of one image."""
    label = copy.deepcopy(self.labels[index])
    label.pop("shape", None)
    label["img"], label["ori_shape"], label["resized_shape"] = self.load_image(index)
    label["ratio_pad"] = (1.0, 1.0)
    if self.rect:
        label["rect_shape"] = self.batch_shapes[self.batch[index]]
    return self.update_labels_info(label)


def sort_as_public(self):
    """How such subclasses sort images by shape."""
    count = np.floor(np.arange(self.ni) / self.batch_size).astype(int)
    shapes = np.array([label.pop("shape") for label in self.labels])
    order = (shapes[:, 0] / shapes[:, 1]).argsort()
    self.im_files = [self.im_files[i] for i in order]
    self.labels = [self.labels[i] for i in order]
    self.batch_shapes, self.batch = np.full((count[-1] + 1, 2), 96), count


def keep_first_class_as_public(self, include_class):
    """How such subclasses choose objects: by changing the dictionaries."""
    for i in range(len(self.labels)):
        kept = self.labels[i]["cls"][:, 0] == 0
        self.labels[i]["cls"] = self.labels[i]["cls"][kept]
        self.labels[i]["bboxes"] = self.labels[i]["bboxes"][kept]


def write_array(self, i):
    np.save(self.npy_files[i].as_posix(), np.full_like(cv2.imread(self.im_files[i]), 9))


def nines(dataset):
    return set(np.unique(dataset.load_image(0)[0])) == {9}


def fill_memory(self):
    for i in range(self.ni):
        self.ims[i], self.im_hw0[i], self.im_hw[i] = np.full((SIDE, SIDE, 3), 9, np.uint8), (48, 64), (SIDE, SIDE)


def no_room(self, safety_margin=0.1):
    return False


def not_cached(dataset):
    return dataset.ram is None and dataset.disk is None and dataset.cache is None


def no_boxes(self, label):
    label["bboxes"], label["cls"] = label["bboxes"][:0], label["cls"][:0]
    return YOLODataset.update_labels_info(self, label)


def one_less(self, *args):
    return YOLODataset.get_labels(self)[1:]


def drop_first(self, path):
    found = YOLODataset.cache_labels(self, path)
    found["labels"] = found["labels"][1:]
    return found


def seven(result):
    label = {"im_file": result[0], "shape": (48, 64), "cls": np.full((1, 1), 7.0), "bboxes": np.full((1, 4), 0.5)}
    return {**label, "segments": [], "keypoints": None, "normalized": True, "bbox_format": "xywh"}, 0, 1, 0, 0, ""


def own_scan(self):
    """Scan only the first two images."""
    check, tasks = YOLODataset.verify_args(self)
    return check, list(tasks)[:2]


def stored(self, path, key):
    return {"labels": one_label(self.im_files[:3]), "results": (3, 0, 0, 0, 3), "msgs": []}, True


def one_label(files):
    return [{"im_file": f, "shape": (48, 64), "cls": np.zeros((1, 1)), "bboxes": np.full((1, 4), 0.5)} for f in files]


def other_labels(self):
    return [file.replace("/labels/", "/other/") for file in YOLODataset.get_label_files(self)]


def drop_boxes(self, labels, path):
    for label in labels:
        label["bboxes"], label["cls"] = label["bboxes"][:0], label["cls"][:0]


def count_calls(name):
    """An override that only counts, for methods whose result is text or nothing."""

    def method(self, *args, **kwargs):
        self.__dict__.setdefault("calls", []).append(name)
        return getattr(YOLODataset, name)(self, *args, **kwargs)

    return method


def called(name):
    return lambda dataset: name in dataset.calls


def constant_pictures(batch):
    joined = YOLODataset.collate_fn(batch)
    return {**joined, "img": torch.zeros_like(joined["img"])}


# Method -> (what a subclass puts in its place, how the data set shows it, settings)
POINTS = {
    "get_img_files": (lambda self, path: YOLODataset.get_img_files(self, path)[:3], lambda d: len(d) == d.ni == 3, {}),
    "update_labels": (keep_first_class_as_public, lambda d: set(d.packed.cls) == {0} and len(d[1]["cls"]) == 0, {}),
    "load_image": (load_as_public, lambda d: set(np.unique(d[0]["img"])) == {9}, {}),
    "cache_images": (fill_memory, nines, {"cache": "ram"}),
    "cache_images_to_disk": (write_array, nines, {"cache": "disk"}),
    "check_cache_disk": (no_room, not_cached, {"cache": "disk"}),
    "check_cache_ram": (no_room, not_cached, {"cache": "ram"}),
    "set_rectangle": (sort_as_public, lambda d: d[0]["img"].shape == (3, 96, 96) and len(d) == 6, {"rect": True}),
    "__getitem__": (lambda self, index: index + 100, lambda d: d[3] == 103, {}),
    "get_image_and_label": (label_as_public, lambda d: d[1]["ratio_pad"][0] == (1.0, 1.0), {}),
    "update_labels_info": (no_boxes, lambda d: len(d[1]["cls"]) == 0, {}),
    "build_transforms": (lambda self, hyp: lambda labels: "own", lambda d: d[0] == "own", {}),
    "get_labels": (one_less, lambda d: len(d) == 5 and d.im_files[0].endswith("001.jpg"), {}),
    "cache_labels": (drop_first, lambda d: len(d) == 5, {}),
    "get_label_files": (other_labels, lambda d: d.counts["missing"] == 6 and len(d.packed.cls) == 0, {}),
    "get_cache_hash": (lambda self: "mine", lambda d: d.cache_labels(Path("a.cache"))["hash"] == "mine", {}),
    "scan_summary": (count_calls("scan_summary"), called("scan_summary"), {}),
    "verify_args": (own_scan, lambda d: len(d) == 2, {}),
    "result_to_label": (lambda self, result: seven(result), lambda d: set(d.packed.cls) == {7}, {}),
    "verify_labels": (drop_boxes, lambda d: len(d.packed.cls) == 0, {}),
    "_load_or_scan_cache": (stored, lambda d: len(d) == 3 and d.counts["total"] == 3, {}),
    "close_mosaic": (lambda self, hyp: hyp + 1, lambda d: d.close_mosaic(1) == 2, {}),
    "collate_fn": (
        staticmethod(constant_pictures),
        lambda d: not next(iter(build_dataloader(d, 2, 0)))["img"].any(),
        {},
    ),
}
UNBUILT = {"build_text_transforms", "_get_neg_texts"}


@pytest.mark.parametrize("method", POINTS)
def test_an_overridden_method_decides(make, method, tmp_path, monkeypatch):
    mine, shows, changes = POINTS[method]
    monkeypatch.chdir(tmp_path)
    assert shows(make({method: mine}, **changes))


@pytest.mark.parametrize("mode", ["train", "val"])
def test_a_whole_subclass_of_the_public_form(make, mode):
    body = {"load_image": load_as_public, "get_image_and_label": label_as_public, "set_rectangle": sort_as_public}
    dataset = make(body, mode=mode, rect=mode == "val")
    loader = build_dataloader(dataset, 2, 0, shuffle=mode == "train")
    for _ in range(2):
        assert sum(len(batch["im_file"]) for batch in loader) == 6
    held = [i for i, image in enumerate(dataset.ims) if image is not None]
    assert sorted(dataset.buffer) == held and (len(held) > 1 if mode == "train" else not held)


def test_overrides_get_plain_numbers_that_know_their_sample(make):
    seen = []

    def get_image_and_label(self, index):
        seen.append(index)
        return YOLODataset.get_image_and_label(self, index)

    dataset = make({"get_image_and_label": get_image_and_label}, mode="train", mosaic=1.0)
    for _ in build_dataloader(dataset, 2, 0):
        pass
    assert len(seen) > 6 and all(isinstance(index, int) for index in seen)
    assert all(isinstance(index, SampleRef) and dataset.labels[index]["im_file"] for index in seen)


def test_stored_scans_do_not_replace_an_own_scan(make):
    assert len(make()) == 6  # stored by now
    assert len(make({"cache_labels": drop_first})) == 5
    assert len(make({"verify_args": own_scan})) == 2
    assert len(make()) == 6  # and an own scan is not stored for others


def test_closing_the_mosaic_builds_own_transforms_anew(make):
    seen = []

    def build_transforms(self, hyp):
        seen.append((hyp.mosaic, hyp.mixup, hyp.copy_paste))
        return YOLODataset.build_transforms(self, hyp)

    hyp = settings(mosaic=1.0, mixup=0.5)
    make({"build_transforms": build_transforms}, mode="train", mosaic=1.0, mixup=0.5).close_mosaic(hyp)
    assert seen == [(1.0, 0.5, 0.0), (0.0, 0.0, 0.0)] and hyp.mosaic == 1.0
    standard = make(mode="train")
    chain = standard.transforms
    standard.close_mosaic(hyp)
    assert standard.transforms is chain


@pytest.mark.parametrize("cls", [YOLODataset, ClassificationDataset])
def test_every_listed_method_of_data_sets_is_in_a_table(cls):
    classes = {cls.__name__, "BaseDataset"} if cls is YOLODataset else {cls.__name__}
    points = {method for kind, method in listed("data.") if kind in classes}
    assert points - UNBUILT <= set(POINTS if cls is YOLODataset else CLASSIFY)


def test_texts_are_told_to_be_missing(make, caplog):
    make({name: lambda self, *args: None for name in UNBUILT})
    told = [record.getMessage() for record in caplog.records if "no effect" in record.getMessage()]
    assert len(told) == 2 and "texts" in told[0]


# Classification

GREY = np.full((40, 40, 3), 9, np.uint8)


def only_two(self):
    return ClassificationDataset.verify_images(self)[:2]


def fill_block(self):
    ClassificationDataset.cache_images(self)
    self.filled = True


CLASSIFY = {
    "__getitem__": (lambda self, i: i + 100, lambda d: d[1] == 101, {}),
    "imread": (staticmethod(lambda f: GREY), lambda d: set(np.unique(d[0]["img"])) == {9}, {}),
    "cache_images": (fill_block, lambda d: d.filled and d.ram is not None, {"cache": "ram"}),
    "verify_images": (only_two, lambda d: len(d) == 2 and d[1]["cls"] == 0, {}),
}


@pytest.mark.parametrize("augment", [True, False])
@pytest.mark.parametrize("method", CLASSIFY)
def test_an_overridden_method_of_classification_decides(tmp_path, method, augment):
    mine, shows, changes = CLASSIFY[method]
    root = make_classes(tmp_path / "train", {"a": 3, "b": 2})
    kind = type("Own", (ClassificationDataset,), {method: mine})
    made = kind(root, settings(imgsz=32, auto_augment=None, hsv_v=0, hsv_s=0, hsv_h=0, erasing=0, **changes), augment)
    assert shows(made)


def test_samples_of_classification_can_be_chosen(tmp_path):
    root = make_classes(tmp_path / "train", {"a": 3, "b": 2})
    dataset = ClassificationDataset(root, settings(imgsz=32), augment=False)
    file, cls, array, nothing = dataset.samples[4]
    assert cls == 1 and array == Path(file).with_suffix(".npy") and nothing is None
    del dataset.samples[0]
    assert len(dataset) == 4 and dataset[0]["im_file"].endswith(dataset.samples[0][0])
    dataset.samples = [s for s in dataset.samples if s[1] == 1]
    assert len(dataset) == 2 and dataset[0]["cls"] == 1 and dataset.cls.tolist() == [1, 1]
    dataset.samples.append((dataset.samples[0][0], 0))
    again = copy.deepcopy(dataset)
    assert again[2]["cls"] == 0 and again.packed.shapes[2].tolist() == again.packed.shapes[0].tolist()


# What scripts read


def test_attributes_of_data_sets(make):
    dataset = make(mode="train")
    assert dataset.ni == len(dataset) == 6 and list(dataset.indices) == list(range(6))
    assert isinstance(dataset.labels, list) and isinstance(dataset.im_files, list)
    assert [Path(f).name for f in dataset.label_files] == [f"{i:03d}.txt" for i in range(6)]
    assert dataset.npy_files[2] == Path(dataset.im_files[2]).with_suffix(".npy")
    assert dataset.ims == dataset.im_hw0 == dataset.im_hw == [None] * 6 and dataset.buffer == []
    image, original, size = dataset.load_image(3)
    assert dataset.ims[3] is image and dataset.im_hw0[3] == original and dataset.im_hw[3] == size
    assert dataset.buffer == [3] and dataset.max_buffer_length == 6
    dataset.ims[3] = np.zeros_like(image)
    assert not dataset.load_image(3)[0].any()
    dataset.ims[3] = None
    assert dataset.load_image(3)[0].any()
    rect = make(rect=True)
    assert rect.batch.tolist() == [0, 0, 1, 1, 2, 2] and rect.batch_shapes.shape == (3, 2)


def test_assigned_files_and_labels_are_used(make):
    dataset = make()
    dataset.im_files = dataset.im_files[::-1]
    dataset.labels[0]["cls"] = np.full((1, 1), 2, np.float32)
    assert np.array_equal(dataset.load_image(0)[0], make().load_image(5)[0]) and dataset[0]["cls"].tolist() == [[2]]
    dataset.labels = dataset.labels[:2]
    assert len(dataset) == dataset.ni == 2 and dataset.im_files[1].endswith("001.jpg")
    dataset.npy_files = [Path(f"/nowhere/{i}.npy") for i in range(2)]
    assert dataset._array_file(1) == Path("/nowhere/1.npy")


def test_array_files_may_lie_elsewhere(make, tmp_path):
    def __init__(self, *args, **kwargs):
        self._folder = tmp_path / "arrays"
        self._folder.mkdir()
        YOLODataset.__init__(self, *args, **kwargs)

    def check_cache_disk(self, safety_margin=0.1):
        self.npy_files = [self._folder / f"{i}.npy" for i in range(self.ni)]
        return True

    dataset = make({"__init__": __init__, "check_cache_disk": check_cache_disk}, cache="disk")
    assert len(list((tmp_path / "arrays").glob("*.npy"))) == 6 and dataset._decode(1).shape == (64, 48, 3)
    assert not list(Path(dataset.im_files[0]).parent.glob("*.npy"))


@pytest.mark.parametrize("workers", [0, 1])
def test_attributes_of_loaders(make, workers):
    loader = build_dataloader(make(mode="train"), 4, workers)
    assert loader.batch_size == 4 and loader.num_workers == workers and len(loader) == 2
    assert sorted(loader.sampler) == list(range(6)) and len(loader.sampler) == 6
    first = list(loader.sampler)
    loader.sampler.set_epoch(1)
    assert list(loader.sampler) != first and loader.sampler.epoch == 1
    assert len(next(loader.iterator)["im_file"]) == 4
    assert [len(batch["im_file"]) for batch in loader] == [4, 2]
    loader.reset()
    assert [len(batch["im_file"]) for batch in loader] == [4, 2]
    loader.iterator = iter([{"im_file": [1]}] * 2)
    assert [batch["im_file"] for batch in loader] == [[1], [1]]
    loader.close()


def test_a_class_replaced_on_the_public_module_is_used(make_set, data, monkeypatch):
    images = str(make_set(2))
    for module in ("ultralytics.data", "ultralytics.data.dataset", "ultralytics.data.build"):
        mine = type("Mine", (YOLODataset,), {})
        monkeypatch.setattr(f"{module}.YOLODataset", mine)
        assert type(build_yolo_dataset(settings(), images, 2, data)) is mine


@pytest.mark.parametrize("name", ["Format", "LetterBox", "v8_transforms"])
def test_transforms_replaced_on_the_public_module_are_used(make, name, monkeypatch):
    from ultralytics.data import augment

    used, original = [], getattr(augment, name)
    monkeypatch.setattr(augment, name, lambda *args, **kwargs: used.append(1) or original(*args, **kwargs))
    make(mode="train" if name == "v8_transforms" else "val")
    assert used
