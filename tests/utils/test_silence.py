"""Packages that report are imported without their reporters, and nothing else changes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ultralytics.utils.silence import SWITCHES, require_quietly, silence

ROOT = Path(__file__).resolve().parents[2]


def test_reporters_are_hidden_for_the_time_of_an_import(monkeypatch):
    stand_in = object()
    monkeypatch.setitem(sys.modules, "openvino_telemetry", stand_in)
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(KeyError), silence():
        assert sys.modules["openvino_telemetry"] is None and os.environ["ORT_DISABLE_TELEMETRY"] == "1"
        with pytest.raises(ImportError):
            importlib.import_module("openvino_telemetry")
        raise KeyError
    assert sys.modules["openvino_telemetry"] is stand_in and not set(SWITCHES) & os.environ.keys()


def test_missing_packages_are_told():
    with pytest.raises(ImportError, match=r"a test needs the package 'no_such_package'.*ultralytics\[extra\]"):
        require_quietly("no_such_package", "extra", "a test")


@pytest.mark.skipif(not importlib.util.find_spec("onnxruntime"), reason="onnxruntime is not installed (extra export)")
def test_onnx_runtime_leaves_nothing_behind(tmp_path):
    code = "from ultralytics.utils.silence import require_quietly as r; r('onnxruntime').get_available_providers()"
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PATH": "", "YOLO_CONFIG_DIR": str(tmp_path / "c")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    assert not list(tmp_path.rglob("*onnxruntime*"))
