"""Calibration pictures are those of the split, as the network sees them, read as a stream."""

from __future__ import annotations

import logging
import tracemalloc

import cv2
import numpy as np
import pytest
import torch

from ultralytics.data import calibration
from ultralytics.data.augment.letterbox import LetterBox
from ultralytics.data.calibration import (
    CalibrationPictures,
    calibration_files,
    calibration_loader,
    network_input,
    watched,
)
from ultralytics.utils.yaml_io import YAML


@pytest.fixture
def data(tmp_path):
    """A data set without labels: 7 pictures of training, 5 of validation."""
    for split, count in (("train", 7), ("val", 5)):
        (tmp_path / split).mkdir()
        for i in range(count):
            picture = np.random.default_rng(i).integers(0, 255, (40 + i, 60, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / split / f"{i}.png"), picture)
    YAML.save(tmp_path / "data.yaml", {"path": str(tmp_path), "train": "train", "val": "val", "names": ["a"]})
    return str(tmp_path / "data.yaml")


def test_pictures_are_letterboxed_rgb_bytes(data):
    files = calibration_files(data, "detect")
    sample = CalibrationPictures(files, (32, 64))[2]
    wanted = LetterBox((32, 64))(image=cv2.imread(files[2]))
    assert sample["img"].dtype == torch.uint8 and sample["im_file"] == files[2]
    np.testing.assert_array_equal(sample["img"].numpy().transpose(1, 2, 0)[..., ::-1], wanted)
    assert CalibrationPictures(files, (32, 32), channels=1)[0]["img"].shape == (1, 32, 32)


def test_classifiers_see_the_middle(tmp_path):
    for split in ("train", "val"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / split / name / "1.png"), np.full((40, 80, 3), 200, np.uint8))
    files = calibration_files(str(tmp_path), "classify")
    sample = CalibrationPictures(files, (32, 32), centre=True)[0]
    assert len(files) == 2 and sample["img"].shape == (3, 32, 32) and (sample["img"] == 200).all()  # no grey borders


@pytest.mark.parametrize(
    ("fraction", "split", "count"),
    [(1.0, "val", 5), (0.4, "val", 2), (3, "val", 3), (99, "val", 5), (1.0, "train", 7), ([0.5, 0.2], "val", 1)],
)
def test_fraction_is_a_share_or_a_number(data, fraction, split, count, caplog):
    with caplog.at_level(logging.INFO):
        files = calibration_files(data, "detect", split, fraction)
    assert len(files) == len(set(files)) == count and files == sorted(files)
    assert f"{count} of {5 if split == 'val' else 7} pictures of '{split}'" in caplog.text
    assert f"{count} calibration pictures are few" in caplog.text
    assert calibration_files(data, "detect", split, fraction) == files


def test_a_share_takes_a_limited_number_and_a_number_more(data, monkeypatch, caplog):
    monkeypatch.setattr(calibration, "MOST", 3)
    monkeypatch.setattr(calibration, "ENOUGH", 2)
    assert len(calibration_files(data, "detect")) == 3
    assert len(calibration_files(data, "detect", fraction=4)) == 4
    assert "are few" not in caplog.text


def test_what_is_missing_is_named(data):
    with pytest.raises(ValueError, match="no split 'test'; it has train, val"):
        calibration_files(data, "detect", "test")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        calibration_files("nowhere.yaml", "detect")


def test_batches_are_full(data):
    files = calibration_files(data, "detect")
    loader = calibration_loader(CalibrationPictures(files, (32, 32)), 2)
    names = [name for batch in loader for name in batch["im_file"]]
    assert len(loader) == 3 and names == [*files, files[0]]
    few = calibration_loader(CalibrationPictures(files[:1], (32, 32)), 3)
    assert [batch["img"].shape[0] for batch in few] == [3]


def test_an_unreadable_picture_is_replaced_and_told_once(data, tmp_path, caplog):
    (tmp_path / "val" / "2.png").write_bytes(b"no picture")
    files = calibration_files(data, "detect")
    pictures = CalibrationPictures(files, (32, 32))
    names = [item["im_file"] for _ in range(2) for item in (pictures[i] for i in range(len(pictures)))]
    assert names == [files[0], files[1], files[3], files[3], files[4]] * 2
    assert caplog.text.count("left out of the calibration") == 1 and "2.png" in caplog.text
    for file in files:
        with open(file, "wb"):
            pass
    with pytest.raises(ValueError, match="none of the 5 calibration pictures can be read"):
        CalibrationPictures(files, (32, 32))[0]


def test_network_input_is_shares_of_brightness():
    item = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 3)
    for given in ({"img": item}, item, item.numpy()):
        got = network_input(given)
        assert got.dtype == np.float32 and got.shape == (1, 1, 1, 3)
        np.testing.assert_allclose(got.ravel(), [0, 0.2, 1], rtol=1e-6)


def test_a_long_pass_shows_a_bar(monkeypatch, capsys):
    assert list(watched([1, 2, 3], "calibration")) == [1, 2, 3]
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(calibration, "SLOW", -1.0)
    monkeypatch.setenv("YOLO_VERBOSE", "true")
    assert list(watched([1, 2, 3], "calibration")) == [1, 2, 3]
    assert list(watched(iter([1, 2]), "calibration")) == [1, 2]
    assert "calibration" in capsys.readouterr().out


def test_memory_does_not_grow_with_the_number_of_pictures(data):
    """Of 500 pictures one is held at a time; all of them would be 98 MB as the network takes them."""
    files = calibration_files(data, "detect", "train") * 72
    loader = calibration_loader(CalibrationPictures(files[:500], (128, 128)))
    tracemalloc.start()
    count = sum(len(network_input(batch)) for batch in watched(loader, "calibration"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 500 and peak < 8 * 2**20
