"""Exporting reaches no network, calls no pip, and leaves nothing behind but the export, in every format."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ultralytics.nn.backends import FORMATS

PACKAGES = {  # what a format needs; None for torch alone
    "onnx": ("onnx", "onnxruntime"),
    "torchscript": (),
    "pt2": (),
    "openvino": ("onnx", "openvino"),
    "mnn": ("onnx", "MNN"),
    "ncnn": ("ncnn", "pnnx"),
    "litert": ("litert_torch", "ai_edge_litert"),
    "executorch": ("executorch",),
    "coreml": ("coremltools",),
}
SLOW = {"litert", "executorch", "coreml"}
ON_A_GPU = {"-", "engine"}
CODE = """
import json, os, sys
events = []
watched = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "os.system"}


def watch(event, args):
    if event in watched and not (event == "socket.connect" and isinstance(args[1], str)):  # a pipe of this machine
        events.append([event, repr(args)])


sys.addaudithook(watch)
import torch
from ultralytics import YOLO
from ultralytics.nn.autobackend import AutoBackend
form = sys.argv[1]
path = YOLO("yolov8n.yaml").export(format=form, imgsz=32)
if form != "coreml":
    AutoBackend(path)(torch.zeros(1, 3, 32, 32))
reporters = [m for m in sys.modules if "aliyun" in m or "mnnconvert" in m or m.startswith("openvino_telemetry.")]
print("\\n" + json.dumps({"events": events, "reporters": reporters}))
"""


def parameters():
    for form, names in PACKAGES.items():
        lacks = [name for name in names if not importlib.util.find_spec(name)]
        marks = [pytest.mark.skipif(bool(lacks), reason=f"not installed: {lacks}")]
        yield pytest.param(form, marks=[*marks, *([pytest.mark.slow] if form in SLOW else [])])


def test_no_format_is_forgotten():
    assert {facts.name for facts in FORMATS.values() if facts.home} == set(PACKAGES) | ON_A_GPU


@pytest.mark.parametrize("form", parameters())
def test_nothing_connects_installs_or_is_left_behind(tmp_path, form):
    home, work, fake = (tmp_path / name for name in ("home", "work", "fake"))
    for one in (home, work, fake):
        one.mkdir()
    for program in ("pip", "pip3"):
        (fake / program).write_text(f"#!/bin/sh\ntouch '{tmp_path}/pip-was-called'\n")
        (fake / program).chmod(0o755)
    (fake / "openvino_telemetry.py").write_text("raise SystemExit('telemetry was imported')")
    root = Path(__file__).resolve().parents[3]
    environment = {"HOME": str(home), "PATH": str(fake), "YOLO_CONFIG_DIR": str(tmp_path / "c"), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = f"{fake}:{root}"
    command = [sys.executable, "-c", CODE, form]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    (report,) = (line for line in done.stdout.splitlines() if line.startswith('{"events"'))
    assert json.loads(report) == {"events": [], "reporters": []}
    assert [file.name for file in work.iterdir()] == [f"yolov8n{FORMATS[form].suffix}"]
    assert not [file for word in ("onnxruntime", "openvino") for file in home.rglob(f"*{word}*")]
    assert not (tmp_path / "pip-was-called").exists()
