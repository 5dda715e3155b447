"""Tables whose values are made when they are asked for."""

from __future__ import annotations

import pytest
import torch

import ultralytics
from ultralytics.data import build
from ultralytics.utils import torch_utils
from ultralytics.utils.lazy import LateDict


def test_modules_carry_the_usual_libraries():
    assert torch_utils.torch is torch and build.distributed is torch.utils.data.distributed
    assert not hasattr(ultralytics, "torch") and not hasattr(torch_utils, "pickle")


@pytest.fixture
def made():
    return []


@pytest.fixture
def table(made):
    return LateDict({key: lambda key=key: made.append(key) or key.upper() for key in ("a", "b")})


def test_nothing_is_made_by_looking_at_keys(table, made):
    assert (list(table), len(table), "a" in table, "c" in table) == (["a", "b"], 2, True, False)
    assert "a, b" in repr(table) and made == []


def test_values_are_made_once(table, made):
    assert (table["a"], table["a"], table.get("c"), made) == ("A", "A", None, ["a"])
    assert dict(table) == {"a": "A", "b": "B"} == {**table}
    with pytest.raises(KeyError):
        table["c"]


def test_values_can_be_replaced_and_removed(table, made):
    table["a"] = 1
    table["c"] = 3
    del table["b"]
    assert dict(table) == {"a": 1, "c": 3} and table | {"a": 2} == {"a": 2, "c": 3} and made == []


def test_task_map_of_a_model_can_be_changed_as_a_dictionary():
    from ultralytics.engine.model import entries

    tasks = entries({"detect": "ultralytics.models.yolo.detect.task:DETECT"})
    tasks["detect"]["trainer"] = int
    assert tasks["detect"]["trainer"] is int and tasks["detect"]["model"].__name__ == "DetectionModel"
