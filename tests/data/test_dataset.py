"""Data sets and loaders: content, selection, caches, and batches that do not depend on the number of workers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ultralytics.cfg.merge import get_cfg
from ultralytics.data import BaseDataset, YOLOConcatDataset, YOLODataset, build_dataloader, build_yolo_dataset
from ultralytics.data.build import InfiniteDataLoader, seed_worker
from ultralytics.data.images.io import imread
from ultralytics.data.samplers import SampleRef

MIXING = {"mosaic": 1.0, "mixup": 0.3, "epochs": 10, "close_mosaic": 2}


def settings(**changes):
    return get_cfg(overrides={"imgsz": 64, "cache": False, "task": "detect", **changes})


def build(images, data, batch=4, mode="train", **changes) -> YOLODataset:
    return build_yolo_dataset(settings(**changes), str(images), batch, data, mode=mode, stride=32)


def fingerprint(batch: dict) -> tuple:
    return (
        batch["img"].numpy().tobytes(),
        batch["bboxes"].numpy().tobytes(),
        batch["cls"].numpy().tobytes(),
        batch["batch_idx"].numpy().tobytes(),
        tuple(batch["im_file"]),
    )


def test_sample_before_and_after_transforms(make_set, data):
    dataset = build(make_set(4), data, mode="val")
    raw = dataset.get_image_and_label(1)
    assert raw["img"].shape == (64, 48, 3) and raw["ori_shape"] == (64, 48) and raw["ratio_pad"] == (1.0, 1.0)
    assert len(raw["instances"]) == 2 and raw["cls"].shape == (2, 1) and raw["im_file"].endswith("001.jpg")
    sample = dataset[1]
    assert sample["img"].shape == (3, 64, 64) and sample["img"].dtype == torch.uint8
    assert sample["bboxes"].shape == (2, 4) and sample["cls"].shape == (2, 1)
    assert sample["ratio_pad"] == ((1.0, 1.0), (8, 0))
    np.testing.assert_allclose(sample["bboxes"][0].numpy(), [0.5, 0.5, 0.3 * 48 / 64, 0.4], atol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        raw["img"][...] = 0


def test_collate_joins_rows_and_counts_images(make_set, data):
    dataset = build(make_set(4), data, mode="val")
    batch = dataset.collate_fn([dataset[i] for i in range(4)])
    assert batch["img"].shape == (4, 3, 64, 64)
    assert batch["batch_idx"].tolist() == [0, 1, 1, 2, 3, 3]
    assert batch["cls"].shape == (6, 1) and batch["bboxes"].shape == (6, 4)
    assert isinstance(batch["im_file"], list) and len(batch["ori_shape"]) == 4


def test_labels_read_as_dicts(make_set, data):
    dataset = build(make_set(5), data)
    assert len(dataset.labels) == len(dataset) == dataset.ni == 5
    assert dataset.labels[1]["cls"].ravel().tolist() == [1, 2]
    assert [label["im_file"] for label in dataset.labels] == list(dataset.im_files)
    dataset.labels = [dataset.labels[i] for i in (3, 1)]
    assert len(dataset) == 2 and dataset.im_files[1].endswith("001.jpg")


def test_selecting_classes_and_joining_them(make_set, data):
    images = make_set(6)
    only = build(images, data, classes=[1])
    assert set(only.packed.cls.tolist()) == {1} and len(only) == 6
    joined = build(images, data, single_cls=True)
    assert set(joined.packed.cls.tolist()) == {0}
    assert len(joined.packed.cls) == len(build(images, data).packed.cls)


def test_sources_of_images(make_set, data, tmp_path):
    train, other = make_set(3), make_set(2, split="other")
    (tmp_path / "list.txt").write_text(f"{train / '002.jpg'}\n./set/images/other/000.jpg\n\n# note\n")
    assert len(build(tmp_path / "list.txt", data)) == 2
    both = build_yolo_dataset(settings(), [str(train), str(other)], 2, data)
    assert len(both) == 5
    with pytest.raises(FileNotFoundError, match="nowhere"):
        build(tmp_path / "nowhere", data)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no images"):
        build(tmp_path / "empty", data)


def test_fraction_is_seeded_and_for_training_only(make_set, data):
    images = make_set(10)
    first = build(images, data, fraction=0.3, seed=1)
    assert len(first) == 3 and list(first.im_files) == list(build(images, data, fraction=0.3, seed=1).im_files)
    assert list(first.im_files) != [str(images / f"{i:03d}.jpg") for i in range(3)]
    assert len(build(images, data, fraction=0.3, mode="val")) == 10
    assert len(build(images, data, fraction=4)) == 4
    assert len(build(images, data, fraction=[0.5, 3], mode="val")) == 3
    with pytest.raises(ValueError, match="fraction"):
        build_yolo_dataset(settings().__class__(**{**vars(settings()), "fraction": [-1]}), str(images), 4, data)


def test_unusable_sets_are_refused(make_set, data, capsys):
    images = make_set(2)
    labels = images.parents[1] / "labels" / "train"
    for file in labels.glob("*.txt"):
        file.unlink()
    with pytest.raises(ValueError, match=r"no labels.*labels/train/000.txt"):
        build(images, data)
    build(images, data, mode="val")
    assert "metrics will be 0" in capsys.readouterr().out
    for file in images.glob("*.jpg"):
        file.write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of 2 images.*000.jpg"):
        build(images, data)


def test_faulty_labels_are_findings_not_crashes(make_set, data):
    images = make_set(4)
    (images.parents[1] / "labels" / "train" / "002.txt").write_text("99 .5 .5 .1 .1\n")
    dataset = build(images, data)
    assert len(dataset) == 3 and dataset.counts["corrupt"] == 1
    assert dataset.findings[0].kind == "class id" and dataset.findings[0].line == 1


def test_damaged_jpeg_trains_and_stays_as_it_is(make_set, data):
    images = make_set(2)
    content = (images / "000.jpg").read_bytes()[:-2]
    (images / "000.jpg").write_bytes(content)
    dataset = build(images, data, mode="val")
    assert len(dataset) == 2 and dataset[0]["img"].shape == (3, 64, 64)
    assert (images / "000.jpg").read_bytes() == content


@pytest.mark.parametrize("count", [10, 45])  # below and above the size from which partners come from lanes
def test_batches_are_equal_for_any_number_of_workers_and_after_resume(make_set, data, count):
    dataset = build(make_set(count, size=(36, 48)), data, **MIXING)
    reference = None
    for workers in (0, 1, 2):
        loader = build_dataloader(dataset, 4, workers, seed=5)
        if workers:
            assert loader.num_workers <= workers
        epochs = [[fingerprint(batch) for batch in loader] for _ in range(2)]
        assert all(len(epoch) == len(loader) for epoch in epochs)
        reference = reference or epochs
        assert epochs == reference
        loader.close()
    assert reference[0] != reference[1]
    resumed = build_dataloader(build(make_set(count, size=(36, 48)), data, **MIXING), 4, 0, seed=5)
    resumed.set_epoch(1)
    assert [fingerprint(batch) for batch in resumed] == reference[1]
    other = build_dataloader(dataset, 4, 0, seed=6)
    assert [fingerprint(batch) for batch in other] != reference[0]


def test_two_worker_processes_where_cores_allow(make_set, data, monkeypatch):
    monkeypatch.setattr("ultralytics.data.build.env.cpu_count", lambda: 4)
    dataset = build(make_set(45, size=(36, 48)), data, **MIXING)
    two = build_dataloader(dataset, 4, 2, seed=5)
    assert two.num_workers == 2 and build_dataloader(dataset, 4, 3, seed=5).num_workers == 2
    one = build_dataloader(dataset, 4, 0, seed=5)
    assert [fingerprint(b) for b in two] == [fingerprint(b) for b in one]
    two.set_epoch(0)  # again, after the stream has run ahead
    one.set_epoch(0)
    assert [fingerprint(b) for b in two] == [fingerprint(b) for b in one]
    two.close()


def test_leaving_an_epoch_early_starts_the_next_cleanly(make_set, data):
    dataset = build(make_set(12), data, **MIXING)
    for workers in (0, 1):
        loader = build_dataloader(dataset, 4, workers)
        for _ in loader:
            break
        second = [fingerprint(batch) for batch in loader]
        loader.set_epoch(1)
        assert [fingerprint(batch) for batch in loader] == second and len(second) == 3
        loader.close()


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])  # torch waits 5 s for such a worker
def test_errors_in_workers_and_threads_reach_the_caller(make_set, data, workers):
    images = make_set(4)
    dataset = build(images, data)
    (images / "003.jpg").unlink()
    loader = build_dataloader(dataset, 2, workers)
    with pytest.raises(FileNotFoundError, match="003"):
        list(loader)
    loader.close()


def test_mosaic_closes_with_the_epoch(make_set, data):
    dataset = build(make_set(8), data, **{**MIXING, "epochs": 2, "close_mosaic": 1, "mixup": 0.0})
    assert dataset.close_mosaic_epoch == 1
    loader = build_dataloader(dataset, 8, 0)
    mixed, single = (next(iter(loader)) for _ in range(2))
    assert len(mixed["cls"]) > 14 > len(single["cls"])
    before = vars(dataset.hyp).copy()
    dataset.close_mosaic(dataset.hyp)
    loader.set_epoch(0)
    assert len(next(iter(loader))["cls"]) < 14
    assert vars(dataset.hyp) == before and dataset.hyp.mosaic == 1.0
    assert len(dataset[0]["cls"]) <= 2
    assert build(make_set(8), data, epochs=5, close_mosaic=10).close_mosaic_epoch is None


@pytest.mark.parametrize("kind", ["ram", "disk"])
def test_caches_change_nothing_but_speed(make_set, data, kind):
    images = make_set(6)
    plain = build(images, data, mode="val")
    cached = build(images, data, mode="val", cache=kind)
    assert cached.cache == kind and plain.cache is None
    for i in range(6):
        assert torch.equal(plain[i]["img"], cached[i]["img"])
    arrays = list(Path(images).glob("*.npy"))
    assert len(arrays) == (6 if kind == "disk" else 0)
    if kind == "disk":  # a picture that changes is decoded again, and without the cache its array is not looked at
        content = (images / "001.jpg").read_bytes()
        (images / "000.jpg").write_bytes(content)
        assert np.array_equal(cached._decode(0), imread(images / "001.jpg"))
        np.save(images / "001.npy", np.zeros((4, 4, 3), np.uint8))
        assert build(images, data, mode="val").load_image(1)[1] == (64, 48)


def test_ram_cache_reaches_workers(make_set, data):
    images = make_set(10)
    cached, plain = build(images, data, cache="ram", **MIXING), build(images, data, **MIXING)
    assert cached.max_buffer_length == 0
    loader = build_dataloader(cached, 4, 1, seed=2)
    for file in images.glob("*.jpg"):
        file.rename(file.with_suffix(".gone"))  # nothing is read from files any more
    batches = [fingerprint(batch) for batch in loader]
    for file in images.glob("*.gone"):
        file.rename(file.with_suffix(".jpg"))
    assert batches == [fingerprint(batch) for batch in build_dataloader(plain, 4, 0, seed=2)]
    loader.close()


def test_unknown_cache_and_too_little_memory(make_set, data, monkeypatch):
    images = make_set(2)
    with pytest.raises(ValueError, match="cache='tape'"):
        build(images, data, cache="tape")
    monkeypatch.setattr("ultralytics.data.base.ram_has_room", lambda *a: False)
    assert build(images, data, cache=True).cache is None


def test_rectangular_batches(make_set, data):
    images = make_set(6, size=(40, 64))
    dataset = build(images, data, batch=3, mode="val", rect=True)
    ratios = [shape[0] / shape[1] for shape in dataset.packed.shapes]
    assert ratios == sorted(ratios)
    assert dataset.batch.tolist() == [0, 0, 0, 1, 1, 1]
    assert dataset.batch_shapes.tolist() == [[64, 96], [96, 64]]  # stride 32, half a stride of padding
    for batch, shape in zip(build_dataloader(dataset, 3, 0, shuffle=False), dataset.batch_shapes, strict=True):
        assert list(batch["img"].shape[2:]) == shape.tolist()


def test_rectangular_training_keeps_shapes_and_mixes_nothing(make_set, data):
    dataset = build(make_set(8, size=(40, 64)), data, batch=2, rect=True, **MIXING)
    loader = build_dataloader(dataset, 2, 0, shuffle=True)
    files = [tuple(batch["im_file"]) for batch in loader]
    assert len(files) == 4 and len({name for pair in files for name in pair}) == 8
    assert dataset.hyp.mosaic == 1.0


def test_validation_order_and_length(make_set, data):
    dataset = build(make_set(7), data, mode="val")
    loader = build_dataloader(dataset, 3, 0, shuffle=False)
    for _ in range(2):
        files = [os.path.basename(name) for batch in loader for name in batch["im_file"]]
        assert files == [f"{i:03d}.jpg" for i in range(7)]
    assert len(loader) == 3 and len(build_dataloader(dataset, 99, 0)) == 1


def test_partners_come_from_the_pool(make_set, data):
    from ultralytics.data.augment.rng import SampleRng

    dataset = build(make_set(10), data)
    ref = SampleRef(3, 1, 2, 0, True, np.array([2, 5]))
    drawn = dataset.draw_partners(ref, 20, SampleRng(ref.key))
    assert {partner.index for partner in drawn} == {2, 5} and {partner.epoch for partner in drawn} == {1}
    assert drawn == dataset.draw_partners(ref, 20, SampleRng(ref.key))
    everywhere = dataset.draw_partners(ref.at(3, pool=None), 200, SampleRng(ref.key))
    assert {partner.index for partner in everywhere} == set(range(10))


def test_worker_buffer_is_sized_for_its_share(make_set, data):
    dataset = build(make_set(80, size=(36, 48)), data, batch=2)
    assert dataset.max_buffer_length == 80
    dataset.prepare_worker(8)
    assert dataset.max_buffer_length == 18  # eight batches of the one lane, and one more


def test_several_sets_in_a_row(make_set, data):
    first, second = build(make_set(3), data, **MIXING), build(make_set(2, split="more"), data, **MIXING)
    joined = YOLOConcatDataset([first, second])
    loader = build_dataloader(joined, 2, 0)
    names = [name for batch in loader for name in batch["im_file"]]
    assert sorted(names) == sorted([*first.im_files, *second.im_files])
    joined.close_mosaic(first.hyp)
    assert second.close_mosaic_epoch == 0
    assert joined[4]["im_file"].endswith("more/001.jpg")


def test_own_data_sets_can_be_built_on_the_base(make_set):
    class Boxes(BaseDataset):
        def get_labels(self):
            return [
                {"im_file": f, "shape": (48, 64), "cls": np.zeros((1, 1)), "bboxes": np.full((1, 4), 0.5)}
                for f in self.im_files
            ]

        def build_transforms(self, hyp=None):
            return lambda labels: labels

    dataset = Boxes(str(make_set(3)), imgsz=64, hyp=settings())
    assert dataset[2]["bboxes"].tolist() == [[0.5] * 4] and len(dataset.labels) == 3
    with pytest.raises(NotImplementedError, match="get_labels"):
        BaseDataset(str(make_set(1)), hyp=settings())


def test_other_tasks_load_their_labels(make_set, data):
    images = make_set(2)
    labels = images.parents[1] / "labels" / "train"
    with pytest.raises(ValueError, match="polygon"):
        build(images, data, task="segment")
    for file in labels.glob("*.txt"):
        file.write_text("0 .1 .1 .6 .1 .6 .6 .1 .6\n")
    assert build(images, data).packed.has_polygons is True
    assert build(images, data, mode="val").packed.has_polygons is False  # boxes are all that validation needs
    segment = build(images, data, task="segment").get_image_and_label(0)
    assert segment["instances"].segments.shape == (1, 1000, 2)
    for file in labels.glob("*.txt"):
        file.write_text("0 .5 .5 .2 .2 .4 .4 2 .6 .6 1\n")
    with pytest.raises(ValueError, match="kpt_shape"):
        build(images, data, task="pose")
    pose = build(images, {**data, "kpt_shape": [2, 3], "flip_idx": [1, 0]}, task="pose").get_image_and_label(0)
    assert pose["instances"].keypoints.shape == (1, 2, 3)
    with pytest.raises(ValueError, match="task='cook'"):
        YOLODataset(img_path=str(images), data=data, task="cook", hyp=settings())


@pytest.mark.parametrize("task", ["segment", "obb", "pose"])
def test_files_of_another_kind_are_found_at_the_scan(make_set, data, task):
    images = make_set(4)  # all labels are boxes
    labels = images.parents[1] / "labels" / "train"
    right = "0 .5 .5 .2 .2 .4 .4 2 .6 .6 1\n" if task == "pose" else "0 .1 .1 .6 .1 .6 .6 .1 .6\n"
    for i in (0, 2):
        (labels / f"00{i}.txt").write_text(right)
    description = {**data, "kpt_shape": [2, 3], "flip_idx": [1, 0]} if task == "pose" else data
    for mode in ("train", "val"):
        dataset = build(images, description, task=task, mode=mode)
        assert [Path(f).stem for f in dataset.im_files] == ["000", "002"] and dataset.counts["corrupt"] == 2
        assert [(Path(f.file).name, f.line) for f in dataset.findings] == [("001.txt", 1), ("003.txt", 1)]
        assert all(len(dataset.get_image_and_label(i)["cls"]) for i in range(2))
    box_rows = build(images, data)  # detection takes every kind that tells of a box
    assert len(box_rows) == (2 if task == "pose" else 4)


def test_own_labels_without_polygons_are_named(make_set, data):
    class Own(YOLODataset):
        def get_labels(self):
            polygon = np.array([[0.1, 0.1], [0.5, 0.1], [0.5, 0.6]], np.float32)
            shared = {"shape": (48, 64), "cls": np.zeros((1, 1)), "bboxes": np.array([[0.3, 0.3, 0.2, 0.2]])}
            labels = [{**shared, "im_file": f, "segments": [polygon][: 1 - i]} for i, f in enumerate(self.im_files)]
            self.labels = labels
            self._check_packed(self.packed)
            return labels

    with pytest.raises(ValueError, match=r"001\.jpg has boxes only"):
        Own(img_path=str(make_set(2)), data=data, task="segment", hyp=settings())


def test_detection_on_a_pose_set(make_set, data):
    images = make_set(2)
    for file in (images.parents[1] / "labels" / "train").glob("*.txt"):
        file.write_text("0 .5 .5 .2 .2 .4 .4 2 .6 .6 1\n")
    dataset = build(images, {**data, "kpt_shape": [2, 3]})
    np.testing.assert_allclose(dataset.labels[1]["bboxes"], [[0.5, 0.5, 0.2, 0.2]])
    assert dataset.labels[1]["keypoints"] is None and "keypoints" not in dataset[0]


def test_any_map_style_set_can_be_loaded():
    loader = build_dataloader(list(range(10)), 4, 0, shuffle=False)
    assert [batch.tolist() for batch in loader] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_loader_leaves_the_global_generator_alone(make_set, data):
    dataset = build(make_set(4), data)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    loader = build_dataloader(dataset, 2, 1)
    list(loader)
    list(loader)
    assert torch.equal(before, torch.get_rng_state())
    loader.close()


@pytest.mark.slow
def test_spawned_workers_share_the_labels(make_set, data):
    """Python starts workers that way on Windows, macOS and, from 3.14, Linux."""
    dataset = build(make_set(45, size=(36, 48)), data, **MIXING)
    expected = [fingerprint(batch) for batch in build_dataloader(dataset, 4, 0, seed=5)]
    ours = build_dataloader(dataset, 4, 0, seed=5)
    loader = InfiniteDataLoader(
        dataset,
        batch_sampler=ours.batch_sampler,
        num_workers=2,
        collate_fn=dataset.collate_fn,
        worker_init_fn=seed_worker,
        multiprocessing_context="spawn",
    )
    assert [fingerprint(batch) for batch in loader] == expected
    assert all(tensor.is_shared() for tensor in dataset.packed.__dict__["_shared"])
    loader.close()
