"""Packed labels: the same content as a list of dicts in a fraction of the memory."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.data.labels.lists import LabelList, pack_dicts
from ultralytics.data.labels.table import LabelPacker, PackedStrings
from ultralytics.data.labels.verify import LabelRows


def some_rows(rng: np.random.Generator, n: int, polygons: bool = False) -> LabelRows:
    segments = [rng.random((int(rng.integers(3, 9)), 2), np.float32) for _ in range(n)] if polygons else []
    return LabelRows(rng.integers(0, 5, n).astype(np.float32), rng.random((n, 4), np.float32), segments, None)


def packed(counts: list[int], polygons: bool = False, chunk: int = 4):
    rng, packer = np.random.default_rng(0), LabelPacker()
    packer.CHUNK = chunk
    rows = [some_rows(rng, n, polygons) for n in counts]
    for i, row in enumerate(rows):
        packer.add(f"/a/b/{i}.jpg", (10 + i, 20), row)
    return packer.finish().check(), rows


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=20), st.data())
def test_strings_round_trip(texts, draw):
    strings = PackedStrings(texts)
    assert list(strings) == texts and strings == texts
    picks = draw.draw(st.lists(st.integers(0, len(texts) - 1), max_size=8)) if texts else []
    assert list(strings.take(picks)) == [texts[i] for i in picks]
    assert list(pickle.loads(pickle.dumps(strings))) == texts


def test_strings_share_their_beginning():
    strings = PackedStrings([f"/very/long/folder/{i}.jpg" for i in range(100)])
    assert strings.prefix == "/very/long/folder/"
    assert strings[-1].endswith("99.jpg") and strings[1:3] == ["/very/long/folder/1.jpg", "/very/long/folder/2.jpg"]
    with pytest.raises(IndexError):
        strings[100]


@pytest.mark.parametrize("polygons", [False, True])
def test_pack_and_read_back(polygons):
    labels, rows = packed([2, 0, 3, 1, 0, 0, 5, 1, 2], polygons)
    assert len(labels) == 9 and labels.shapes[3].tolist() == [13, 20]
    for i, row in enumerate(rows):
        read = labels.rows(i)
        np.testing.assert_array_equal(read.cls, row.cls)
        np.testing.assert_array_equal(read.boxes, row.boxes)
        assert len(read.segments) == len(row.segments)
        for a, b in zip(read.segments, row.segments, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("polygons", [False, True])
@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(0, 4), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_selecting_images_and_rows(polygons, counts, seed):
    labels, rows = packed(counts, polygons)
    rng = np.random.default_rng(seed)
    order = rng.integers(0, len(counts), 7)
    taken = labels.take_images(order).check()
    assert list(taken.files) == [labels.files[i] for i in order]
    for place, i in enumerate(order):
        np.testing.assert_array_equal(taken.rows(place).boxes, rows[i].boxes)
    mask = rng.random(len(labels.cls)) < 0.5
    kept = labels.keep_rows(mask).check()
    assert len(kept) == len(labels) and len(kept.cls) == mask.sum()
    np.testing.assert_array_equal(kept.boxes, labels.boxes[mask])
    if polygons and mask.any():
        segments = [s for i in range(len(labels)) for s in labels.rows(i).segments]
        expected = np.concatenate([s for s, keep in zip(segments, mask, strict=True) if keep])
        np.testing.assert_array_equal(kept.points, expected)


def test_chunks_with_and_without_polygons_join():
    packer = LabelPacker()
    packer.CHUNK = 1
    rng = np.random.default_rng(1)
    rows = [some_rows(rng, 2), some_rows(rng, 1, polygons=True), some_rows(rng, 0), some_rows(rng, 2)]
    for i, row in enumerate(rows):
        packer.add(str(i), (1, 1), row)
    labels = packer.finish().check()
    assert labels.has_polygons and labels.rows(0).segments == [] and len(labels.rows(0).cls) == 2
    np.testing.assert_array_equal(labels.rows(1).segments[0], rows[1].segments[0])


def test_list_of_dicts_view():
    labels, rows = packed([1, 2])
    view = LabelList(labels)
    assert len(view) == 2 and [label["im_file"] for label in view] == ["/a/b/0.jpg", "/a/b/1.jpg"]
    label = view[1]
    assert set(label) == {
        "im_file", "shape", "cls", "bboxes", "segments", "keypoints", "normalized", "bbox_format",
    }  # fmt: skip
    assert label["cls"].shape == (2, 1) and label["shape"] == (11, 20) and label["bbox_format"] == "xywh"
    np.testing.assert_array_equal(label["bboxes"], rows[1].boxes)
    again = pack_dicts(view)
    np.testing.assert_array_equal(again.boxes, labels.boxes)


def test_pickle_keeps_everything_and_is_small():
    labels, _ = packed([3] * 50)
    text = pickle.dumps(labels)
    again = pickle.loads(text).check()
    np.testing.assert_array_equal(again.boxes, labels.boxes)
    assert list(again.files) == list(labels.files)


def test_damage_is_noticed():
    import dataclasses

    labels, _ = packed([1, 2, 3])
    with pytest.raises(ValueError, match="offsets"):
        dataclasses.replace(labels, offsets=labels.offsets[::-1].copy()).check()
    with pytest.raises(ValueError, match="boxes"):
        dataclasses.replace(labels, boxes=labels.boxes[1:]).check()


@pytest.mark.parametrize("images", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_memory_of_large_sets(images):
    """A million images with ten boxes each have to fit into 600 MB."""
    boxes, packer, row = 10, LabelPacker(), some_rows(np.random.default_rng(0), 10)
    for i in range(images):
        packer.add(f"/datasets/large/images/train/{i:012d}.jpg", (480, 640), row)
    labels = packer.finish()
    assert len(labels.cls) == images * boxes
    assert labels.nbytes / images < 300 and labels.nbytes < 600e6


def _read_all(labels: LabelList, results) -> None:
    process = psutil.Process()
    before = process.memory_full_info().uss
    for i in range(len(labels)):
        labels[i]
    results.put(process.memory_full_info().uss - before)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs forked processes")
def test_reading_in_workers_copies_no_pages():
    packer, row = LabelPacker(), some_rows(np.random.default_rng(0), 10)
    for i in range(30_000):
        packer.add(f"/datasets/large/images/train/{i:012d}.jpg", (480, 640), row)
    labels = LabelList(packer.finish())
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=_read_all, args=(labels, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    grown = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert max(grown) < labels.packed.nbytes / 4
