"""A fresh export is run once: what differs, does not run or takes the process down is refused, and nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from export_helpers import settled
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.engine.exporter import Exporter
from ultralytics.nn.backends import arrays, trial, verify
from ultralytics.nn.backends.base import FEW_BITS, ExportPlan, Limits
from ultralytics.nn.backends.onnx import OnnxFormat
from ultralytics.nn.backends.verify import ExportCheckError, disagreement, trial_images

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
PLAN = ExportPlan(imgsz=(64, 96), metadata={"task": "detect", "names": {0: "a", 1: "b"}})


@pytest.fixture(scope="module")
def model():
    return settled("yolov8n.yaml")


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def export(model, **options) -> str:
    return Exporter(overrides={"imgsz": 64, "batch": 1, "format": "onnx", "simplify": False, **options})(model)


def output(anchors: int = 40, count: int = 2) -> np.ndarray:
    """Predictions (B, 4 + 2 + 1, A): pixels, scores, an angle."""
    rng = np.random.default_rng(0)
    parts = rng.uniform(0, 96, (count, 4, anchors)), rng.random((count, 2, anchors)), rng.random((count, 1, anchors))
    return np.concatenate(parts, 1).astype(np.float32)


def differ(got, wanted, plan=PLAN, limits=None) -> str:
    return disagreement([got], [wanted], plan, limits or Limits())


# Comparison -----------------------------------------------------------------------------------------------------------


def test_small_differences_are_fine_and_large_ones_are_told():
    y = output()
    assert differ(y, y) == "" and differ(y + 1e-6, y) == ""
    for part, size, word in (
        (slice(0, 4), 0.01, "boxes"),
        (slice(4, 6), 1e-4, "scores"),
        (slice(6, 7), 0.1, "further"),
    ):
        other = y.copy()
        other[:, part] += size
        assert f"output 0: {word}" in differ(other, y), word
    other = y.copy()
    other[1] = y[0]  # one image of the batch
    assert "boxes differ" in differ(other, y)
    other[1, 0, 0] = np.nan
    assert "no numbers" in differ(other, y)
    assert "shapes" in differ(y[:, :, 1:], y)
    assert disagreement([y, y], [y], PLAN, Limits())
    assert differ(other, np.full_like(y, np.inf)) == ""  # nothing to compare with


def test_errors_grow_with_the_image():
    y = output()
    large = y * 20
    large[:, 4:6] = y[:, 4:6]
    other = large.copy()
    other[:, :4] += 3e-3
    assert differ(other, large) == "" and differ(np.add(y, 3e-3), y)


def test_one_outlier_is_fine_unless_it_is_far_off():
    y = output(1000)
    y[0, 0, 0] += 0.01
    assert differ(y, output(1000)) == ""
    y[0, 0, 0] += 1
    assert "boxes" in differ(y, output(1000))


def test_constant_scores_of_8_bits_are_told():
    y = output()
    other = y.copy()
    other[:, 4:6] += np.random.default_rng(1).normal(0, 0.01, other[:, 4:6].shape)
    assert differ(other, y, limits=FEW_BITS) == ""
    y[:, 4:6] *= 0.04  # no score is far from zero
    other[:, 4:6] = 0
    assert "correlate by 0.000" in differ(other, y, limits=FEW_BITS)


def test_classes():
    plan = replace(PLAN, metadata={"task": "classify", "names": {0: "a", 1: "b"}})
    y = np.array([[0.1, 0.9]], np.float32)
    assert differ(y, y, plan) == "" and "scores" in differ(y[:, ::-1], y, plan)


def test_class_maps_agree_in_nearly_all_pixels():
    y = np.random.default_rng(0).integers(0, 200, (2, 40, 50), np.uint8)
    other, plan = y.copy(), replace(PLAN, class_maps=True)
    other[:, ::5, ::20] += 1  # which are 1.2 percent
    assert differ(y, y, plan) == "" and differ(other[:, :20], y[:, :20], replace(plan, precision=16)) == ""
    assert differ(other, y, plan) == "output 0: 98.8% of the pixels have the same class (limit 99%)"


@given(st.permutations(range(6)), st.integers(0, 2))
def test_final_rows_may_change_places(order, lost):
    plan, rng = replace(PLAN, nms=True), np.random.default_rng(0)
    rows = np.concatenate((rng.uniform(0, 96, (6, 4)), rng.uniform(0.5, 1, (6, 1)), rng.integers(0, 2, (6, 1))), 1)
    rows = rows.astype(np.float32)
    other = rows[list(order)]
    other[:lost] = 0
    assert differ(other[None], rows[None], plan) == ""
    assert "image 1" in differ(np.stack((other, other * 0)), np.stack((rows, rows)), plan)
    other[:, 5] = 1 - other[:, 5]
    assert "0% of 6 detections" in differ(other[None], rows[None], plan)


def test_images_differ_and_fit():
    x = trial_images(replace(PLAN, batch=3))
    assert x.shape == (3, 3, 64, 96) and x.dtype == torch.float32 and x.min() >= 0 and x.max() <= 1
    assert not torch.allclose(x[0], x[1]) and torch.equal(x, trial_images(replace(PLAN, batch=3)))
    assert trial_images(replace(PLAN, free_batch=True, channels=1)).shape == (2, 1, 64, 96)
    assert trial_images(replace(PLAN, channels=5, imgsz=(32, 32))).shape == (1, 5, 32, 32)


# The run --------------------------------------------------------------------------------------------------------------


def wrong_export(self, model, plan, path):
    """Write the network with one weight changed."""
    next(model.parameters()).data[0] *= 1.5
    return original(self, model, plan, path)


original = OnnxFormat.export


def test_a_wrong_file_is_refused_and_the_old_one_stays(model, tmp_path, monkeypatch):
    path = Path(export(model))
    before = path.read_bytes()
    monkeypatch.setattr(OnnxFormat, "export", wrong_export)
    with pytest.raises(ExportCheckError, match=r"something else than torch: .*not kept.*torch 2.*onnxruntime \d"):
        export(model)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_wrong_torchscript_file_is_refused(model, tmp_path, monkeypatch):
    class Off(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x) + 1

    trace = torch.jit.trace
    monkeypatch.setattr("torch.jit.trace", lambda m, *args, **kwargs: trace(Off(m), *args, **kwargs))
    with pytest.raises(ExportCheckError, match="TorchScript file gives something else"):
        export(model, format="torchscript")
    assert not list(tmp_path.iterdir())


def test_a_free_batch_is_tried(model, tmp_path, monkeypatch):
    """A file that holds for the recorded batch alone is found out."""
    monkeypatch.setattr("ultralytics.nn.backends.onnx.free_axes", lambda plan: None)
    with pytest.raises(ExportCheckError, match=r"cannot be run: .*(images|dimension|batch)"):
        export(model, dynamic="batch")
    assert not list(tmp_path.iterdir())


def opener_in(tmp_path, body: str, monkeypatch) -> None:
    """Let ONNX files be opened by a function of this text."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own_opener.py").write_text(f"import os, signal, sys\ndef open_file(path):\n    {body}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    monkeypatch.setattr(OnnxFormat, "opener", "own_opener:open_file")


@pytest.mark.skipif(os.name == "nt", reason="there are no signals")
def test_a_runtime_that_dies_is_told(model, tmp_path, monkeypatch):
    opener_in(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)", monkeypatch)
    with pytest.raises(ExportCheckError, match=r"takes down the process that runs it \(SIGSEGV\)"):
        export(model)
    assert [file.name for file in tmp_path.iterdir()] == ["code"]


def test_a_runtime_that_exits_is_told(model, tmp_path, monkeypatch):
    opener_in(tmp_path, "print('no such operator'); sys.exit(7)", monkeypatch)
    with pytest.raises(ExportCheckError, match="cannot be run: no such operator"):
        export(model)


def test_without_a_runtime_there_is_a_warning(model, tmp_path, monkeypatch, caplog):
    opener_in(tmp_path, "raise ImportError('nothing to run it with')", monkeypatch)
    assert Path(export(model)).is_file() and "not checked: nothing to run it with" in caplog.text


def test_a_slow_runtime_is_not_waited_for(model, tmp_path, monkeypatch, caplog):
    opener_in(tmp_path, "import time; time.sleep(60)", monkeypatch)
    monkeypatch.setattr(verify, "SECONDS", 0.5)
    assert Path(export(model)).is_file() and "took more than 0.5 s" in caplog.text


def test_no_process_and_no_folder_stays_after_an_error(model, tmp_path, monkeypatch):
    seen = []

    def broken(self, model, plan, path):
        seen.extend(Path(tempfile.gettempdir()).glob("ultralytics-trial-*"))
        raise RuntimeError("the converter failed")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(OnnxFormat, "export", broken)
    with pytest.raises(RuntimeError, match="converter failed"):
        export(model)
    assert len(seen) == 1 and not list(tmp_path.iterdir())


def test_the_process_needs_no_torch(tmp_path):
    code = f"import sys; import {arrays.__name__}, {trial.__name__}; print(*sorted(sys.modules))"
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": root}, capture_output=True)
    loaded = done.stdout.decode().split()
    assert "numpy" in loaded and not {"torch", "cv2", "onnxruntime"} & set(loaded)
