"""`compile` in prediction and validation: what runs, and what happens where nothing can be compiled."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from export_helpers import images, settled

from ultralytics import YOLO
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends import compiling
from ultralytics.nn.backends.pytorch import NativeRuntime

CPU = torch.device("cpu")


@pytest.fixture
def fake(monkeypatch):
    """Put a recorder in the place of the compiler: modes and sizes, and the network's own results."""
    seen = []

    def compile(model, mode):
        seen.append(mode)

        def run(x):
            seen.append(tuple(x.shape))
            return model(x)

        return run

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setattr(compiling.shutil, "which", lambda name: f"/bin/{name}")
    return seen


def test_mode_and_images_reach_the_compiler(fake):
    model, x = settled("yolov8n.yaml"), images(2, 64)
    expected = AutoBackend(model)(x)[0]
    backend = AutoBackend(model, compile="max-autotune")
    torch.testing.assert_close(backend(x)[0], expected, rtol=1e-4, atol=1e-3)
    assert fake == ["max-autotune", (2, 3, 64, 64)]
    backend(x, embed=[3])  # options of the network are left to itself
    assert len(fake) == 2
    handle = backend.model.model[1].register_forward_hook(lambda *_: None)
    backend(x)
    handle.remove()
    assert len(fake) == 2


def test_predict_and_val_compile(fake, tmp_path):
    model = YOLO("yolov8n.yaml")
    picture = np.zeros((64, 64, 3), np.uint8)
    model(picture, imgsz=64, compile=True, verbose=False)
    assert fake == ["default", (1, 3, 64, 64)]
    model(picture, imgsz=64, verbose=False)
    assert len(fake) == 2  # a call's argument ends with it


def test_a_network_of_others_is_not_compiled(fake):
    model = settled("yolov8n.yaml")
    runtime = NativeRuntime(model, CPU, fuse=False, compile=True)
    runtime.run(images(1, 64))
    assert fake == [] and runtime.compiled is None


def test_without_a_compiler_a_warning_says_so(monkeypatch, caplog):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    model, x = settled("yolov8n.yaml"), images(1, 64)
    backend = AutoBackend(model, compile=True)
    assert "needs a C++ compiler (g++, clang++, cl)" in caplog.text and backend.runtime.compiled is None
    torch.testing.assert_close(backend(x)[0], AutoBackend(model)(x)[0])


def test_a_compiler_that_fails_leaves_the_network(monkeypatch, caplog):
    def compile(model, mode):
        def run(x):
            raise RuntimeError("no such\nthing")

        return run

    monkeypatch.setattr(torch, "compile", compile)
    model, x = settled("yolov8n.yaml"), images(1, 64)
    backend = AutoBackend(model, compile=True)
    expected = AutoBackend(model)(x)[0]
    for _ in range(2):
        torch.testing.assert_close(backend(x)[0], expected, rtol=1e-4, atol=1e-3)
    assert caplog.text.count("torch.compile does not work here, running the network as it is: no such") == 1
    with pytest.raises(ValueError, match="takes images"):  # an error of the caller's stays one
        backend(torch.zeros(1, 4, 64, 64))


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, compiling.COMPILERS)), reason="needs a C++ compiler")
@pytest.mark.parametrize("name", ["yolov8n.yaml", "yolov8n-DynamicConv.yaml", "yolo26n.yaml"])
def test_compiled_networks_give_the_same(name):
    model, x = settled(name), images(2, 64)
    backend = AutoBackend(model, compile=True)
    with torch.inference_mode():
        torch.testing.assert_close(backend(x)[0], AutoBackend(model)(x)[0], rtol=1e-3, atol=1e-2)
    assert backend.runtime.compiled._worked
    explained = torch._dynamo.explain(backend.model)(x)
    assert explained.graph_count == 1
