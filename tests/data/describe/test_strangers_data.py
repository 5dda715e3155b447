"""Data sets that nobody should have made: descriptions, pictures, labels, lists and annotations."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from ultralytics.cfg.errors import ConfigError
from ultralytics.data.converter import convert_coco
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.data.describe.locate import find_images
from ultralytics.data.generators.shapes import ShapesSpec
from ultralytics.data.images.io import UnreadableImageError, imread
from ultralytics.data.labels import verify
from ultralytics.data.labels.verify import LabelRules, check_image, scan_pair
from ultralytics.data.loaders.files import list_source_files
from ultralytics.data.sources import load_inference_source
from ultralytics.engine.coco import coco_image_id
from ultralytics.utils.log import LOGGER
from ultralytics.utils.settings import SETTINGS
from ultralytics.utils.yaml_io import YAML

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("images/val"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(0, 2), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = ["path", "train", "val", "test", "minival", "validation", "names", "nc", "channels", "download", "sha256"]
KEYS += ["kpt_shape", "flip_idx", "size", "task"]
QUICK = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SETTINGS, "datasets_dir", str(tmp_path / "datasets"))
    monkeypatch.setattr(LOGGER, "disabled", True)


# Descriptions ---------------------------------------------------------------------------------------------------------

BASE = {"path": "x", "train": "images/val", "val": "images/val", "names": ["circle"]}


@settings(max_examples=200, **QUICK)
@given(st.dictionaries(st.sampled_from(KEYS), plain, max_size=3))
@example({"nc": float("inf")})
@example({"nc": 10**15, "names": None})
@example({"names": {float("inf"): "a"}})
@example({"path": "a\0b"})
@example({"val": "x" * 5000})
@example({"train": [["a"]]})
@example({"download": 5})
@example({"download": "https://example.org/a.zip", "sha256": 5})
@example({"generator": "shapes", "counts": {"train": 1, "val": 1, "../../x": 1}})
@example({"generator": "shapes", "counts": {"train": 10**12, "val": 1}})
@example({"generator": "shapes", "size": 10**6})
@example({"generator": "shapes", "seed": []})
def test_any_description_is_read_or_told(changes):
    YAML.save("data.yaml", {**BASE, **changes})
    for check in (check_det_dataset, check_cls_dataset):
        try:
            check("data.yaml")
        except (ConfigError, FileNotFoundError, NotImplementedError) as error:
            assert len(str(error)) < 20_000
        except ValueError as error:  # a number that YAML writes and does not read again
            assert "data.yaml" in str(error)
    assert not os.path.exists("../x")


def test_names_of_splits_lead_nowhere():
    with pytest.raises(ConfigError, match="'counts'"):
        ShapesSpec.from_keys({"counts": {"train": 1, "val": 1, "../../x": 1}})


# Pictures -------------------------------------------------------------------------------------------------------------


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header claims a size and which holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore")
def test_pictures_that_claim_any_size(tmp_path):
    jpeg = bytearray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = b"\xff\xdc\xff\xdc"  # 65,500 x 65,500
    for name, content in {
        "a.png": png_header(100_000, 100_000),
        "b.jpg": bytes(jpeg),
        "c.jpg": bytes(jpeg[:-2]),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImageError, match=rf"{name}: .*(exceeds limit|tiny files can claim any size)"):
            imread(tmp_path / name)
        with pytest.raises(ValueError, match="exceeds limit"):
            check_image(tmp_path / name)


def encoded(suffix: str, exif: bool) -> bytes:
    picture = Image.fromarray(np.arange(48 * 40 * 3, dtype=np.uint8).reshape(40, 48, 3))
    stream = io.BytesIO()
    tags = Image.Exif()
    tags[0x0112], tags[0x010E] = 6, "text"
    picture.save(stream, suffix, **({"exif": tags} if exif else {}))
    return stream.getvalue()


WHOLE = {name: encoded(name, exif) for name, exif in (("JPEG", True), ("PNG", True), ("TIFF", True), ("WEBP", True))}
WHOLE |= {name: encoded(name, False) for name in ("BMP", "GIF")}


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, **QUICK)
@given(
    st.sampled_from(list(WHOLE)),
    st.lists(st.tuples(st.floats(0, 0.4), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5),
    st.floats(0.5, 2),
)
def test_damaged_pictures_are_read_or_told(tmp_path, kind, changes, share):
    raw = bytearray(WHOLE[kind])
    for place, change in changes:
        start = int(place * len(raw))
        raw[start : start + len(change)] = change
    file = tmp_path / f"a.{kind.lower()}"
    file.write_bytes(raw[: int(share * len(raw))])
    with contextlib.suppress(ValueError):
        check_image(file)
    try:
        image = imread(file)
    except UnreadableImageError as error:
        assert str(file) in str(error)
    else:
        assert image.ndim == 3 and image.dtype == np.uint8


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "b.txt")
    cv2.imwrite(str(tmp_path / "b.jpg"), np.zeros((32, 32, 3), np.uint8))
    for name in ("a", "b"):
        row = scan_pair(str(tmp_path / f"{name}.jpg"), str(tmp_path / f"{name}.txt"), LabelRules())
        assert row.rows is None and "not a regular file" in str(row.findings[0])


# Labels, lists, annotations -------------------------------------------------------------------------------------------


def test_large_label_files_are_not_read(tmp_path, monkeypatch):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((32, 32, 3), np.uint8))
    with open(tmp_path / "a.txt", "wb") as file:
        file.truncate(1 << 30)  # one line of zero bytes
    row = scan_pair(str(tmp_path / "a.jpg"), str(tmp_path / "a.txt"), LabelRules())
    assert row.rows is None and row.findings[0].kind == "unreadable label file"
    assert "1,074 MB" in row.findings[0].text
    monkeypatch.setattr(verify, "MAX_LABEL_BYTES", 1 << 31)


@settings(**QUICK)
@given(st.binary(max_size=60) | st.text("0123456789. \n-+enainfx_", max_size=60).map(str.encode))
def test_any_label_file_is_read_or_told(tmp_path, content):
    if not (tmp_path / "a.png").exists():
        cv2.imwrite(str(tmp_path / "a.png"), np.zeros((32, 32, 3), np.uint8))
    (tmp_path / "a.txt").write_bytes(content)
    for rules in (LabelRules(2), LabelRules(2, (2, 3))):
        row = scan_pair(str(tmp_path / "a.png"), str(tmp_path / "a.txt"), rules)
        assert row.rows is not None or row.findings


@pytest.mark.parametrize("content", [b"\xff\xfe a.jpg", b"a\0b.jpg"])
def test_lists_that_are_no_text(tmp_path, content):
    file = tmp_path / "list.txt"
    file.write_bytes(content)
    for read in (find_images, list_source_files):
        with pytest.raises(ValueError, match=r"list\.txt' is no list of paths"):
            read(file)
    file = file.rename(tmp_path / "list.streams")
    with pytest.raises(ValueError, match=r"list\.streams' is no list of paths"):
        load_inference_source(file)


def test_damaged_marks_are_made_anew(tmp_path):
    keys = {**BASE, "path": "drawn", "generator": "shapes", "size": 32, "counts": {"train": 1, "val": 1}}
    YAML.save("data.yaml", keys)
    root = check_det_dataset("data.yaml")["path"]
    (root / "generator.json").write_text("{")
    assert check_det_dataset("data.yaml")["path"] == root
    assert json.loads((root / "generator.json").read_text())["generator"] == "shapes"


@settings(max_examples=150, **QUICK)
@given(
    st.dictionaries(st.sampled_from(["id", "file_name", "width", "height", "coco_url"]), plain, max_size=3),
    st.dictionaries(
        st.sampled_from(["image_id", "category_id", "bbox", "segmentation", "keypoints", "iscrowd"]), plain, max_size=3
    ),
)
@example({}, {"segmentation": {"size": [10**6, 10**6], "counts": [10**12]}})
@example({}, {"segmentation": {"size": [1, 1], "counts": "é"}})
@example({"width": 0}, {})
def test_any_annotation_is_converted_or_told(tmp_path, image, annotation):
    image = {"id": 1, "file_name": "a.jpg", "width": 10, "height": 10, **image}
    annotation = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], **annotation}
    (tmp_path / "a.json").write_text(json.dumps({"images": [image], "annotations": [annotation]}))
    for options in ({}, {"use_segments": True}, {"use_keypoints": True}):
        try:
            convert_coco(tmp_path, tmp_path / "out", **options)
        except ValueError as error:
            assert "a.json" in str(error)


def test_numbers_of_pictures():
    assert [coco_image_id(stem) for stem in ("0012", "a1", "²", "9" * 5000)] == [12, "a1", "²", "9" * 5000]
