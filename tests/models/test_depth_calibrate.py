"""Choosing the scale of depth models: figures of the published package, laws, files."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ultralytics.models.yolo.depth.calibrate import (
    calibrate_checkpoint,
    collect_pairs,
    depth_head,
    fit_calibration_selective,
    select_calibration,
    select_calibration_cv,
    set_calibration,
)
from ultralytics.nn.models import DepthModel, DetectionModel
from ultralytics.nn.weights.checkpoint import halved, save_checkpoint, torch_safe_load

NETWORK = {"nc": 1, "backbone": [[-1, 1, "Conv", [8, 3, 8]]], "head": [[[0], 1, "Depth", [8]]]}


def logs() -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of predictions and truth, as the published package was asked about."""
    draw = np.random.RandomState(0)
    truth = draw.randn(500)
    return truth * 0.8 + 0.5 + 0.05 * draw.randn(500), truth


def parts(count: int = 10) -> list[tuple[np.ndarray, np.ndarray]]:
    pred, truth = logs()
    return [(pred[i * 50 : i * 50 + 50], truth[i * 50 : i * 50 + 50]) for i in range(count)]


def batches(model: nn.Module, factor: float, images: int = 6, size: int = 4) -> list[dict[str, Any]]:
    """Batches whose truth is a multiple of what a model gives, the first row unknown."""
    torch.manual_seed(1)
    pictures = torch.rand(images, 3, 32, 32)
    with torch.no_grad():
        truth = nn.functional.interpolate(model.eval()(pictures), size=(32, 32), mode="bilinear", align_corners=True)
    truth = truth * factor
    truth[:, :, 0] = 0
    both = zip(pictures.split(size), truth.split(size), strict=True)
    return [{"img": (x * 255).round().byte() if not i else x, "depth": y} for i, (x, y) in enumerate(both)]


@pytest.fixture
def model() -> DepthModel:
    torch.manual_seed(0)
    return DepthModel(NETWORK, verbose=False).eval()


def test_choices_are_those_of_the_published_package():
    pred, truth = logs()
    found = select_calibration(pred, truth, pred, truth)
    assert found["name"] == "scale-only" and found["a"] == 1
    assert found["b"] == pytest.approx(-0.501812939084089, abs=1e-12)
    assert found["scores"] == {"identity": 0.086, "current": 0.086, "scale-only": 0.708}
    assert select_calibration(pred, truth, pred, truth, current=(1.25, -0.625))["name"] == "current"
    assert select_calibration(truth, truth, truth, truth)["name"] == "identity"  # of equals the first

    three = select_calibration_cv(parts(), folds=3)
    assert three["cv_scores"] == pytest.approx({"identity": 0.085, "current": 0.085, "scale-only": 0.7077777777777777})
    two = select_calibration_cv(parts(2))
    assert two["b"] == pytest.approx(-0.4778918478986066, abs=1e-12)
    assert two["cv_scores"] == pytest.approx({"identity": 0.11, "current": 0.11, "scale-only": 0.65})
    assert two["b"] == np.mean([truth - pred for pred, truth in parts(2)])  # fitted again to all


@pytest.mark.parametrize("count", [0, 1])
def test_too_little_leaves_distances_as_they_are(count):
    found = select_calibration_cv(parts(count))
    assert (found["a"], found["b"], found["name"]) == (1, 0, "identity")
    assert all(math.isnan(score) for score in found["cv_scores"].values())


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 20), st.integers(0, 1000))
def test_a_common_factor_is_found(factor, seed):
    draw = np.random.default_rng(seed)
    pairs = [(pred, pred + np.log(factor)) for pred in draw.normal(size=(4, 30))]
    found = select_calibration_cv(pairs, margin=0.002)
    if abs(np.log(factor)) < np.log(1.25) - 1e-9:
        assert found["name"] == "identity" and found["b"] == 0
    else:
        assert found["name"] == "scale-only" and found["b"] == pytest.approx(np.log(factor))


def test_a_small_gain_is_not_worth_a_change():
    truth = np.zeros(1000)
    pred = np.where(np.arange(1000) < 2, -0.4, 0.1)  # two pixels of a thousand would gain
    assert select_calibration_cv([(pred, truth)] * 2, margin=0.002)["name"] == "identity"


def test_a_network_gets_the_factor_of_its_data(model):
    found = fit_calibration_selective(model, batches(model, 5.0), "cpu")
    assert found["images"] == 6 and found["name"] == "scale-only" and found["b"] == pytest.approx(np.log(5), abs=0.02)
    assert float(model.model[-1].cal_b) == 0  # the network stays as it is
    set_calibration(model, (1.0, 0.7))
    again = collect_pairs(model, batches(model, 1.0), torch.device("cpu"))
    assert np.mean(again[0][1] - again[0][0]) == pytest.approx(0.7, abs=0.02)  # predictions without calibration


def test_only_so_many_images_and_known_pixels_count(model):
    data = batches(model, 5.0)
    assert fit_calibration_selective(model, data, "cpu", max_images=3)["images"] == 3
    data[0]["depth"][0] = 0
    data[0]["depth"][1] = float("nan")
    data[0]["depth"][2] = 500.0
    assert len(collect_pairs(model, data, torch.device("cpu"))) == 3


def test_fewer_than_two_images_are_told(model, capsys):
    assert fit_calibration_selective(model, batches(model, 5.0, images=1), "cpu") is None
    assert "got 1; skipped" in capsys.readouterr().out


def test_files_keep_all_else(model, tmp_path):
    network = halved(DepthModel(NETWORK, verbose=False))
    network.args, network.names = {"imgsz": 32}, {0: "depth"}
    file = tmp_path / "a.pt"
    save_checkpoint({"model": network, "ema": None, "epoch": 7, "train_args": {"imgsz": 32}, "note": "kept"}, file)
    record = calibrate_checkpoint(
        file, batches(model, 5.0), "cpu", tmp_path, dataset_hash="abc", validation_split="val", max_depth=200
    )
    content, _ = torch_safe_load(file)
    assert content["depth_calibration"] == record and content["note"] == "kept" and content["epoch"] == 7
    assert (record["dataset_hash"], record["validation_split"]) == ("abc", "val")
    head = depth_head(content["model"])
    assert float(head.cal_b) == pytest.approx(record["b"]) and content["model"].args == {"imgsz": 32}
    assert next(content["model"].parameters()).dtype == torch.float16
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == [f"val_batch{n}_calibrated.jpg" for n in (0, 1)]


def test_nothing_is_written_where_nothing_was_chosen(model, tmp_path):
    file = tmp_path / "a.pt"
    save_checkpoint({"model": model, "train_args": {}}, file)
    before = file.read_bytes()
    assert calibrate_checkpoint(file, batches(model, 5.0, images=1), "cpu") is None and file.read_bytes() == before


def test_other_networks_have_no_scale():
    cfg = {"nc": 1, "backbone": [[-1, 1, "Conv", [8, 3, 8]]], "head": [[[0], 1, "Detect", ["nc"]]]}
    with pytest.raises(ValueError, match="no Depth head"):
        depth_head(DetectionModel(cfg, verbose=False))
