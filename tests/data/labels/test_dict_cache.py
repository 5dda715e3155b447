"""Caches of scripts: what goes in comes out, and reading one runs nothing."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.data.labels import dict_cache
from ultralytics.data.utils import load_dataset_cache_file, save_dataset_cache_file

NUMBERS = st.booleans() | st.integers() | st.floats(allow_nan=False)
PLAIN = st.none() | NUMBERS | st.text() | st.builds(Path, st.just("a/b"))
NESTS = st.recursive(
    PLAIN, lambda c: st.lists(c) | st.tuples(c, c) | st.dictionaries(st.text() | st.integers(), c), max_leaves=20
)


@given(NESTS)
def test_nests_come_back(value):
    assert dict_cache._unpacked(dict_cache._packed(value, []), {}) == value


def test_labels_come_back(tmp_path):
    labels = [{"im_file": "a.jpg", "shape": (4, 6), "cls": np.ones((2, 1), np.float32), "segments": [np.zeros((3, 2))]}]
    file = tmp_path / "train.cache"
    save_dataset_cache_file("train: ", file, {"labels": labels, "results": (1, 0, np.int64(2)), "msgs": []}, "1.0.3")
    found = load_dataset_cache_file(file)
    assert found["version"] == "1.0.3" and found["results"] == (1, 0, 2) and found["msgs"] == []
    assert found["labels"][0]["shape"] == (4, 6) and found["labels"][0]["cls"].dtype == np.float32
    assert np.array_equal(found["labels"][0]["segments"][0], np.zeros((3, 2)))


def test_what_a_cache_does_not_hold(tmp_path):
    for value in (object(), np.array([object()])):
        with pytest.raises(TypeError):
            save_dataset_cache_file("", tmp_path / "x.cache", {"value": value}, "1")
    assert not (tmp_path / "x.cache").exists()


def test_pickles_are_not_read(tmp_path):
    file = tmp_path / "x.cache"
    with open(file, "wb") as stream:
        np.save(stream, {"labels": [pickle.dumps(1)]}, allow_pickle=True)
    with pytest.raises(ValueError, match=r"x\.cache.*delete it"):
        load_dataset_cache_file(file)
    with pytest.raises(FileNotFoundError):
        load_dataset_cache_file(tmp_path / "none.cache")


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(dict_cache.LOGGER, "warning", messages.append)
    (tmp_path / "file").touch()
    save_dataset_cache_file("val: ", tmp_path / "file" / "x.cache", {}, "1")
    assert len(messages) == 1 and messages[0].startswith("val: no cache is kept")
