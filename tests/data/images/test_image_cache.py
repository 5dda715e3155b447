"""Decoded pictures in shared memory and on disk."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from ultralytics.data.images import cache as image_cache
from ultralytics.data.images.cache import DiskImages, RamImages, disk_has_room, ram_has_room
from ultralytics.data.images.io import UnreadableImageError, imread

SHAPES = np.array([[4, 6, 3], [8, 2, 3], [5, 5, 3]])


def picture(i: int) -> np.ndarray:
    return np.random.default_rng(i).integers(0, 256, SHAPES[i], dtype=np.uint8)


def filled(key: str = "k") -> RamImages:
    block = RamImages(SHAPES, key)
    block.load_all(picture, "filling")
    return block


def test_block_holds_pictures_read_only():
    block = filled()
    for i in range(3):
        np.testing.assert_array_equal(block[i], picture(i))
    with pytest.raises(ValueError, match="read-only"):
        block[0][...] = 0


def _child(text: bytes, results) -> None:
    block = pickle.loads(text)
    results.put([block[i].sum().item() for i in range(3)])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_see_the_same_memory(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    block = filled(method)
    text = pickle.dumps(block)
    assert len(text) < 2000
    context = multiprocessing.get_context(method)
    results = context.Queue()
    process = context.Process(target=_child, args=(text, results))
    process.start()
    assert results.get(timeout=60) == [int(picture(i).sum()) for i in range(3)]
    process.join()
    assert Path(block.path).exists()  # a child's end does not delete it
    np.testing.assert_array_equal(block[1], picture(1))


def test_block_is_filled_once_and_deleted_with_its_owner():
    block = filled("same")
    second = RamImages(SHAPES, "same")
    second.load_all(lambda i: pytest.fail("filled twice"), "filling")
    np.testing.assert_array_equal(second[2], picture(2))
    path = block.path
    del block, second
    assert not os.path.exists(path) and not os.path.exists(f"{path}.lock")


def test_wrong_size_is_an_error():
    with pytest.raises(UnreadableImageError, match="picture"):
        RamImages(SHAPES, "wrong").load_all(lambda i: np.zeros((1, 1, 3), np.uint8), "filling")


def test_memory_and_disk_are_asked_first(tmp_path, capsys):
    assert ram_has_room(1000, 0.5) and disk_has_room(tmp_path, 1000, 0.1)
    assert not ram_has_room(10**15, 0.5) and not disk_has_room(tmp_path, 10**15, 0.1)
    out = capsys.readouterr().out
    assert "of memory" in out and "of disk" in out


def test_arrays_on_disk_are_used_only_while_fresh(make_set):
    file = str(make_set(1) / "000.jpg")
    disk, original = DiskImages(), imread(file)
    assert disk.load(file) is None
    assert disk.store(file, original) == original.nbytes
    np.testing.assert_array_equal(disk.load(file), original)
    np.testing.assert_array_equal(np.load(DiskImages.array_path(file)), original)  # an ordinary array file
    os.utime(file, ns=(5, 5))
    assert disk.load(file) is None
    disk.store(file, original)
    whole = Path(DiskImages.array_path(file)).read_bytes()
    Path(DiskImages.array_path(file)).write_bytes(whole[:-1])
    assert disk.load(file) is None


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.array([{}], dtype=object)],
    ids=["floats", "flat", "objects"],
)
def test_arrays_that_are_no_such_picture_are_not_used(make_set, array):
    file = str(make_set(1) / "000.jpg")
    with open(DiskImages.array_path(file), "wb") as stream:
        np.lib.format.write_array(stream, array, allow_pickle=True)
        stream.write(image_cache._trailer(file))
    assert DiskImages().load(file) is None


def test_a_header_that_promises_too_much_takes_no_memory(make_set):
    file = str(make_set(1) / "000.jpg")
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (999999, 999999, 3), }".ljust(117) + b"\n"
    Path(DiskImages.array_path(file)).write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + head + image_cache._trailer(file))
    assert DiskImages().load(file) is None


def test_somebody_elses_array_is_neither_used_nor_replaced(make_set):
    file = str(make_set(1) / "000.jpg")
    np.save(DiskImages.array_path(file), np.arange(5))
    disk = DiskImages()
    assert disk.load(file) is None and disk.store(file, imread(file)) == 0
    np.testing.assert_array_equal(np.load(DiskImages.array_path(file)), np.arange(5))


def test_read_only_folder_falls_back_to_decoding(make_set, monkeypatch, capsys):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    file = str(make_set(1) / "000.jpg")
    monkeypatch.setattr(image_cache, "atomic_write", refuse)
    disk = DiskImages()
    assert disk.store(file, imread(file)) == 0 and disk.store(file, imread(file)) == 0
    assert capsys.readouterr().out.count("decoded instead") == 1


def test_ranks_of_one_run_share_a_block(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_PORT", f"test{os.getpid()}")
    block = filled("ranks")
    assert RamImages(SHAPES, "ranks").path == block.path
    monkeypatch.setenv("MASTER_PORT", "other")
    assert RamImages(SHAPES, "ranks").path != block.path
    assert RamImages(SHAPES, "other pictures").path != block.path
