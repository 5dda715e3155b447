"""How fast files are read, sizes of pictures, and names of 8.1."""

from __future__ import annotations

import pytest
from PIL import Image

from ultralytics.data.loaders import LoadImages, LoadImagesAndVideos
from ultralytics.data.tools import speed
from ultralytics.data.utils import check_file_speeds, convert_ndjson_to_yolo_if_needed, exif_size


@pytest.fixture
def messages(monkeypatch):
    said = []
    for level in ("info", "warning"):
        monkeypatch.setattr(speed.LOGGER, level, lambda text, level=level: said.append((level, text)))
    return said


def test_fast_and_slow_drives(tmp_path, messages):
    files = [tmp_path / f"{i}.bin" for i in range(9)]
    for file in files:
        file.write_bytes(bytes(100_000))
    check_file_speeds(files, threshold_ms=1e9, threshold_mb=0, prefix="train: ")
    check_file_speeds(files, threshold_ms=0)
    check_file_speeds([tmp_path / "none"])
    check_file_speeds([])
    assert [level for level, _ in messages] == ["info", "warning", "warning", "warning"]
    assert messages[0][1].startswith("train: Fast image access") and "size 97.7 KB" in messages[0][1]


def test_sizes_after_the_orientation(tmp_path):
    picture, exif = Image.new("RGB", (6, 8)), Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "x.jpg", exif=exif)
    with Image.open(tmp_path / "x.jpg") as opened:
        assert opened.size == (6, 8) and exif_size(opened) == (8, 6)


def test_what_names_a_data_set_stays():
    assert convert_ndjson_to_yolo_if_needed("coco8.yaml") == "coco8.yaml"
    for name in ("x.ndjson", "ul://me/datasets/x"):
        with pytest.raises(NotImplementedError, match="NDJSON"):
            convert_ndjson_to_yolo_if_needed(name)


def test_the_loader_of_8_1(tmp_path):
    Image.new("RGB", (6, 8)).save(tmp_path / "x.png")
    loader = LoadImages(str(tmp_path), imgsz=64)
    assert isinstance(loader, LoadImagesAndVideos) and next(iter(loader))[1][0].shape == (8, 6, 3)
