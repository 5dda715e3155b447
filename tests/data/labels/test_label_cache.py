"""The label cache: never pickle, never stale, never in the way."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ultralytics.data.dataset import YOLODataset
from ultralytics.data.describe.locate import find_images, img2label_paths
from ultralytics.data.labels import cache as cache_module
from ultralytics.data.labels.cache import CACHE_VERSION, ScanResult, get_hash, load_labels, save_labels, user_cache_path
from ultralytics.data.labels.scan import scan
from ultralytics.data.labels.verify import LabelRules

RULES = LabelRules(3)


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module.platformdirs, "user_cache_dir", lambda *a, **k: str(tmp_path / "user-cache"))


@pytest.fixture
def scanned(make_set) -> tuple[list[str], ScanResult]:
    images = find_images(make_set(5))
    return images, scan(images, img2label_paths(images), RULES)


def scan_cached(images, nc=3, prefix=""):
    """Scan a folder, or a list of images, as a data set does."""
    data = {"names": {i: str(i) for i in range(nc)}}
    dataset = YOLODataset(img_path=images, imgsz=32, augment=False, data=data, prefix=prefix)
    return ScanResult(dataset.labels, dataset.counts, dataset.findings)


def test_round_trip(tmp_path, scanned):
    _, result = scanned
    path = save_labels(tmp_path / "a.cache", "key", result)
    assert path == tmp_path / "a.cache" and zipfile.is_zipfile(path)
    again = load_labels(path, "key")
    np.testing.assert_array_equal(again.labels.boxes, result.labels.boxes)
    assert list(again.labels.files) == list(result.labels.files)
    assert again.counts == result.counts and again.findings == result.findings
    assert load_labels(path, "other key") is None
    assert load_labels(tmp_path / "none.cache", "key") is None


def test_foreign_and_damaged_files_count_as_absent(tmp_path, scanned, capsys):
    _, result = scanned
    path = tmp_path / "a.cache"

    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'owned'}",)

    path.write_bytes(pickle.dumps(Bomb()))
    assert load_labels(path, "key") is None
    assert "scanned anew" in capsys.readouterr().out
    np.save(tmp_path / "b", np.array([Bomb()], dtype=object))
    assert load_labels(tmp_path / "b.npy", "key") is None
    np.savez(tmp_path / "c", head=np.array([Bomb()], dtype=object))
    assert load_labels(tmp_path / "c.npz", "key") is None
    assert not (tmp_path / "owned").exists()
    save_labels(path, "key", result)
    whole = path.read_bytes()
    for cut in (0, 3, 50, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        assert load_labels(path, "key") is None


@pytest.mark.parametrize(
    "change",
    [
        {"boxes": np.zeros((3, 4))},
        {"boxes": np.full((5, 4), np.nan, np.float32)},
        {"cls": np.array(["a"] * 5)},
        {"cls": np.full(5, -1)},
        {"cls": np.zeros(5)},
        {"shapes": np.zeros((5, 2), np.int32)},
        {"offsets": np.array([0, 4, 2, 3, 4, 5])},
        {"offsets": np.array([0.0, 1, 2, 3, 4, 5])},
        {"file_ends": np.array([0, 9, 2, 3, 4, 5])},
        {"file_blob": np.zeros(3)},
        {"keypoints": np.zeros((5, 0, 2), np.float32)},
        {"findings": np.frombuffer(b'[["a", "b"]]', np.uint8)},
        {"findings": np.frombuffer(b"{", np.uint8)},
        {"head": np.frombuffer(b"[1]", np.uint8)},
        {"head": np.frombuffer(b'{"version": "%s", "key": "key", "prefix": 1}' % CACHE_VERSION.encode(), np.uint8)},
        {"head": np.frombuffer(b'{"version": "%s", "key": "key", "prefix": ""}' % CACHE_VERSION.encode(), np.uint8)},
        {"boxes": None},
    ],
    ids=lambda change: f"{next(iter(change))}",
)
def test_caches_with_the_right_key_and_wrong_content(tmp_path, scanned, change, capsys):
    path = save_labels(tmp_path / "a.cache", "key", scanned[1])
    with np.load(path) as stored:
        content = {**stored, **change}
    with open(path, "wb") as file:
        np.savez(file, **{name: array for name, array in content.items() if array is not None})
    assert load_labels(path, "key") is None
    assert f"the label cache {path} is not used" in capsys.readouterr().out


def test_other_version_is_ignored(tmp_path, scanned, monkeypatch):
    save_labels(tmp_path / "a.cache", "key", scanned[1])
    monkeypatch.setattr(cache_module, "CACHE_VERSION", "later")
    assert load_labels(tmp_path / "a.cache", "key") is None


def test_any_change_of_files_changes_the_key(scanned):
    images, _ = scanned
    labels = img2label_paths(images)
    seen = {get_hash(images + labels)}
    Path(labels[0]).write_text("0 .5 .5 .1 .1\n0 .1 .1 .1 .1\n")
    seen.add(get_hash(images + labels))
    os.utime(images[0], ns=(1, 1))
    seen.add(get_hash(images + labels))
    Path(labels[1]).unlink()
    seen.add(get_hash(images + labels))
    seen.add(get_hash(images + labels, RULES))
    seen.add(get_hash(images))
    assert len(seen) == 6


def test_scan_is_repeated_only_when_something_changed(make_set, caplog):
    folder = make_set(4)
    first = scan_cached(str(folder))
    cached = folder.parents[1] / "labels" / "train.cache"
    assert cached.is_file()
    before = cached.stat().st_mtime_ns
    second = scan_cached(str(folder))
    assert cached.stat().st_mtime_ns == before
    np.testing.assert_array_equal(first.labels.boxes, second.labels.boxes)
    (folder.parents[1] / "labels" / "train" / "002.txt").write_text("1 .5 .5 .25 .25\n")
    np.testing.assert_array_equal(scan_cached(str(folder)).labels.rows(2).boxes, [[0.5, 0.5, 0.25, 0.25]])
    assert scan_cached(str(folder), nc=2).counts["corrupt"] > 0  # other rules, other key


def test_selections_do_not_replace_the_cache_of_the_folder(make_set):
    folder = make_set(6)
    images = find_images(folder)
    scan_cached(str(folder))
    scan_cached(images[:3])
    scan_cached(images[3:])
    assert len(list((folder.parents[1] / "labels").glob("*.cache"))) == 3
    assert scan_cached(str(folder)).counts["total"] == 6


def test_read_only_folder_uses_the_users_cache(scanned, tmp_path, monkeypatch, capsys):
    real = cache_module.atomic_write

    def refuse(path, mode="wb"):
        if Path(path).parent == tmp_path / "ro":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, mode)

    monkeypatch.setattr(cache_module, "atomic_write", refuse)
    place = save_labels(tmp_path / "ro" / "train.cache", "key", scanned[1])
    assert place == user_cache_path(tmp_path / "ro" / "train.cache") and place.is_file()
    assert capsys.readouterr().out.count("not writable") == 1
    assert load_labels(tmp_path / "ro" / "train.cache", "key") is not None
    monkeypatch.setattr(cache_module, "atomic_write", lambda *a: (_ for _ in ()).throw(OSError(28, "full", "x")))
    assert save_labels(tmp_path / "ro" / "b.cache", "key", scanned[1]) is None
    assert "not cached" in capsys.readouterr().out


def test_findings_are_counted_and_named(make_set, capsys):
    images = make_set(6)
    labels = images.parents[1] / "labels" / "train"
    (labels / "000.txt").write_text("99 .5 .5 .1 .1\n")
    (labels / "001.txt").write_text("0 .5 .5 .1\n")
    (labels / "002.txt").write_text("")
    (labels / "003.txt").unlink()
    (images / "004.jpg").write_bytes(b"")
    result = scan_cached(str(images), prefix="train: ")
    assert result.counts == {"found": 2, "missing": 1, "empty": 1, "corrupt": 3, "total": 6}
    assert len(result.labels) == 3
    assert {f.kind for f in result.findings} == {"class id", "wrong number of values", "unreadable image"}
    shown = capsys.readouterr().out
    assert f"{labels / '000.txt'}:1: class id" in shown and f"{images / '004.jpg'}: unreadable image" in shown
    assert "2 backgrounds, 3 corrupt" in shown
