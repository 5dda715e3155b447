"""Windows over large pictures and the rotated boxes in them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.data.images.io import imread
from ultralytics.data.labels.scan import scan
from ultralytics.data.labels.verify import LabelRules
from ultralytics.data.split_dota import (
    bbox_iof,
    crop_and_save,
    get_window_obj,
    get_windows,
    load_yolo_dota,
    split_test,
    split_trainval,
)


@pytest.fixture
def dota(tmp_path):
    """A YOLO set of two pictures per part with rotated boxes; returns its folder."""
    rng = np.random.default_rng(0)
    for part in ("train", "val", "test"):
        for kind in ("images", "labels"):
            (tmp_path / "set" / kind / part).mkdir(parents=True)
        for i, (height, width) in enumerate(((90, 130), (40, 50))):
            picture = cv2.resize(rng.integers(0, 255, (9, 13, 3), dtype=np.uint8), (width, height))
            cv2.imwrite(str(tmp_path / "set" / "images" / part / f"P{i}.png"), picture)
            rows = []
            for k in range(8):
                box = (tuple(rng.uniform(8, (width - 8, height - 8))), tuple(rng.uniform(3, 9, 2)), rng.uniform(0, 90))
                corners = cv2.boxPoints(box) / (width, height)
                rows.append(f"{k % 3} " + " ".join(f"{v:.6g}" for v in corners.ravel()))
            if part != "test":
                (tmp_path / "set" / "labels" / part / f"P{i}.txt").write_text("\n".join(rows))
    return tmp_path / "set"


# Shares ---------------------------------------------------------------------------------------------------------------


def test_shares_by_hand():
    square = [0, 0, 10, 0, 10, 10, 0, 10]
    diamond = [5, 0, 10, 5, 5, 10, 0, 5]
    boxes = [[0, 0, 10, 10], [5, 0, 20, 20], [20, 20, 30, 30], [-5, -5, 5, 5], [4, 4, 6, 6]]
    shares = bbox_iof(np.array([square, diamond]), np.array(boxes))
    assert np.allclose(shares, [[1, 0.5, 0, 0.25, 0.04], [1, 0.5, 0, 0.25, 0.08]])
    assert bbox_iof(np.zeros((0, 8)), np.array(boxes)).shape == (0, 5)
    assert bbox_iof(np.array([[1, 1] * 4]), np.array(boxes)).sum() == 0, "a point has no share"


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_shares_by_counting_pixels(seed):
    rng = np.random.default_rng(seed)
    corners = cv2.boxPoints((tuple(rng.uniform(0, 400, 2)), tuple(rng.uniform(40, 300, 2)), float(rng.uniform(0, 90))))
    low = rng.uniform(0, 300, 2)
    box = np.concatenate((low, low + rng.uniform(20, 200, 2)))
    y, x = np.mgrid[-300:800:4, -300:800:4]
    points = np.stack((x.ravel(), y.ravel()), 1).astype(float)
    inside = np.ones(len(points), bool)
    for a, b in zip(corners, np.roll(corners, -1, 0), strict=True):
        inside &= ((b[0] - a[0]) * (points[:, 1] - a[1]) - (b[1] - a[1]) * (points[:, 0] - a[0])) >= 0
    both = inside & (points >= box[:2]).all(1) & (points <= box[2:]).all(1)
    share = bbox_iof(corners.reshape(1, 8), box[None])[0, 0]
    assert share == pytest.approx(both.sum() / max(inside.sum(), 1), abs=0.06)
    assert bbox_iof(corners[::-1].reshape(1, 8), box[None])[0, 0] == pytest.approx(share), "either way round"


# Windows --------------------------------------------------------------------------------------------------------------


def test_windows_by_hand():
    assert get_windows((90, 130), (50,), (10,)).tolist() == [
        [0, 0, 50, 50], [40, 0, 90, 50], [80, 0, 130, 50], [0, 40, 50, 90], [40, 40, 90, 90], [80, 40, 130, 90],
    ]  # fmt: skip
    assert get_windows((40, 50), (100,), (20,)).tolist() == [[0, 0, 100, 100]], "the best one where none is good"
    assert len(get_windows((100, 100), (50, 100), (0, 0))) == 5
    for gap in (50, 60, -1):
        with pytest.raises(ValueError, match=f"a gap of {gap} px"):
            get_windows((90, 130), (50,), (gap,))


@given(height=st.integers(1, 500), width=st.integers(1, 500), side=st.integers(20, 300), overlap=st.floats(0, 0.9))
@settings(max_examples=60, deadline=None)
def test_windows_cover_large_pictures(height, width, side, overlap):
    gap = int(side * overlap)
    windows = get_windows((height, width), (side,), (gap,))
    assert ((windows[:, 2:] - windows[:, :2]) == side).all() and len(np.unique(windows, axis=0)) == len(windows)
    if min(height, width) >= side:
        covered = np.zeros((height, width), bool)
        for left, top, right, bottom in windows:
            assert left >= 0 and top >= 0 and right <= width and bottom <= height
            covered[top:bottom, left:right] = True
        assert covered.all()


# Cutting --------------------------------------------------------------------------------------------------------------


def test_pieces_hold_the_objects_where_they_were(dota, tmp_path):
    before = {path: path.read_bytes() for path in dota.rglob("*") if path.is_file()}
    split_trainval(dota, tmp_path / "cut", crop_size=50, gap=20)
    images = sorted((tmp_path / "cut" / "images" / "train").iterdir())
    assert len(images) == 13 and images[-1].name == "P1__50__0___0.jpg"
    seen = set()
    for anno in load_yolo_dota(dota, "train"):
        height, width = anno["ori_size"]
        corners = anno["label"][:, 1:] * ([width, height] * 4)
        for image in images:
            stem, side, place = image.stem.split("__", 2)
            if stem != Path(anno["filepath"]).stem:
                continue
            left, top = (int(v) for v in place.split("___"))
            part = imread(image)
            assert part.shape[:2] == (min(50, height - top), min(50, width - left)) and side == "50"
            original = imread(anno["filepath"])[top : top + 50, left : left + 50]
            assert np.abs(part.astype(int) - original).mean() < 6
            file = tmp_path / "cut" / "labels" / "train" / f"{image.stem}.txt"
            for row in np.loadtxt(file, ndmin=2) if file.exists() else ():
                back = row[1:] * ([part.shape[1], part.shape[0]] * 4) + [left, top] * 4
                found = np.flatnonzero(np.abs(corners - back).max(1) < 0.01)
                assert len(found) == 1 and anno["label"][found[0], 0] == row[0]
                seen.add((stem, int(found[0])))
    assert len(seen) == 16, "windows that overlap by more than an object lose none"
    assert {path: path.read_bytes() for path in before} == before


def test_pieces_pass_the_scan(dota, tmp_path):
    split_trainval(dota, tmp_path / "cut", crop_size=30, gap=5, rates=(1.0, 0.5))
    images = sorted(str(path) for path in (tmp_path / "cut" / "images" / "train").iterdir())
    files = [path.replace("images", "labels").replace(".jpg", ".txt") for path in images]
    result = scan(images, files, LabelRules(3))
    assert result.findings == [] and result.counts["corrupt"] == 0
    assert result.labels.points.min() < 0 or result.labels.points.max() > 1, "objects at a border keep their shape"
    assert {image.split("__")[1] for image in images} == {"30", "60"}


@pytest.mark.parametrize("angle", [0, 20, 45])
def test_objects_longer_than_a_window_pass_the_scan(tmp_path, angle):
    for kind in ("images", "labels"):
        (tmp_path / "set" / kind / "train").mkdir(parents=True)
        (tmp_path / "set" / kind / "val").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "set/images/train/a.png"), np.zeros((100, 100, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "set/images/val/b.png"), np.zeros((100, 100, 3), np.uint8))
    corners = cv2.boxPoints(((50, 50), (72, 6), angle)) / 100
    (tmp_path / "set/labels/train/a.txt").write_text("0 " + " ".join(map(str, corners.ravel())) + "\n")
    split_trainval(tmp_path / "set", tmp_path / "cut", crop_size=60, gap=50)
    images = sorted(str(path) for path in (tmp_path / "cut" / "images" / "train").iterdir())
    files = [path.replace("images", "labels").replace(".jpg", ".txt") for path in images]
    result = scan(images, files, LabelRules(1, polygons=True))
    assert result.findings == [] and result.counts["corrupt"] == 0 and len(result.labels.cls) > 3


def test_objects_need_a_share_inside(dota):
    anno = {"ori_size": (100, 100), "label": np.array([[2, 0.4, 0.4, 0.6, 0.4, 0.6, 0.6, 0.4, 0.6]]), "filepath": ""}
    windows = np.array([[0, 0, 50, 100], [0, 0, 55, 100]])
    before = anno["label"].copy()
    half, most = get_window_obj(anno, windows)
    assert len(half) == 0 and most.tolist() == [[2, 40, 40, 60, 40, 60, 60, 40, 60]]
    assert len(get_window_obj(anno, windows, iof_thr=0.5)[0]) == 1
    assert (anno["label"] == before).all()


def test_backgrounds_may_be_left_out(dota, tmp_path):
    anno = load_yolo_dota(dota, "train")[0]
    windows = get_windows(anno["ori_size"], (50,), (10,))
    nothing = [np.zeros((0, 9))] * len(windows)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    crop_and_save(anno, windows, nothing, tmp_path / "a", tmp_path / "a", allow_background_images=False)
    assert list((tmp_path / "a").iterdir()) == []
    crop_and_save(anno, windows, nothing, tmp_path / "b", tmp_path / "b")
    assert len(list((tmp_path / "b").glob("*.jpg"))) == len(windows) and not list((tmp_path / "b").glob("*.txt"))


def test_test_pictures_need_no_labels(dota, tmp_path):
    split_test(dota, tmp_path / "cut", crop_size=50, gap=10)
    assert len(list((tmp_path / "cut" / "images" / "test").iterdir())) == 7
    assert not (tmp_path / "cut" / "labels").exists()


def test_faulty_sets(dota, tmp_path):
    label = dota / "labels" / "train" / "P0.txt"
    label.write_text("0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2\n0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(ValueError, match=r"P0.txt:2: '0 0.5 0.5 0.1 0.1' is not a class and eight shares"):
        load_yolo_dota(dota, "train")
    label.unlink()
    assert load_yolo_dota(dota, "train")[0]["label"].shape == (0, 9)
    with pytest.raises(FileNotFoundError):
        load_yolo_dota(tmp_path, "train")
    with pytest.raises(ValueError, match="rates"):
        split_trainval(dota, tmp_path / "cut", rates=(0,))
