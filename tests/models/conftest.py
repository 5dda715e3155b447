"""Fixtures of the tests of segmentation, pose and rotated boxes: a module names its `TASK`."""

from __future__ import annotations

from pathlib import Path

import pytest
from shape_helpers import stirred_file, trained_once, write_shapes

from ultralytics import YOLO


@pytest.fixture(scope="module")
def data(request, tmp_path_factory) -> str:
    """The YAML of the task's drawn data set."""
    return write_shapes(tmp_path_factory.mktemp("data"), request.module.TASK)


@pytest.fixture(scope="module")
def trained(request, tmp_path_factory, data) -> YOLO:
    """A tiny network after an epoch."""
    return trained_once(tmp_path_factory.mktemp("runs"), data, request.module.TASK)


@pytest.fixture(scope="module")
def best(trained, tmp_path_factory) -> YOLO:
    """The same with outputs that differ."""
    return YOLO(stirred_file(trained.trainer.best, tmp_path_factory.mktemp("best") / "best.pt"))


@pytest.fixture(scope="module")
def pictures(data, trained) -> list[str]:
    """The validation pictures."""
    return sorted(map(str, (Path(data).parent / "set" / "images" / "val").iterdir()))
