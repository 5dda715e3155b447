"""What descriptions say about masks and depth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.cfg.errors import ConfigError
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.maps import ClassIds, add_polygon_background
from ultralytics.data.utils import add_polygon_background as public_one
from ultralytics.utils.yaml_io import YAML


def ids(mapping=None, nc=3):
    return ClassIds.from_data({"nc": nc, "label_mapping": mapping})


def test_numbers_without_a_mapping_are_classes():
    known = ids()
    assert known.meaningless[[0, 1, 2, 3, 254, 255, 256, 65535]].tolist() == [0, 0, 0, 1, 1, 0, 1, 1]
    assert known.to_classes(np.array([[0, 2, 255, 7]], np.uint8)).tolist() == [[0, 2, 255, 255]]
    assert known.dtype == np.uint8 and ids(nc=300).dtype == np.uint16


def test_mapping():
    known = ids({0: "ignore_label", 1: None, 7: 0, 8: 0, 300: 1, -1: 255, "9": 2, 2: 2})
    numbers = np.array([[0, 1, 7, 8, 300, 9, 2, 255, 10]], np.uint16)
    assert known.to_classes(numbers).tolist() == [[255, 255, 0, 0, 1, 2, 2, 255, 255]]
    assert known.meaningless[[0, 1, 7, 8, 300, 9, 10]].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert known.to_classes(np.array([[-1, 70000]], np.int32)).tolist() == [[255, 255]]
    assert known.to_numbers(np.array([[0, 1]], np.uint8)).tolist() == [[8, 300]]  # the last that is named


@given(st.permutations(range(20)))
def test_a_mapping_that_renames_can_be_inverted(order):
    known = ids(dict(enumerate(order)), nc=20)
    numbers = np.arange(20, dtype=np.uint8)[None]
    np.testing.assert_array_equal(known.to_numbers(known.to_classes(numbers)), numbers)


def test_some_classes():
    known = ids().keeping([2, np.int64(0)])
    assert known.to_classes(np.array([[0, 1, 2, 255]], np.uint8)).tolist() == [[0, 255, 2, 255]]
    assert not known.meaningless[1]  # a pixel of class 1 is no error
    assert ids().keeping([]).to_classes(np.array([[0, 1]], np.uint8)).tolist() == [[255, 255]]


def test_a_single_class_has_a_background():
    assert ids(nc=1).meaningless[[0, 1, 2, 255]].tolist() == [0, 0, 1, 0]


def test_polygons_get_a_background():
    given_data = {"names": {0: "a", 1: "b"}, "nc": 2}
    data = add_polygon_background(given_data)
    assert data == {"names": {0: "a", 1: "b", 2: "background"}, "nc": 3, "bg_class_idx": 2}
    assert given_data == {"names": {0: "a", 1: "b"}, "nc": 2} and add_polygon_background(data) == data
    assert add_polygon_background({"names": ["a"], "nc": 1}) == {"names": ["a"], "nc": 1, "bg_class_idx": 0}
    assert add_polygon_background({"names": ["a", "b"], "nc": 2, "masks_dir": "m"})["nc"] == 2
    assert public_one is add_polygon_background


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("masks_dir", 3, "beside 'images'"),
        ("masks_dir", " ", "beside 'images'"),
        ("label_mapping", [1, 2], "class for numbers"),
        ("label_mapping", {"road": 1}, "'road'"),
        ("label_mapping", {0: "road"}, "'road'"),
        ("label_mapping", {0: 1.5}, "1.5"),
        ("label_mapping", {0: -2}, "-2"),
        ("depth_scale", 0, "above 0"),
        ("depth_scale", -1, "above 0"),
        ("depth_scale", "1000", "above 0"),
        ("max_depth", 0, "above 0"),
        ("max_depth", float("nan"), "above 0"),
        ("depth_scale", True, "above 0"),
    ],
)
def test_faulty_keys(tmp_path, key, value, text):
    (tmp_path / "images").mkdir()
    file = tmp_path / "some.yaml"
    YAML.save(file, {"train": "images", "val": "images", "names": {0: "a"}, key: value})
    with pytest.raises(ConfigError, match=text) as caught:
        check_det_dataset(file)
    assert str(file) in str(caught.value) and key in str(caught.value)


def test_keys_are_passed_on(tmp_path):
    (tmp_path / "images").mkdir()
    keys = {"masks_dir": "masks", "label_mapping": {7: 0, 8: "ignore_label"}, "depth_scale": 256, "max_depth": 80}
    YAML.save(tmp_path / "some.yaml", {"train": "images", "val": "images", "names": {0: "a"}, **keys})
    data = check_det_dataset(tmp_path / "some.yaml")
    assert {key: data[key] for key in keys} == keys
